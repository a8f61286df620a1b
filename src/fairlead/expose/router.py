"""Finds the route of a path: a tree of segments; literal ones first, then those with a literal part, then the rest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote

from fairlead.errors import RequestMalformed
from fairlead.plan.model import Segment

Target = TypeVar("Target")


@dataclass(slots=True)
class _Node(Generic[Target]):
    literals: dict[str, _Node[Target]] = field(default_factory=dict)
    partials: dict[tuple[str, ...], _Node[Target]] = field(default_factory=dict)
    placeholder: _Node[Target] | None = None
    targets: dict[str, Target] = field(default_factory=dict)


class Found(NamedTuple, Generic[Target]):
    """What stands at a path: a target for each method, and the values of the placeholders in order."""

    targets: dict[str, Target]
    values: tuple[str, ...]


class Router(Generic[Target]):
    """Routes by path, each path with its methods. Built once, only read afterwards."""

    def __init__(self, entries: Iterable[tuple[str, tuple[Segment, ...], Target]]) -> None:
        self._root: _Node[Target] = _Node()
        for method, segments, target in entries:
            node = self._root
            for segment in segments:
                node = _below(node, segment.literals)
            node.targets[method] = target

    def find(self, path: str) -> Found[Target] | None:
        """The route of a percent-encoded path; raises RequestMalformed when it does not decode."""
        segments = path.split("/")[1:]
        if "%" in path:
            try:
                segments = [unquote(segment, errors="strict") for segment in segments]
            except UnicodeDecodeError:
                raise RequestMalformed("The path is not UTF-8 once it is decoded.") from None
        return _match(self._root, segments, 0, ())


def _below(node: _Node[Target], literals: tuple[str, ...]) -> _Node[Target]:
    """The node of a segment below another one; it is made if there is none."""
    if len(literals) == 1:
        return node.literals.setdefault(literals[0], _Node())
    if literals == ("", ""):
        node.placeholder = node.placeholder or _Node()
        return node.placeholder
    found = node.partials.setdefault(literals, _Node())
    # What says more of a segment fits it better.
    node.partials = dict(sorted(node.partials.items(), key=lambda each: -sum(map(len, each[0]))))
    return found


def _match(node: _Node[Target], segments: list[str], index: int, values: tuple[str, ...]) -> Found[Target] | None:
    while index < len(segments):
        text = segments[index]
        index += 1
        literal, placeholder = node.literals.get(text), node.placeholder
        if node.partials or (literal is not None and placeholder is not None):
            # Several ways are open: only here a later segment may bring us back.
            tried = (_match(way, segments, index, (*values, *more)) for way, more in _ways(node, text))
            return next((found for found in tried if found is not None), None)
        if literal is not None:
            node = literal
        elif placeholder is not None and text:
            node, values = placeholder, (*values, text)
        else:
            return None
    return Found(node.targets, values) if node.targets else None


def _ways(node: _Node[Target], text: str) -> Iterator[tuple[_Node[Target], tuple[str, ...]]]:
    """Every way on from a node with one more segment, the best first, and the values it takes from it."""
    if text in node.literals:
        yield node.literals[text], ()
    for literals, below in node.partials.items():
        values = _between(literals, text)
        if values is not None:
            yield below, values
    if node.placeholder is not None and text:
        yield node.placeholder, (text,)


def _between(literals: tuple[str, ...], text: str) -> tuple[str, ...] | None:
    """The texts between literals, none empty and the first ones as short as possible; None if they do not fit."""
    first, *middle, last = literals
    start, end = len(first), len(text) - len(last)
    if not text.startswith(first) or not text.endswith(last):
        return None
    values = []
    for literal in middle:
        at = text.find(literal, start + 1, end)
        if at < 0:
            return None
        values.append(text[start:at])
        start = at + len(literal)
    return (*values, text[start:end]) if start < end else None
