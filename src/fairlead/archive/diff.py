"""What differs between two JSON texts, field by field, without the noise; an event's `original_change` and `change`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Literal, NamedTuple

from fairlead.archive.json_tree import Branch, Tree, plain, read_tree, text_of

Kind = Literal["added", "removed", "changed"]
Note = Literal["", "rotated", "not JSON"]

NOISE = frozenset({"updated_at"})
"""Keys that every update changes, at any depth."""

IDENTIFYING = ("id", "key", "name")
"""The keys by which the objects of two arrays are matched, the first that tells all of them apart."""

_REDACTED = re.compile(r'"redacted:[0-9]+:[0-9a-f]+"')
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,14}")
_ESCAPED = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", "'": "\\'", "\\": "\\\\"}
_TO_ESCAPE = re.compile(r"[\x00-\x1f'\\\x7f-\x9f\ud800-\udfff\u2028\u2029]")


class Difference(NamedTuple):
    """One value that is not what it was; `before` and `after` are JSON exactly as it was written, None for absent.

    `path` is an RFC 9535 query: a normalized path, but an element that was matched by a key of its own is named
    by it: `$['ports'][?@['id']=='p1']['port']`. A *rotated* value is a redacted one that stands for another
    secret now. Of a text that is *not JSON* the whole is the difference.
    """

    path: str
    kind: Kind
    before: str | None
    after: str | None
    note: Note = ""


class _Pair(NamedTuple):
    """A value of each text that belong together."""

    path: str
    before: Tree | None
    after: Tree | None


def differences(before: str | None, after: str | None, *, keep_noise: bool = False) -> tuple[Difference, ...]:
    """What differs between two JSON texts, in the order of the second; None for a text that is absent.

    Objects are compared by key, arrays of objects by `id`, `key` or `name` where it tells them apart, other
    arrays by index. Numbers are the same only when they are written the same.
    """
    if before == after:
        return ()
    trees = [None if text is None else read_tree(text) for text in (before, after)]
    if any(tree is None and text is not None for tree, text in zip(trees, (before, after), strict=True)):
        return (Difference("$", _kind(before, after), before, after, "not JSON"),)
    ignored = frozenset[str]() if keep_noise else NOISE
    return tuple(_walk(_Pair("$", *trees), (before or "", after or ""), ignored))


def _walk(root: _Pair, texts: tuple[str, str], ignored: frozenset[str]) -> Iterator[Difference]:
    waiting = [root]
    while waiting:
        pair = waiting.pop()
        parts = _parts(pair, ignored)
        if parts is not None:
            waiting.extend(reversed(parts))
        elif not _same(pair.before, pair.after):
            yield _difference(pair, texts)


def _difference(pair: _Pair, texts: tuple[str, str]) -> Difference:
    before = None if pair.before is None else text_of(texts[0], pair.before)
    after = None if pair.after is None else text_of(texts[1], pair.after)
    rotated = all(text and _REDACTED.fullmatch(text) for text in (before, after))
    return Difference(pair.path, _kind(before, after), before, after, "rotated" if rotated else "")


def _kind(before: str | None, after: str | None) -> Kind:
    if before is None:
        return "added"
    return "removed" if after is None else "changed"


def _same(before: Tree | None, after: Tree | None) -> bool:
    """Whether two leaves say the same; strings do when they are written differently."""
    if not (isinstance(before, str) and isinstance(after, str)):
        return False
    return before == after or (before[:1] == after[:1] == '"' and plain(before) == plain(after))


def _parts(pair: _Pair, ignored: frozenset[str]) -> list[_Pair] | None:
    """The values that two values of one kind are made of, paired; None where there is nothing to descend into."""
    if not (isinstance(pair.before, Branch) and isinstance(pair.after, Branch)):
        return None
    before, after = pair.before.members, pair.after.members
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            _Pair(f"{pair.path}[{_quoted(key)}]", before.get(key), after.get(key))
            for key in dict.fromkeys((*after, *before))
            if key not in ignored
        ]
    if isinstance(before, list) and isinstance(after, list):
        return _elements(pair.path, before, after)
    return None


def _elements(path: str, before: Sequence[Tree], after: Sequence[Tree]) -> list[_Pair]:
    """The elements of two arrays, paired by the first key that tells them all apart, else by index."""
    for key in IDENTIFYING:
        old, new = _by(key, before), _by(key, after)
        if old is not None and new is not None:
            named = f"{path}[?@['{key}']=="
            return [_Pair(f"{named}{name}]", old.get(name), new.get(name)) for name in dict.fromkeys((*new, *old))]
    paired = zip_longest(before, after)
    return [_Pair(f"{path}[{index}]", *both) for index, both in enumerate(paired)]


def _by(key: str, elements: Sequence[Tree]) -> dict[str, Tree] | None:
    """Objects by what a key of theirs says, as a literal of a query; None unless it tells all of them apart."""
    named: dict[str, Tree] = {}
    for element in elements:
        members = element.members if isinstance(element, Branch) else None
        name = _literal(members.get(key)) if isinstance(members, dict) else None
        if name is None or name in named:
            return None
        named[name] = element
    return named


def _literal(leaf: Tree | None) -> str | None:
    """A string or a whole number as a query spells it; None for what identifies nothing."""
    if not isinstance(leaf, str):
        return None
    if leaf.startswith('"'):
        return _quoted(plain(leaf))
    return leaf if _WHOLE_NUMBER.fullmatch(leaf) else None


def _quoted(text: str) -> str:
    """A string as RFC 9535 spells it in a normalized path, and nothing in it that drives a terminal."""
    return f"'{_TO_ESCAPE.sub(_escape, text)}'"


def _escape(match: re.Match[str]) -> str:
    return _ESCAPED.get(match[0]) or f"\\u{ord(match[0]):04x}"
