"""The operations of plans with what the environment adds: addresses, credentials, and the way to the upstream."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import urlsplit

from fairlead.archive.contract import BASE_URI
from fairlead.engine.credentials import missing_variables, resolve_credential
from fairlead.engine.execute import Runnable, runnable
from fairlead.engine.pins import check_pins
from fairlead.errors import ConfigurationError
from fairlead.plan.model import Operation, Plan, Upstream
from fairlead.sandbox.options import DEMO_TOKEN
from fairlead.settings import Secret, Settings
from fairlead.upstream.auth import Credential
from fairlead.upstream.request import Call

# How an operation is called, at an address and with a credential.
Way: TypeAlias = Callable[[Operation, str, Credential], Call]

# What no address holds and some HTTP clients would quietly repair.
_UNUSABLE = re.compile(r"""[\s<>"{}|\\^`?#]""")


def operations_of(
    plans: Sequence[Plan], settings: Settings, upstream: str | None, way: Way
) -> dict[Operation, Runnable]:
    """The operations with addresses and credentials; raises ConfigurationError naming every missing variable."""
    upstreams = called_upstreams(plans)
    _refuse_missing_variables(upstreams, settings.secrets, stand_in=upstream is None)
    for plan in plans:
        for operation in plan.operations:
            check_pins(operation)
    credentials = {up: resolve_credential(up, settings.secrets) for up in upstreams}
    bases = {up: upstream_address(up, upstream) for up in upstreams}

    def ready(operation: Operation) -> Runnable:
        up = operation.call.upstream
        call = way(operation, bases[up], credentials[up])
        return runnable(operation, base=bases[up], credential=credentials[up], call=call)

    return {operation: ready(operation) for plan in plans for operation in plan.operations}


def called_upstreams(plans: Sequence[Plan]) -> tuple[Upstream, ...]:
    """The upstreams that operations call; a document may describe more."""
    return tuple(dict.fromkeys(operation.call.upstream for plan in plans for operation in plan.operations))


def variables_of(upstream: Upstream) -> tuple[str, ...]:
    """The environment variables an upstream's credential is made of."""
    return tuple(upstream.authentication.variables.values()) if upstream.authentication else ()


def _refuse_missing_variables(upstreams: Sequence[Upstream], secrets: Mapping[str, Secret], *, stand_in: bool) -> None:
    missing = list(dict.fromkeys(name for up in upstreams for name in missing_variables(up, secrets)))
    if not missing:
        return
    lacking = [up for up in upstreams if missing_variables(up, secrets)]
    remedy = f"Type `export {' '.join(f'{name}=…' for name in missing)}` with your key{'s' * (len(missing) > 1)}"
    if stand_in and all(up.base == BASE_URI for up in upstreams):
        remedy += ", or try the stand-in with `--sandbox`"
    raise ConfigurationError(
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set, and "
        f"{' and '.join(f'`{up.namespace}`' for up in lacking)} cannot be called without.",
        remedy=f"{remedy}.",
    )


def upstream_address(upstream: Upstream, override: str | None) -> str:
    """The address calls go to; raises ConfigurationError for one that cannot be called."""
    base = (upstream.base if override is None else override).rstrip("/")
    try:
        parts = urlsplit(base)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or _UNUSABLE.search(base) or not base.isprintable():
        raise ConfigurationError(
            f"`{_without_user(base) or 'nothing'}` is no address that `{upstream.namespace}` can be called at.",
            remedy="Give one with `--upstream https://…`.",
        )
    if parts.username or parts.password:
        raise ConfigurationError(
            f"The address of `{upstream.namespace}` holds a user name or password.",
            remedy="Leave it out; credentials come from the document's authentication.",
        )
    return base


def _without_user(address: str) -> str:
    """An address as a message may show it: whatever could be a password, in any spelling, is masked."""
    before, at, place = address.rpartition("@")
    scheme, slashes, _ = before.partition("://")
    masked = f"{scheme}://***@" if slashes else "***@" if at else ""
    return masked + place.partition("?")[0]


def demo_secrets(plans: Sequence[Plan]) -> dict[str, Secret]:
    """The sandbox's token under every variable the plans' credentials read."""
    return {name: Secret(DEMO_TOKEN) for upstream in called_upstreams(plans) for name in variables_of(upstream)}
