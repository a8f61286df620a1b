"""Parameters as JSON Schema: the subset that model APIs accept, and the same for OpenAPI and validation.

Root object, no `$ref`, no composition, no type lists (`facts/mcp.md`, section 5). Known values are examples,
never a closed enum: upstreams add values every month.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fairlead.plan.conversion import typed_value
from fairlead.plan.model import Parameter
from fairlead.plan.safe_names import LONGEST_FOR_MODELS, free_name, is_safe_name, safe_name
from fairlead.spec.source import JsonValue


def arguments_schema(parameters: Iterable[Parameter], aliases: Mapping[str, str] | None = None) -> dict[str, JsonValue]:
    """The JSON Schema of an operation's arguments, its properties named by `aliases` where given."""
    names = aliases or {}
    properties: dict[str, JsonValue] = {}
    required: list[JsonValue] = []
    for parameter in parameters:
        name = names.get(parameter.name, parameter.name)
        properties[name] = parameter_schema(parameter) | _described(parameter)
        if parameter.required:
            required.append(name)
    schema: dict[str, JsonValue] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    return schema


def parameter_schema(parameter: Parameter) -> dict[str, JsonValue]:
    """The JSON Schema of one parameter, without its description."""
    schema: dict[str, JsonValue] = {}
    if parameter.type != "any":
        schema["type"] = parameter.type
    if parameter.type == "array":
        schema["items"] = {}
    if parameter.location == "path" and parameter.type == "string":
        schema["minLength"] = 1
    bounds: dict[str, JsonValue] = {
        "format": parameter.format,
        "pattern": parameter.pattern,
        "minimum": _plain(parameter.minimum),
        "maximum": _plain(parameter.maximum),
        "default": parameter.default,
    }
    schema |= {key: value for key, value in bounds.items() if value is not None}
    if parameter.enum:
        schema["enum"] = list(parameter.enum)
    if parameter.known_values:
        schema["examples"] = [_known(parameter, text) for text in parameter.known_values]
    elif parameter.example is not None:
        schema["examples"] = [parameter.example]
    return schema


def _known(parameter: Parameter, text: str) -> JsonValue:
    """A known value as a caller gives it; what is no value of the type stays a text."""
    try:
        return typed_value(parameter, text) if parameter.type in {"integer", "number", "boolean"} else text
    except ValueError:
        return text


def _described(parameter: Parameter) -> dict[str, JsonValue]:
    return {"description": parameter.description} if parameter.description else {}


def _plain(number: float | None) -> int | float | None:
    return int(number) if number is not None and abs(number) < 2**53 and number == int(number) else number


def safe_aliases(names: Iterable[str]) -> dict[str, str]:
    """Each parameter's name in a tool schema: itself where model APIs accept it, else a safe one.

    `$filter` becomes `filter`, `filter[a.b]` becomes `filter_a_b`; a name that is taken gets a number.
    """
    names = list(names)
    aliases = {name: name for name in names if is_safe_name(name, LONGEST_FOR_MODELS)}
    taken = set(aliases.values())
    for name in names:
        if name not in aliases:
            stem = safe_name(name.replace(".", "_"), LONGEST_FOR_MODELS, filler="_") or "value"
            aliases[name] = free_name(stem, taken, LONGEST_FOR_MODELS, joint="_")
            taken.add(aliases[name])
    return {name: aliases[name] for name in names}
