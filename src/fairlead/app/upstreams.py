"""The operations of plans with what the environment adds: addresses, credentials, and the way to the upstream."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias
from urllib.parse import urlsplit

from fairlead.archive.contract import BASE_URI, TRAIL_URI
from fairlead.engine.credentials import call_variables, credential_variables, missing_variables, resolve_credential
from fairlead.engine.environment import settled_call
from fairlead.engine.execute import Runnable, runnable
from fairlead.engine.pins import check_pins
from fairlead.errors import ConfigurationError, UpstreamUnreachable
from fairlead.plan.model import Constant, Operation, Plan, Upstream
from fairlead.plan.paths import PLACEHOLDER
from fairlead.sandbox.options import DEMO_TOKEN
from fairlead.settings import Secret, Settings
from fairlead.upstream.auth import Credential
from fairlead.upstream.request import Call, UpstreamRequest, UpstreamResponse

# How an operation is called, at an address and with a credential.
Way: TypeAlias = Callable[[Operation, str, Credential], Call]

# What no address holds and some HTTP clients would quietly repair.
_UNUSABLE = re.compile(r"""[\s<>"{}|\\^`?#]""")


def operations_of(
    plans: Sequence[Plan], settings: Settings, upstream: str | None, way: Way
) -> dict[Operation, Runnable]:
    """The operations with addresses and credentials; raises ConfigurationError naming every missing variable.

    An upstream without a usable address fails with each of its calls, unless there is no other one (dialect R11).
    """
    upstreams = called_upstreams(plans)
    _refuse_missing_variables(plans, settings.secrets, stand_in=upstream is None)
    for plan in plans:
        for operation in plan.operations:
            check_pins(operation)
    credentials = {up: resolve_credential(up, settings.secrets) for up in upstreams}
    unpinned = {} if upstream is not None else _unpinned(plans)
    bases: dict[Upstream, str] = {}
    unusable = dict(unpinned)
    for up in upstreams:
        try:
            bases[up] = upstream_address(up, upstream, settings.secrets)
        except ConfigurationError as failure:
            unusable.setdefault(up, failure)
    if unusable and unusable.keys() >= set(upstreams):
        raise next(iter(unusable.values()))

    def ready(operation: Operation) -> Runnable:
        up = operation.call.upstream
        settled = settled_call(operation.call, settings.secrets)
        own = credentials[up]
        credential = replace(own, secrets=(*own.secrets, *settled.secrets)) if settled.secrets else own
        made = operation if settled.call is operation.call else replace(operation, call=settled.call)
        if up in unusable:
            return runnable(made, base="http://nowhere.invalid", credential=credential, call=_refusing(unusable[up]))
        return runnable(made, base=bases[up], credential=credential, call=way(operation, bases[up], own))

    return {operation: ready(operation) for plan in plans for operation in plan.operations}


def called_upstreams(plans: Sequence[Plan]) -> tuple[Upstream, ...]:
    """The upstreams that operations call; a document may describe more."""
    return tuple(dict.fromkeys(operation.call.upstream for plan in plans for operation in plan.operations))


def variables_of(plans: Sequence[Plan]) -> tuple[str, ...]:
    """The environment variables that the calls of plans need, each once."""
    calls = [operation.call for plan in plans for operation in plan.operations]
    return tuple(dict.fromkeys(name for call in calls for name in call_variables(call)))


def _refuse_missing_variables(plans: Sequence[Plan], secrets: Mapping[str, Secret], *, stand_in: bool) -> None:
    missing = missing_variables(variables_of(plans), secrets)
    if not missing:
        return
    upstreams = called_upstreams(plans)
    calls = [operation.call for plan in plans for operation in plan.operations]
    lacking = dict.fromkeys(call.upstream for call in calls if missing_variables(call_variables(call), secrets))
    exported = [name for name in missing if "#" not in name]
    remedy = f"Type `export {' '.join(f'{name}=…' for name in exported)}` with your key{'s' * (len(exported) > 1)}"
    if not exported:
        remedy = "Write what stands after the `#` into the file before it"
    if stand_in and all(up.base == BASE_URI for up in upstreams):
        remedy += ", or try the stand-in with `--sandbox`"
    raise ConfigurationError(
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set, and "
        f"{' and '.join(f'`{up.namespace}`' for up in lacking)} cannot be called without.",
        remedy=f"{remedy}.",
    )


def _unpinned(plans: Sequence[Plan]) -> dict[Upstream, ConfigurationError]:
    """The upstreams whose address has a part that only the operator may give, and that nobody gave."""
    found: dict[Upstream, ConfigurationError] = {}
    for call in (operation.call for plan in plans for operation in plan.operations):
        given = {item.name for item in call.inputs if isinstance(item.supply, Constant)}
        lacking = next((name for name in call.upstream.pinned if name not in given), None)
        if lacking:
            found[call.upstream] = ConfigurationError(
                f"`{{{lacking}}}` in the address of `{call.upstream.namespace}` decides whom the credential goes to, "
                "so callers cannot give it.",
                remedy=f"Give it with `--pin {lacking}=…`, or the whole address with `--upstream https://…`.",
            )
    return found


def _refusing(reason: ConfigurationError) -> Call:
    """A way to nowhere, which says why."""

    async def refuse(_request: UpstreamRequest) -> UpstreamResponse:
        raise UpstreamUnreachable(reason.public, remedy="It is for whoever runs this server to mend.")

    return refuse


def _spelled(upstream: Upstream, environment: Mapping[str, Secret]) -> str:
    """The address with the environment's variables in it."""
    address = upstream.base
    for name, variable in upstream.variables.items():
        if variable not in environment:
            raise ConfigurationError(
                f"{variable} is not set, and the address of `{upstream.namespace}` is made of it.",
                remedy=f"Type `export {variable}=…`, or give the whole address with `--upstream https://…`.",
            )
        address = address.replace(f"{{{name}}}", environment[variable].reveal().strip().rstrip("/"))
    return address.rstrip("/")


def upstream_address(upstream: Upstream, override: str | None, environment: Mapping[str, Secret]) -> str:
    """The address calls go to, placeholders included; raises ConfigurationError for one that cannot be called."""
    is_ours = upstream.base == TRAIL_URI
    address = _spelled(upstream, environment) if override is None or is_ours else override.rstrip("/")
    base = PLACEHOLDER.sub("1", address)
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
    return address


def _without_user(address: str) -> str:
    """An address as a message may show it: whatever could be a password, in any spelling, is masked."""
    before, at, place = address.rpartition("@")
    scheme, slashes, _ = before.partition("://")
    masked = f"{scheme}://***@" if slashes else "***@" if at else ""
    return masked + place.partition("?")[0]


def demo_secrets(plans: Sequence[Plan]) -> dict[str, Secret]:
    """The sandbox's token under every variable the plans' credentials read."""
    names = [name for upstream in called_upstreams(plans) for name in credential_variables(upstream)]
    return {name: Secret(DEMO_TOKEN) for name in names}
