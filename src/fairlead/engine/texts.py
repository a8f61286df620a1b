"""Writes a value where only text can stand."""

from __future__ import annotations

from fairlead.spec.json_text import json_text
from fairlead.spec.source import JsonValue


def text_of(value: JsonValue) -> str:
    """How a value is written where only text can stand: `true`, `5` for 5.0, JSON for what has parts.

    Raises ValueError for what JSON has no word for.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json_text(value)
