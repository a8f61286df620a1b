"""Finds the values that an overlay's target selects (JSONPath, RFC 9535), at a bounded cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, cast

import jsonpath_rfc9535 as jsonpath
from jsonpath_rfc9535.parse import Parser

from fairlead.spec.source import JsonValue, Path

if TYPE_CHECKING:
    from jsonpath_rfc9535.filter_expressions import Expression, FilterQuery
    from jsonpath_rfc9535.tokens import TokenStream

# What the targets of an overlay may visit together: several times the values of the largest document.
MAX_VISITS = 200_000
MAX_TARGET = 2_000


def find(value: JsonValue, target: str, visits: Iterator[int]) -> list[Path]:
    """The paths of what a target selects; `visits` counts for all targets of an overlay.

    Raises ValueError for a target that is no JSONPath, or takes too long: regular expressions and searches within a
    filter are not understood.
    """
    if len(target) > MAX_TARGET:
        raise ValueError(f"a target has at most {MAX_TARGET:,} characters")
    root = _Node(value=value, location=(), parent=None, root=value)
    root.visits = visits
    nodes: Iterable[jsonpath.JSONPathNode] = [root]
    try:
        for segment in _TARGETS.compile(target).segments:
            nodes = segment.resolve(nodes)
        return [node.location for node in nodes]
    except (jsonpath.JSONPathError, ArithmeticError, RecursionError) as failure:
        raise ValueError(f"the target is no JSONPath: {failure}") from failure


class _Node(jsonpath.JSONPathNode):
    """A value that is visited, and counted with all the others."""

    __slots__ = ("visits",)
    visits: Iterator[int]

    def new_child(self, value: object, key: int | str, parent: jsonpath.JSONPathNode | None) -> _Node:
        if next(self.visits) >= MAX_VISITS:
            raise ValueError(f"the targets visit more than {MAX_VISITS:,} values; name what is meant more exactly")
        child = _Node(value=value, location=(*self.location, key), parent=parent, root=self.root)
        child.visits = self.visits
        return child


class _SmallFilters(Parser):
    """Reads JSONPath whose filters look at single values only, so that trying one costs next to nothing."""

    def parse_root_query(self, stream: TokenStream) -> Expression:
        return _single(super().parse_root_query(stream))

    def parse_relative_query(self, stream: TokenStream) -> Expression:
        return _single(super().parse_relative_query(stream))


class _Targets(jsonpath.JSONPathEnvironment):
    """JSONPath without regular expressions."""

    parser_class = _SmallFilters

    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        del self.function_extensions["match"], self.function_extensions["search"]


_TARGETS = _Targets()


def _single(expression: Expression) -> Expression:
    if not cast("FilterQuery", expression).query.singular_query():
        raise ValueError("a filter of a target can look at single values only, such as `@.name`")
    return expression
