"""Finds the route of a path: a tree of segments, literal ones before placeholders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote

from fairlead.errors import RequestMalformed
from fairlead.plan.model import Segment

Target = TypeVar("Target")


@dataclass(slots=True)
class _Node(Generic[Target]):
    literals: dict[str, _Node[Target]] = field(default_factory=dict)
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
                if segment.parameter is not None:
                    node.placeholder = node.placeholder or _Node()
                    node = node.placeholder
                else:
                    node = node.literals.setdefault(segment.text, _Node())
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


def _match(node: _Node[Target], segments: list[str], index: int, values: tuple[str, ...]) -> Found[Target] | None:
    while index < len(segments):
        text = segments[index]
        index += 1
        literal, placeholder = node.literals.get(text), node.placeholder
        if literal is not None and placeholder is not None:
            # Both ways are open: only here a later segment may bring us back.
            found = _match(literal, segments, index, values)
            return found or _match(placeholder, segments, index, (*values, text))
        if literal is not None:
            node = literal
        elif placeholder is not None and text:
            node, values = placeholder, (*values, text)
        else:
            return None
    return Found(node.targets, values) if node.targets else None
