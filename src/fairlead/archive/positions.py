"""Positions of events: instants that order them, one event on each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fairlead.archive.model import Query, Turn

HIGHEST = (1 << 63) - 2
"""The last position; the end of a range behind it still has 64 bits."""


class Bounds(NamedTuple):
    """Positions from `low` up to, not including, `high`."""

    low: int
    high: int


Positions = Callable[[Bounds, int, bool], list[int]]
"""The positions within bounds that a query finds, so many at most: the lowest first if so told, else the highest."""


class Turned(NamedTuple):
    """The positions of a page, newest first, and whether there are older and newer ones."""

    positions: list[int]
    has_older: bool
    has_newer: bool


def bounds_of(query: Query) -> Bounds:
    """The positions that a query's time allows."""
    return Bounds(_limited(query.since or 0), HIGHEST + 1 if query.until is None else _limited(query.until))


def turned(find: Positions, bounds: Bounds, turn: Turn) -> Turned:
    """The page that a turn leads to."""
    if turn.above is not None:
        low = max(bounds.low, _limited(turn.above + 1))
        found = find(Bounds(low, bounds.high), turn.limit + 1, True)
        has_older = bool(find(Bounds(bounds.low, min(low, bounds.high)), 1, True))
        return Turned(found[: turn.limit][::-1], has_older, len(found) > turn.limit)
    high = bounds.high if turn.below is None else min(bounds.high, _limited(turn.below))
    found = find(Bounds(bounds.low, high), turn.limit + 1, False)
    has_newer = bool(find(Bounds(max(bounds.low, high), bounds.high), 1, True))
    return Turned(found[: turn.limit], len(found) > turn.limit, has_newer)


def free_position(nanos: int, taken: Callable[[int], bool]) -> int:
    """The first instant from here on that no event has; at the end of time the last one before."""
    position, step = min(nanos, HIGHEST), 1
    while taken(position):
        if position == HIGHEST:
            step = -1
        position += step
    return position


def _limited(position: int) -> int:
    """A position that a database takes, whatever a caller asked for."""
    return min(max(position, 0), HIGHEST + 1)
