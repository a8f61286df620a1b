"""Which stretches of time a run reads, and in what order: oldest first, because that is the end that gets lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice, Slices, holes

MINUTE = 60 * NANOS_PER_SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WIDEST = 30 * DAY
"""The longest stretch the upstream is sure to answer for (facts, 1.3)."""

NARROWEST = 10 * MINUTE
REREAD = 15 * MINUTE
"""How late events may come and still be found by every run."""

AHEAD = HOUR
"""How far the upstream's clock may be before ours and its newest events still be read."""


class Task(NamedTuple):
    """What a run has to do: time that is missing, time lost for ever, and where coverage may end."""

    missing: Slices
    lost: Slices
    settled: int
    end: int


def task(covered: Sequence[Slice], *, edge: int, since: int, now: int, again: bool = False) -> Task:
    """What is to be read now from `since` on, when the upstream holds events from `edge` on; all of it if `again`.

    Coverage ends a while before now, because events come late; what lies between is read by every run.
    """
    begin = max(edge, since)
    settled = max(now - REREAD, begin)
    missing = (Slice(begin, settled),) if again else holes(covered, Slice(begin, settled))
    lost = holes(covered, Slice(covered[0].start, edge)) if covered and covered[0].start < edge else ()
    return Task(tuple(missing), tuple(lost), settled, now + AHEAD)


def next_window(task: Task, width: int) -> Slice:
    """The oldest stretch of what is missing; the last one goes on to the newest events."""
    if not task.missing:
        return Slice(task.settled, task.end)
    first = task.missing[0]
    if first.start + width < first.end:
        return Slice(first.start, first.start + width)
    if len(task.missing) == 1 and first.end == task.settled:
        return Slice(first.start, task.end)
    return first


def next_width(width: int, pages: int) -> int:
    """How wide the next window is, after one of this width took so many pages."""
    if pages <= 2:
        return min(width * 4, WIDEST)
    return max(width // 2, NARROWEST) if pages > 20 else width
