"""What of time is covered: sets of half-open slices, in nanoseconds since 1970, and what is missing between them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Slice(NamedTuple):
    """A stretch of time from `start` up to, not including, `end`."""

    start: int
    end: int


Slices = tuple[Slice, ...]


def joined(slices: Iterable[Slice]) -> Slices:
    """The same time in as few slices as there can be, in order; what overlaps or touches becomes one."""
    found: list[Slice] = []
    for each in sorted(slices):
        if each.start >= each.end:
            continue
        if found and each.start <= found[-1].end:
            found[-1] = Slice(found[-1].start, max(found[-1].end, each.end))
        else:
            found.append(each)
    return tuple(found)


def holes(covered: Iterable[Slice], window: Slice) -> Slices:
    """What of the window is not covered, oldest first."""
    missing: list[Slice] = []
    begin = window.start
    for each in joined(covered):
        if each.end <= begin:
            continue
        if each.start >= window.end:
            break
        if each.start > begin:
            missing.append(Slice(begin, each.start))
        begin = each.end
    if begin < window.end:
        missing.append(Slice(begin, window.end))
    return tuple(missing)


def covers(covered: Iterable[Slice], window: Slice) -> bool:
    """Whether nothing of the window is missing; an empty window is covered."""
    return not holes(covered, window)
