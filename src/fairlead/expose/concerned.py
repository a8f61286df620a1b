"""Which of a call's arguments an upstream's refusal is about, in words a model can act on."""

from __future__ import annotations

import re

from fairlead.errors import FairleadError, UpstreamRejected
from fairlead.plan.model import Arguments, Parameter, Tool

_MOST_VALUES = 80
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def concerned(tool: Tool, arguments: Arguments, error: FairleadError) -> tuple[str, ...]:
    """What to look at after a refusal: the arguments its reason names, else those in the path for 403 and 404."""
    if not isinstance(error, UpstreamRejected) or error.status in {401, 429} or error.status >= 500:
        return ()
    given = [parameter for parameter in tool.operation.parameters if parameter.name in arguments]
    named = [parameter for parameter in given if _is_named(parameter.name, error.reason)]
    if named:
        return tuple(_concern(tool, parameter) for parameter in named)
    in_path = [f"`{_alias(tool, parameter)}`" for parameter in given if parameter.location == "path"]
    return (f"Look at {' and '.join(in_path)}.",) if in_path and error.status in {403, 404} else ()


def _concern(tool: Tool, parameter: Parameter) -> str:
    known, more = parameter.known_values[:_MOST_VALUES], len(parameter.known_values) - _MOST_VALUES
    values = f"; known values are {', '.join(known)}{f' and {more} more' if more > 0 else ''}" if known else ""
    return f"It concerns `{_alias(tool, parameter)}`{values}."


def _is_named(name: str, reason: str) -> bool:
    """Whether a reason names an argument, as `eventType`, `event_type`, `event-type` or `event type`."""
    words = r"[\W_]*".join(_WORD.findall(name))
    return bool(words) and re.search(rf"(?<![^\W_]){words}(?![^\W_])", reason, re.IGNORECASE) is not None


def _alias(tool: Tool, parameter: Parameter) -> str:
    return tool.aliases.get(parameter.name, parameter.name)
