"""JSON read and written without losing a digit: orjson where it is exact, the standard library where it is not."""

from __future__ import annotations

import json
import re

import orjson

from fairlead.spec.source import JsonValue

# Where orjson makes a float of a whole number; also found inside strings, where nothing but time is lost.
_BEYOND_64_BITS = re.compile(rb"-[0-9]{19}|[0-9]{20}")


def read_json(text: bytes) -> JsonValue:
    """The value of a JSON text, whole numbers of any length kept; raises orjson.JSONDecodeError."""
    value: JsonValue = orjson.loads(text)
    return exact_value(text, value)


def exact_value(text: bytes, value: JsonValue) -> JsonValue:
    """What orjson made of a text, or the same with its long whole numbers kept."""
    if not _BEYOND_64_BITS.search(text):
        return value
    try:
        return json.loads(text)  # type: ignore[no-any-return]
    except (ValueError, RecursionError):  # thousands of digits, or of levels: past what can be kept
        return value


def json_text(value: JsonValue) -> str:
    """A value as compact JSON; raises ValueError for what JSON has no word for, such as infinity."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def is_json(media_type: str) -> bool:
    """Whether a media type, without parameters, says that something is JSON."""
    return media_type.lower().endswith(("/json", "+json"))
