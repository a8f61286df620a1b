"""How a text becomes a value of a parameter's declared type: for REST queries, command lines and pins."""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson

from fairlead.plan.model import Parameter
from fairlead.spec.json_text import read_json
from fairlead.spec.source import JsonValue

_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][-+]?[0-9]{1,3})?")
_INTEGER = re.compile(r"-?[0-9]{1,300}")


def typed_value(parameter: Parameter, text: str) -> JsonValue:
    """The value a text stands for; raises ValueError when it is not of the parameter's type."""
    kind = parameter.type
    if kind == "string":
        return text
    if kind == "integer" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "number" and _NUMBER.fullmatch(text):
        return int(text) if _INTEGER.fullmatch(text) else float(text)
    if kind == "boolean" and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if kind == "array":
        return list_value([text])
    if kind == "object":
        value = read_json(text.encode())
        if isinstance(value, dict):
            return value
    if kind == "any":
        return _json_or_text(text)
    raise ValueError(kind)


def list_value(texts: Sequence[str]) -> list[JsonValue]:
    """Repeated fields, or one that holds a JSON list."""
    if len(texts) == 1 and texts[0].startswith("["):
        value = _json_or_text(texts[0])
        return value if isinstance(value, list) else [value]
    return list(texts)


def _json_or_text(text: str) -> JsonValue:
    try:
        return read_json(text.encode())
    except orjson.JSONDecodeError:
        return text
