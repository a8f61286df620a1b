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
"""How far back the first stretch goes."""
_WIDER = 4
_TIMES_WANTED = 4
_FEW = 200


def newest(read: Read, bounds: Bounds, limit: int) -> list[int]:
    """The highest positions within bounds, so many at most, the highest first."""
    # Where little is found each reading may go through everything, and there is nothing to choose from.
    oldest = read(bounds, limit)
    if len(oldest) < limit:
        return oldest[::-1]
    most = max(_FEW, _TIMES_WANTED * limit)
    found: list[int] = []
    end, width = bounds.high, _FIRST
    crowds, crowded_up_to, leaps = 0, oldest[0], True
    while oldest[0] < end and len(found) < limit:
        behind = end - crowded_up_to - 1
        if crowds > 1 and behind > 0:
            # A burst with little after it: all of that at once, or when it is too much again, half of it.
            width = behind if leaps else max(1, behind // 2)
            leaps = not leaps
        begin = max(oldest[0], end - width)
        positions = read(Bounds(begin, end), most)
        span = end - begin
        if len(positions) == most:
            # There may be more between the last of them and the end.
            crowds, crowded_up_to = crowds + 1, max(crowded_up_to, positions[-1])
            span = positions[-1] - positions[0]
        else:
            found += reversed(positions)
            end = begin
        width = _WIDER * span
        if positions:
            # Twice what is left is in so long a stretch, where they lie as densely.
            width = min(width, max(1, 2 * (limit - len(found)) * span // len(positions)))
    return found[:limit]
