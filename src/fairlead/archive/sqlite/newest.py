"""Finds the newest of what the full-text index is fast to read only from old to new.

Backwards it goes through every page of its lists that lies behind the place where a page of events begins. Forwards it
skips them, so that the newest events are read forwards in stretches, each of which ends where the one before it began.
"""

from __future__ import annotations

from collections.abc import Callable

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.positions import Bounds

Read = Callable[[Bounds, int], list[int]]
"""The lowest positions within bounds, so many at most."""

_FIRST = 3_600 * NANOS_PER_SECOND
_WIDER, _NARROWER = 4, 8
_MOST = 400


def newest(read: Read, bounds: Bounds, limit: int) -> list[int]:
    """The highest positions within bounds, so many at most, the highest first."""
    # Where little is found each reading may go through everything, and there is nothing to choose from.
    oldest = read(bounds, limit)
    if len(oldest) < limit:
        return oldest[::-1]
    most = max(_MOST, limit)
    found: list[int] = []
    end, width = bounds.high, _FIRST
    while oldest[0] < end and len(found) < limit:
        begin = max(oldest[0], end - width)
        positions = read(Bounds(begin, end), most + 1)
        if len(positions) > most:
            # More than one position is in it, so that it can be narrower.
            width = max(1, (end - begin) // _NARROWER)
            continue
        found += reversed(positions)
        end = begin
        width *= _WIDER
    return found[:limit]
