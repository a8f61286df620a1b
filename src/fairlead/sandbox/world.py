"""The organization's history: event k, and the event at an instant, each computed on demand.

Number 0 is the oldest event. Time order is number order, and events of one microsecond form a *tie* whose ids
rise with the number, so newest first is (timestamp, id) descending everywhere.
"""

from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache
from math import isqrt
from typing import NamedTuple

from fairlead.sandbox.chance import uuid
from fairlead.sandbox.rhythm import effort_at, instant_of
from fairlead.sandbox.stories import BLOCK, Scene, Step, tell

MINUTE = 60_000_000
DAY = 1_440 * MINUTE


@dataclass(frozen=True, slots=True)
class World:
    """A whole history in a handful of integers."""

    seed: int
    count: int
    anchor: int
    """The instant, in microseconds, just after the newest of the `count` events."""
    blocks: int
    effort: int
    """Effort spent by the anchor."""
    pace: int
    """Effort per block."""

    @property
    def skipped(self) -> int:
        """Steps of the oldest block that lie before the history begins."""
        return self.blocks * BLOCK - self.count


class Tie(NamedTuple):
    """The numbers of the events that share one microsecond: from `first` up to, not including, `end`."""

    first: int
    end: int


def world(seed: int, count: int, now_micros: int) -> World:
    """The history of `count` events that ends shortly before now; a fortnight long at 10,000 events."""
    anchor = now_micros // MINUTE * MINUTE
    blocks = -(-count // BLOCK)
    effort = effort_at(anchor)
    span = 14 * DAY * max(isqrt(count // 100), 1) // 10
    pace = (effort - effort_at(anchor - span)) // max(blocks, 1)
    return World(seed=seed, count=count, anchor=anchor, blocks=blocks, effort=effort, pace=pace)


def scene(history: World) -> Scene:
    """Who takes part: more projects, and longer-lived previews in blocks, the larger the history."""
    size = len(str(max(history.count // 100, 1)))
    return Scene(history.seed, min(40, max(3, 2 * size)), max(4, isqrt(history.blocks)))


def block_start(history: World, block: int) -> int:
    """The instant a block begins."""
    return instant_of(history.effort - (history.blocks - block) * history.pace)


@lru_cache(maxsize=96)
def _steps(history: World, block: int) -> tuple[Step, ...]:
    return tell(scene(history), block)


@lru_cache(maxsize=96)
def block_instants(history: World, block: int) -> tuple[int, ...]:
    """The instants of a block's steps, in order; equal only within one transaction."""
    steps = _steps(history, block)
    start, end = block_start(history, block), block_start(history, block + 1)
    # A story keeps its own seconds; only the waiting between stories stretches, unless the block is short.
    lengths: dict[int, int] = {}
    for step in steps:
        lengths[step.story] = step.offset
    rigid, available = sum(lengths.values()) or 1, (end - start) * 8 // 10
    squeezed = min(available, rigid)
    waits = [1_000 + (steps[i].draw * 7919 + i) % 9_000 for i in range(len(lengths))]
    slack, total_wait = end - start - squeezed, sum(waits)
    instants: list[int] = []
    clock, waited, begun, previous = 0, 0, start, (-1, -1)
    for step in steps:
        if step.story != previous[0]:
            waited += waits[step.story]
            begun = start + clock * squeezed // rigid + waited * slack // total_wait - waits[step.story] * 97
            clock += lengths[step.story]
        at = begun + step.offset * squeezed // rigid
        if instants and (step.story, step.offset) == previous:
            at = instants[-1]
        elif instants:
            at = max(at, instants[-1] + 1)
        instants.append(max(at, start))
        previous = (step.story, step.offset)
    return tuple(instants)


def step_at(history: World, k: int) -> Step:
    """What event k is, without its rendering: cheap enough for a scan."""
    block, position = divmod(k + history.skipped, BLOCK)
    return _steps(history, block)[position]


def instant_at(history: World, k: int) -> int:
    """When event k happened, in microseconds since 1970."""
    block, position = divmod(k + history.skipped, BLOCK)
    return block_instants(history, block)[position]


def older_than(history: World, micros: int) -> int:
    """How many events happened before an instant: the number of the first event at or after it."""
    if history.count == 0:
        return 0
    block = history.blocks + (effort_at(micros) - history.effort) // history.pace
    while block_start(history, block) > micros:
        block -= 1
    while block_start(history, block + 1) <= micros:
        block += 1
    if block < 0:
        return 0
    found = block * BLOCK + bisect_left(block_instants(history, block), micros) - history.skipped
    return max(found, 0)


def _peers(history: World, block: int, position: int) -> tuple[int, int]:
    instants = block_instants(history, block)
    return bisect_left(instants, instants[position]), bisect_left(instants, instants[position] + 1)


def tie_of(history: World, k: int) -> Tie:
    """The tie event k belongs to; an event alone is a tie of one."""
    block, position = divmod(k + history.skipped, BLOCK)
    first, end = _peers(history, block, position)
    base = block * BLOCK - history.skipped
    return Tie(max(base + first, 0), base + end)


def id_at(history: World, k: int) -> str:
    """The id of event k; the ids of a tie are its members' own, handed out in rising order."""
    block, position = divmod(k + history.skipped, BLOCK)
    first, end = _peers(history, block, position)
    if end - first == 1:
        return uuid(history.seed, "event", block, position)
    return sorted(uuid(history.seed, "event", block, i) for i in range(first, end))[position - first]
