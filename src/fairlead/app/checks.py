"""What has to be so before plans are served, and before a reload takes others."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Never

from fairlead.app.equipment import settings_for
from fairlead.app.options import ServeOptions
from fairlead.app.upstreams import operations_of
from fairlead.errors import ConfigurationError, FairleadError
from fairlead.expose.caller_tokens import open_token_file
from fairlead.expose.doors import Outside, asks_every_caller, open_doors
from fairlead.plan.addresses import is_loopback
from fairlead.plan.model import Plan
from fairlead.settings import Settings
from fairlead.telemetry.records import record


def check_servable(plans: Sequence[Plan], options: ServeOptions) -> None:
    """Raise ConfigurationError for what would keep a process with these options from serving plans."""
    refuse_open_bind(plans, options)
    settings = settings_for(plans, options.settings, sandbox=options.sandbox is not None)
    operations_of(plans, settings, options.sandbox_url or options.upstream, lambda *_: _nowhere)
    open_doors(plans, settings, options.host, named_tokens(settings), Outside(fetch=_nowhere, now=time.time))


async def _nowhere(_: object) -> Never:
    raise FairleadError("Nothing is sent while a configuration is checked.")


def refuse_open_bind(plans: Sequence[Plan], options: ServeOptions) -> None:
    """Raise ConfigurationError when callers from the network would not be asked who they are."""
    open_bind = not is_loopback(options.host) and not options.insecure
    if open_bind and not asks_every_caller(plans, options.settings):
        raise ConfigurationError(
            f"`--host {options.host}` would let anyone on the network use this server's credentials.",
            remedy="Set FAIRLEAD_API_TOKEN, so that callers need a token, or give each adapter of the document an "
            "`authentication`; or add `--insecure` if you mean it.",
        )


def named_tokens(settings: Settings) -> Mapping[bytes, str]:
    """The tokens of the token file, when there is one; raises ConfigurationError for a file that cannot be used."""
    if not settings.api_token_file:
        return {}
    file = open_token_file(Path(settings.api_token_file))
    if file.warning:
        record("token file", warning=file.warning)
    return file.names
