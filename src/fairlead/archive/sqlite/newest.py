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
_WIDER = 4
_MOST = 4
"""How many times what is wanted a reading gives at most."""
_FEW = 200


def newest(read: Read, bounds: Bounds, limit: int) -> list[int]:
    """The highest positions within bounds, so many at most, the highest first."""
    # Where little is found each reading may go through everything, and there is nothing to choose from.
    oldest = read(bounds, limit)
    if len(oldest) < limit:
        return oldest[::-1]
    most = max(_FEW, _MOST * limit)
    found: list[int] = []
    end, width = bounds.high, _FIRST
    while oldest[0] < end and len(found) < limit:
        begin = max(oldest[0], end - width)
        positions = read(Bounds(begin, end), most)
        span = end - begin
        if len(positions) == most:
            # There may be more between the last of them and the end.
            span = positions[-1] - begin
        else:
            found += reversed(positions)
            end = begin
        width = _WIDER * span
        if positions:
            # Twice what is left is in so long a stretch, where they lie as densely.
            width = min(width, max(1, 2 * (limit - len(found)) * span // len(positions)))
    return found[:limit]
