"""Where the values of a JSON text stand, so that one of them can be replaced and every other byte stays what it was."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

State = TypeVar("State")

LONGEST_NAME = 128
"""Of a longer name of a member only the end is told."""

_SPACE = r"[ \t\n\r]*+"
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_NUMBER = r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][-+]?[0-9]++)?|NaN|-?Infinity"
_VALUE = rf"(?:({_STRING}|{_NUMBER}|true|false|null)|([{{\[])){_SPACE}([,}}\]]?)"
# Both have the same four groups: a name, a scalar, what opens an object or a list, and what follows.
_ITEM = re.compile(rf"{_SPACE}(){_VALUE}", re.DOTALL)
_MEMBER = re.compile(rf"{_SPACE}({_STRING}){_SPACE}:{_SPACE}{_VALUE}", re.DOTALL)
_AFTER = re.compile(rf"{_SPACE}([,}}\]]?)")
_CLOSED = {"}": _MEMBER, "]": _ITEM}
_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)

_decode = json.JSONDecoder(strict=False).decode
_encode = json.JSONEncoder(ensure_ascii=False).encode


class Edit(NamedTuple):
    """A span of a text and what replaces it."""

    start: int
    end: int
    text: str


class Leaf(NamedTuple):
    """A string, number, true, false or null of a JSON text."""

    start: int
    literal: str
    """As it is spelled."""
    name: str | None
    """The name of the member it is the value of; None in a list and on its own."""
    home: int
    """Where the object or list that holds it begins; -1 when nothing does."""

    @property
    def end(self) -> int:
        """Where the literal ends."""
        return self.start + len(self.literal)


def scan(
    text: str,
    root: State,
    descend: Callable[[State, str | None], State],
    visit: Callable[[Leaf, State], None],
) -> bool:
    """Visit every leaf of a JSON text in order, in linear time at any depth; False when it is no JSON.

    `descend` makes the state of a member (by its name) or of an item of a list (by None) from its parent's.
    """
    around: list[tuple[re.Pattern[str], State, int]] = []
    pattern, state, home, position = _ITEM, root, -1, 0
    while match := pattern.match(text, position):
        key, literal, opened, follows = match.groups()
        name = _name(key) if key else None
        place = descend(state, name) if around else root
        position = match.end()
        if opened:
            pattern, state, home = _MEMBER if opened == "{" else _ITEM, place, match.start(3)
            around.append((pattern, state, home))
            if not follows:
                continue
            if follows == ",":
                return False
        else:
            visit(Leaf(match.start(2), literal, name, home), place)
        if follows != ",":
            position, follows = _close(text, position, follows, around)
            if not around:
                return not follows and position == len(text)
            pattern, state, home = around[-1]
        if follows != "," or not around:
            return False
    return False


def _close(text: str, position: int, follows: str, around: list[tuple[re.Pattern[str], State, int]]) -> tuple[int, str]:
    """Close what ends here: where it goes on, and with what; "!" for what does not fit."""
    while follows in _CLOSED:
        if not around or around.pop()[0] is not _CLOSED[follows]:
            return position, "!"
        match = _AFTER.match(text, position)
        position, follows = (match.end(), match[1]) if match else (position, "!")
    return position, follows


def _name(literal: str) -> str:
    text = string_text(literal) if "\\" in literal else None
    return (literal[1:-1] if text is None else text)[-LONGEST_NAME:]


def string_text(literal: str) -> str | None:
    """What a string literal says, half surrogate pairs included; None when an escape in it is none of JSON's."""
    if "\\" not in literal:
        return literal[1:-1]
    try:
        text: str = _decode(literal)
    except ValueError:
        return None
    return text


def quoted(text: str) -> str:
    """A text as a JSON string literal."""
    return _encode(text)


def outward(leaf: Leaf, said: str, edits: Iterable[Edit]) -> list[Edit]:
    """Edits of what a string literal says, as edits of the text around it: nothing else of the literal changes."""
    ends = sorted(edits)
    points = [point for edit in ends for point in edit[:2]]
    literal = leaf.literal
    if "\\" not in literal:
        places = [point + 1 for point in points]
    elif _encode(said) == literal:
        places = _places_by_spelling(said, points)
    else:
        places = _places_by_escapes(literal, points)
    pairs = zip(places[::2], places[1::2], strict=True)
    return [
        Edit(leaf.start + start, leaf.start + end, _encode(edit.text)[1:-1])
        for edit, (start, end) in zip(ends, pairs, strict=True)
    ]


def _places_by_spelling(said: str, points: list[int]) -> list[int]:
    """For a literal in the usual spelling: as long as what stands before a point is once spelled, in C."""
    places, place, before = [], 1, 0
    for point in points:
        place += len(_encode(said[before:point])) - 2
        before = point
        places.append(place)
    return places


def _places_by_escapes(literal: str, points: list[int]) -> list[int]:
    """For any other literal: one escape after the other."""
    places: list[int] = []
    escapes = _ESCAPE.finditer(literal)
    escape, longer = next(escapes, None), 0
    for point in points:
        while escape is not None and escape.start() - 1 - longer < point:
            longer += escape.end() - escape.start() - 1
            escape = next(escapes, None)
        places.append(point + 1 + longer)
    return places


def spliced(text: str, edits: Iterable[Edit]) -> str:
    """A text with its edits made; they may come in any order and do not overlap."""
    parts: list[str] = []
    at = 0
    for start, end, replacement in sorted(edits):
        parts += (text[at:start], replacement)
        at = end
    return "".join([*parts, text[at:]])
