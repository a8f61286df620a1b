"""What a form has no place for: an event's remaining fields, as they were sent."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import orjson

from fairlead.archive.events import raw_fields, string_of
from fairlead.spec.json_text import read_json
from fairlead.spec.source import JsonValue


def remainder(raw: bytes, placed: Collection[str]) -> dict[str, bytes]:
    """An event's fields as JSON texts, without the strings of those that have a place elsewhere.

    Together with those places nothing is lost: null stays null, absent stays absent, "" stays "", and what should
    have been a string and is none stays what it is.
    """
    return {
        _scrubbed(key): literal
        for key, literal in raw_fields(raw).items()
        if key not in placed or not literal.startswith(b'"') or literal == b'""'
    }


def as_values(fields: Mapping[str, bytes]) -> dict[str, JsonValue]:
    """JSON texts as values; what cannot be a value, such as thousands of nested arrays, is its text."""
    return {key: _value(literal) for key, literal in fields.items()}


def as_texts(fields: Mapping[str, bytes]) -> dict[str, orjson.Fragment]:
    """JSON texts as parts of a larger one, with every digit they have."""
    return {key: orjson.Fragment(_readable(literal)) for key, literal in fields.items()}


def _value(literal: bytes) -> JsonValue:
    if literal.startswith(b'"'):
        return string_of(literal)
    text = _readable(literal)
    try:
        return read_json(text)
    except orjson.JSONDecodeError:
        return text.decode()


def _readable(literal: bytes) -> bytes:
    """The same bytes, but U+FFFD where they are not UTF-8 or name half a surrogate pair: readers refuse those."""
    if literal.isascii() and b"\\u" not in literal:
        return literal
    text = literal.decode("utf-8", "replace")
    if "\\ud" in text.lower():
        text = _paired(text)
    return text.encode()


def _paired(text: str) -> str:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            return _scrubbed(json.dumps(json.loads(text), ensure_ascii=False))
        except (ValueError, RecursionError):
            return text
    return text


def _scrubbed(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
