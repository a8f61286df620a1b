"""A JSON text as a tree that knows where each value stands in it, so that a value can be shown digit by digit."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import msgspec

MOST_LEVELS = 100
"""Values nested deeper than this are leaves of the tree, whatever they hold."""

_STRING = r'"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+"'
_NUMBER = r"-?+(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+"
_SPACE = r"[ \t\r\n]*+"
_VALUE = re.compile(f"{_SPACE}([{{[]|{_STRING}|{_NUMBER}|true|false|null)")
_KEY = re.compile(f"{_SPACE}({_STRING}){_SPACE}:")
_NEXT = re.compile(f"{_SPACE}([,}}\\]])")
_END = re.compile(f"{_SPACE}\\Z")
_text = msgspec.json.Decoder(str)


class Branch(NamedTuple):
    """An object or an array: where it begins and ends in the text, and what it holds."""

    start: int
    end: int
    members: dict[str, Tree] | list[Tree]


Tree: TypeAlias = "Branch | str"
"""A value of a JSON text; a leaf is its text."""


def read_tree(text: str) -> Tree | None:
    """The tree of a JSON text, read in time linear in its length and at any depth; None when it is no JSON."""
    try:
        return _Reader(text).read()
    except _Broken:
        return None


def text_of(text: str, tree: Tree) -> str:
    """A value's JSON exactly as the text has it."""
    return tree if isinstance(tree, str) else text[tree.start : tree.end]


def members_of(text: str) -> dict[str, Tree]:
    """The members of a JSON object, at any depth of their values; none when the text is something else."""
    tree = read_tree(text)
    members = tree.members if isinstance(tree, Branch) else None
    return members if isinstance(members, dict) else {}


def plain(literal: str) -> str:
    """What a JSON string literal says."""
    if "\\" not in literal:
        return literal[1:-1]
    try:
        return _text.decode(literal)
    except msgspec.DecodeError:  # half a surrogate pair
        return str(json.loads(literal))


class _Broken(ValueError):
    """The text is no JSON."""


@dataclass(slots=True)
class _Open:
    """A value that has begun and not ended yet; `members` is None below the deepest level that is kept."""

    start: int
    closes: str
    members: dict[str, Tree] | list[Tree] | None
    key: str = ""


class _Reader:
    """Reads one text, with a stack of its own in place of recursion."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.stack: list[_Open] = []

    def read(self) -> Tree:
        """The value that is the text."""
        while True:
            value = self._begun()
            while value is not None:
                if not self.stack:
                    self._expect(_END)
                    return value
                value = self._placed(value)

    def _expect(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _Broken
        self.at = match.end()
        return match

    def _begun(self) -> Tree | None:
        """The next value, or None when it is an object or an array that goes on."""
        match = self._expect(_VALUE)
        if match[1] not in {"{", "["}:
            return match[1]
        closes, members = ("]", list[Tree]()) if match[1] == "[" else ("}", dict[str, Tree]())
        self.stack.append(_Open(match.start(1), closes, members if len(self.stack) < MOST_LEVELS else None))
        following = _NEXT.match(self.text, self.at)
        if following is not None and following[1] == closes:
            self.at = following.end()
            return self._ended()
        self._read_key()
        return None

    def _ended(self) -> Tree:
        ended = self.stack.pop()
        if ended.members is not None:
            return Branch(ended.start, self.at, ended.members)
        # Of what is too deep, only the outermost is kept, as its text.
        return self.text[ended.start : self.at] if len(self.stack) == MOST_LEVELS else ""

    def _placed(self, value: Tree) -> Tree | None:
        """Put a value into what holds it; that, when it ends here."""
        inside = self.stack[-1]
        if isinstance(inside.members, dict):
            inside.members[inside.key] = value
        elif inside.members is not None:
            inside.members.append(value)
        following = self._expect(_NEXT)[1]
        if following == ",":
            self._read_key()
            return None
        if following != inside.closes:
            raise _Broken
        return self._ended()

    def _read_key(self) -> None:
        inside = self.stack[-1]
        if inside.closes == "}":
            literal = self._expect(_KEY)[1]
            inside.key = plain(literal) if inside.members is not None else ""
