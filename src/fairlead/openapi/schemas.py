"""Reads JSON Schemas of a description: what they state of one value, and small copies that stand for themselves."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

from fairlead.openapi.references import References
from fairlead.openapi.shapes import listed, mapping, prose, text
from fairlead.spec.source import JsonValue

_DEEPEST_MERGE = 6
_MOST_PARTS = 50
_MOST_VALUES = 200
_LONGEST_VALUE = 200
_LARGEST = 2**53
_DEEPEST_COPY = 8
_LONGEST_NOTE = 200
_NAMES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


def flat(schema: JsonValue, references: References, depth: int = 0) -> dict[str, JsonValue]:
    """A schema with its reference followed, and merged with its `allOf` and with its only alternative beside null."""
    found = references.mapping(schema)
    merged: dict[str, JsonValue] = {}
    if depth < _DEEPEST_MERGE:
        for part in listed(found.get("allOf"))[:_MOST_PARTS]:
            merged = _merged(merged, flat(part, references, depth + 1), references)
        for word in ("oneOf", "anyOf"):
            others = alternatives(found, word, references)
            if len(others) == 1:
                merged = _merged(merged, flat(others[0], references, depth + 1), references)
                merged |= {"nullable": True} if len(others) < len(listed(found.get(word))) else {}
                found = {key: value for key, value in found.items() if key != word}
    return _merged(merged, {key: value for key, value in found.items() if key != "allOf"}, references)


def _merged(one: dict[str, JsonValue], other: dict[str, JsonValue], references: References) -> dict[str, JsonValue]:
    references.spend(len(one) + len(other))
    both = {**one, **other}
    for key in ("properties", "required"):
        first, second = one.get(key), other.get(key)
        if isinstance(first, dict) and isinstance(second, dict):
            references.spend(len(first) + len(second))
            both[key] = {**first, **second}
        elif isinstance(first, list) and isinstance(second, list):
            references.spend(len(first) + len(second))
            both[key] = [*first, *second]
    return both


def alternatives(schema: dict[str, JsonValue], word: str, references: References) -> list[JsonValue]:
    """What `oneOf` or `anyOf` lists, null left out."""
    found = listed(schema.get(word))[:_MOST_PARTS]
    return [each for each in found if references.mapping(each).get("type") != "null"]


def types_of(schema: dict[str, JsonValue], references: References) -> set[str]:
    """The types that a value may have, null left out; empty when nothing is said of them."""
    stated = schema.get("type")
    types = {each for each in (listed(stated) or [stated]) if isinstance(each, str)} - {"null"}
    if types:
        return types
    for word in ("oneOf", "anyOf"):
        for each in alternatives(schema, word, references):
            own = flat(each, references, _DEEPEST_MERGE - 1)
            found = types_of({key: own[key] for key in own if key not in {"oneOf", "anyOf"}}, references)
            if not found:
                return set()  # one of them may be anything
            types |= found
    if types:
        return types
    values = list(_stated_values(schema))
    if values:
        return {_NAMES[type(value)] for value in values if type(value) in _NAMES}
    if "properties" in schema or "additionalProperties" in schema:
        return {"object"}
    return {"array"} if "items" in schema else set()


def known_values(schema: dict[str, JsonValue], references: References) -> tuple[str, ...]:
    """The values that a schema lists for itself, its items or its alternatives, as texts."""
    own = [schema, flat(schema.get("items"), references)] if schema.get("items") else [schema]
    for word in ("oneOf", "anyOf"):
        own += [flat(each, references, _DEEPEST_MERGE - 1) for each in alternatives(schema, word, references)]
    texts = (_spelled(value) for each in own for value in _stated_values(each))
    return tuple(dict.fromkeys(each for each in texts if each and len(each) <= _LONGEST_VALUE))[:_MOST_VALUES]


def _stated_values(schema: dict[str, JsonValue]) -> Iterator[JsonValue]:
    yield from listed(schema.get("enum"))[: _MOST_VALUES * 5]
    if schema.get("const") is not None:
        yield schema["const"]


def _spelled(value: JsonValue) -> str:
    if isinstance(value, str):
        return value if value.isprintable() else ""
    return json.dumps(value) if isinstance(value, bool | int | float) else ""


def bounds_of(schema: dict[str, JsonValue], kind: str) -> tuple[float | None, float | None]:
    """The least and the greatest number; an exclusive bound of whole numbers is the next one, of others itself."""
    if kind not in {"integer", "number"}:
        return None, None
    return _bound(schema, kind, "minimum", "exclusiveMinimum", 1), _bound(
        schema, kind, "maximum", "exclusiveMaximum", -1
    )


def _bound(schema: dict[str, JsonValue], kind: str, word: str, exclusive: str, step: int) -> float | None:
    number, beyond = _number(schema.get(word)), schema.get(exclusive)
    next_one = step if kind == "integer" else 0
    if beyond is True and number is not None:
        return number + next_one
    other = _number(beyond)
    if other is None:
        return number
    other += next_one
    return other if number is None else max(number, other) if step > 0 else min(number, other)


def _number(value: JsonValue) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Beyond 2^53 a bound is a type's width, and no number of a document.
    return value if -_LARGEST <= value <= _LARGEST and math.isfinite(value) else None


class _TooLarge(Exception):
    """A copy holds more values than it may."""


def contained(schema: JsonValue, references: References, most: int) -> dict[str, JsonValue] | None:
    """A copy of a schema without references and of at most so many values, cut where it goes too deep or in circles.

    It closes nothing: what is required, listed or excluded may change without notice, so it is left out, or shown as
    an example. None when nothing is left.
    """
    for depth in range(_DEEPEST_COPY, 0, -1):
        try:
            copied = _Copy(references, most).of(schema, depth, ())
        except _TooLarge:
            continue
        return copied or None
    return None


class _Copy:
    """One copy and how many values it may still take."""

    def __init__(self, references: References, most: int) -> None:
        self.references = references
        self.left = most

    def of(self, schema: JsonValue, depth: int, above: tuple[int, ...]) -> dict[str, JsonValue]:
        """The copy of one schema, so many levels deep; `above` are the schemas that it stands in."""
        # Where a reference leads is the same object each time, which a merged copy is not.
        own = id(self._target(schema))
        if depth == 0 or own in above:
            return {}
        found = flat(schema, self.references)
        copied = self._head(found)
        below = (*above, own)
        properties = mapping(found.get("properties"))
        if properties:
            self._spend(len(properties) + 1)
            copied["properties"] = {
                name: self.of(each, depth - 1, below)
                for name, each in properties.items()
                if self.references.mapping(each).get("writeOnly") is not True
            }
        for key in ("items", "additionalProperties"):
            part = found.get(key)
            if isinstance(part, dict) and part:
                self._spend(1)
                copied[key] = self.of(part, depth - 1, below)
        for word in ("anyOf", "oneOf"):
            others = alternatives(found, word, self.references)
            if len(others) > 1 and "anyOf" not in copied:
                self._spend(len(others) + 1)
                parts: list[JsonValue] = [self.of(each, depth - 1, below) for each in others]
                copied["anyOf"] = parts
        return copied

    def _target(self, schema: JsonValue) -> JsonValue:
        bare = {"$ref": schema["$ref"]} if isinstance(schema, dict) and "$ref" in schema else schema
        return self.references.resolved(bare)

    def _head(self, found: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """What a schema says of the value itself."""
        copied: dict[str, JsonValue] = {}
        types: list[JsonValue] = [each for each in sorted(types_of(found, self.references)) if each in _NAMES.values()]
        if types:
            nullable = _is_nullable(found, self.references)
            copied["type"] = [*types, "null"] if nullable else types[0] if len(types) == 1 else types
        if note := prose(found.get("description"), _LONGEST_NOTE):
            copied["description"] = note
        if (form := text(found.get("format"))) and len(form) <= _LONGEST_VALUE and form.isprintable():
            copied["format"] = form
        values = [each for each in _stated_values(found) if isinstance(each, str | int | float) and _spelled(each)][
            :_MOST_VALUES
        ]
        if values and "items" not in found:
            copied["examples"] = [*values]
        self._spend(1 + len(copied) + len(values) + len(types))
        return copied

    def _spend(self, values: int) -> None:
        self.left -= values
        if self.left < 0:
            raise _TooLarge


def _is_nullable(schema: dict[str, JsonValue], references: References) -> bool:
    if schema.get("nullable") is True or schema.get("x-nullable") is True or "null" in listed(schema.get("type")):
        return True
    every = (each for word in ("oneOf", "anyOf") for each in listed(schema.get(word))[:_MOST_PARTS])
    return any(references.mapping(each).get("type") == "null" for each in every)
