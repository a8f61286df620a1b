"""Writes the target of an overlay's action: by names where they are unique, so that it fits when places change."""

from __future__ import annotations

import re
from collections import Counter

from fairlead.spec.source import JsonValue, Path

_SHORTHAND = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_IDENTITIES = {
    "consumes": ("namespace",), "resources": ("name", "path"), "operations": ("name",), "inputParameters": ("name",),
}  # fmt: skip
# What one reading of an overlay may try: each filter looks at every item of its list.
MOST_TRIED = 200_000
_LONGEST_NAME = 300


class Selector:
    """Writes targets within one document, given as its author wrote it."""

    def __init__(self, document: JsonValue) -> None:
        self._document = document
        self._counts: dict[tuple[int, str], Counter[str]] = {}
        self._tried = 0

    @property
    def by_place(self) -> bool:
        """Whether names were given up, because trying them all would take too long."""
        return self._tried > MOST_TRIED

    def target(self, path: Path) -> str:
        """The JSONPath of a place; `path` counts the items of maps keyed by name as if they were lists."""
        value, spelled, holder = self._document, "$", ""
        for part in path:
            if isinstance(part, str):
                value = value.get(part) if isinstance(value, dict) else None
                spelled, holder = spelled + _member(part), part
            elif isinstance(value, dict):
                key = list(value)[part]
                value, spelled = value[key], spelled + _member(key)
            elif isinstance(value, list):
                spelled += self._item(value, part, holder)
                value = value[part]
        return spelled

    def _item(self, items: list[JsonValue], index: int, holder: str) -> str:
        self._tried += len(items)
        item = items[index]
        if isinstance(item, dict) and not self.by_place:
            for key in _IDENTITIES.get(holder, ()):
                name = item.get(key)
                if isinstance(name, str) and 0 < len(name) <= _LONGEST_NAME and self._count(items, key)[name] == 1:
                    return f"[?@.{key} == {_quoted(name)}]"
        return f"[{index}]"

    def _count(self, items: list[JsonValue], key: str) -> Counter[str]:
        found = self._counts.get((id(items), key))
        if found is None:
            names = (item.get(key) for item in items if isinstance(item, dict))
            found = self._counts[id(items), key] = Counter(name for name in names if isinstance(name, str))
        return found


def _member(name: str) -> str:
    return f".{name}" if _SHORTHAND.fullmatch(name) else f"[{_quoted(name)}]"


def _quoted(text: str) -> str:
    """A string of JSONPath (RFC 9535, section 2.3.1.1)."""
    return "'" + "".join(map(_escaped, text)) + "'"


def _escaped(character: str) -> str:
    if character in {"'", "\\"}:
        return f"\\{character}"
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
