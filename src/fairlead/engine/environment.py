"""Puts the environment's values into a call, once, before it is served: no caller gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fairlead.engine.bodies import settled_body
from fairlead.plan.model import Constant, Supply, UpstreamCall
from fairlead.plan.templates import Template
from fairlead.plan.variables import operators_name
from fairlead.settings import Secret

# A shorter value may be a word that stands in any text, and masking it would hide what happened.
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class SettledCall:
    """A call that needs nothing but its caller's arguments, and the values in it that are never to be shown."""

    call: UpstreamCall
    secrets: tuple[Secret, ...] = field(repr=False)


def settled_call(call: UpstreamCall, secrets: Mapping[str, Secret]) -> SettledCall:
    """The call with the values of its variables, all of which are among the secrets."""
    names = call.environment
    if not names:
        return SettledCall(call, ())
    values = {operators_name(name): secrets[name].reveal().strip() for name in names}
    inputs = tuple(replace(item, supply=_settled(item.supply, values)) for item in call.inputs)
    body = settled_body(call.body, values) if call.body else None
    hidden = tuple(Secret(value) for value in values.values() if len(value) >= _SHORTEST_SECRET)
    return SettledCall(replace(call, inputs=inputs, body=body), hidden)


def _settled(supply: Supply, values: Mapping[str, str]) -> Supply:
    if not isinstance(supply, Template):
        return supply
    filled = supply.with_values(values)
    return filled if filled.variables else Constant(filled.literals[0])
