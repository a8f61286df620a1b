"""Follows `$ref` within a description, at a bounded cost; what is elsewhere is told, never fetched."""

from __future__ import annotations

from urllib.parse import unquote

from fairlead.openapi.shapes import mapping
from fairlead.openapi.text import DescriptionRefused
from fairlead.spec.source import JsonValue

_LONGEST_CHAIN = 32
_LONGEST_REFERENCE = 2_000
# More than ten times what a description of 12 MB with 900 operations takes.
_MOST_WORK = 4_000_000


class References:
    """The references of one description, and those that lead out of it or nowhere, in the order they were met."""

    def __init__(self, root: JsonValue) -> None:
        self.root = root
        self.unresolved: dict[str, None] = {}
        self._work = 0

    def resolved(self, value: JsonValue) -> JsonValue:
        """What a value with a `$ref` stands for, with what is written beside the `$ref`; any other value itself."""
        beside: dict[str, JsonValue] = {}
        for _ in range(_LONGEST_CHAIN):
            self.spend(1)
            reference = value.get("$ref") if isinstance(value, dict) else None
            if not isinstance(value, dict) or not isinstance(reference, str):
                break
            own = {key: each for key, each in value.items() if key != "$ref"}
            beside = {**own, **beside}
            value = self._target(reference)
        else:
            value = {}
        if not beside or not isinstance(value, dict):
            return value
        self.spend(len(value))
        return {**value, **beside}

    def mapping(self, value: JsonValue) -> dict[str, JsonValue]:
        """The same, taken for a mapping."""
        return mapping(self.resolved(value))

    def spend(self, work: int) -> None:
        """Count work; raises DescriptionRefused when it becomes more than any honest description takes."""
        self._work += work
        if self._work > _MOST_WORK:
            raise DescriptionRefused(
                "The description refers to itself so often that reading it does not end.",
                remedy="Give a smaller part of it.",
            )

    def _target(self, reference: str) -> JsonValue:
        value = self.root
        if not reference.startswith("#/") or len(reference) > _LONGEST_REFERENCE:
            self.unresolved[reference[:_LONGEST_REFERENCE]] = None
            return {} if reference != "#" else value
        for part in reference[2:].split("/"):
            name = unquote(part).replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and name in value:
                value = value[name]
            elif isinstance(value, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(value):
                value = value[int(name[:9])]
            else:
                self.unresolved[reference] = None
                return {}
        return value
