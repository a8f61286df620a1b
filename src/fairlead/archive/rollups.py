"""Counts kept beside the events, by hour and by day: what is counted there, and how a tally is made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.damage import incomplete
from fairlead.archive.model import DIMENSIONS, Bucket, Count, Dimension, Tally
from fairlead.archive.positions import Bounds

HOUR = 3_600 * NANOS_PER_SECOND
DAY = 24 * HOUR
TOTAL = 0
"""The dimension that counts every event once; the others count from 1 in the order of DIMENSIONS."""

_WIDEST = (1 << 63) - 1
# Hours hardly have two events of one target, so these are counted by day only.
_BY_DAY_ONLY = DIMENSIONS.index("target_id") + 1

Counted: TypeAlias = tuple[int, ...]
"""An event to be counted: its hour since 1970, and the numbers of its values in the order of DIMENSIONS."""

Texts: TypeAlias = Callable[[Iterable[int]], Mapping[int, str | None]]
"""Gives the words of numbers."""


class Cell(NamedTuple):
    """One counted thing: the width of its time, a dimension, when its time starts, and a value's number."""

    grain: int
    dimension: int
    start: int
    word: int


Cells: TypeAlias = Counter[Cell]


class Stretch(NamedTuple):
    """Time that is counted from one source: the rollups of a grain, or the events themselves (0)."""

    grain: int
    bounds: Bounds


class Grid(NamedTuple):
    """Where buckets lie: the one with place 0 starts at `shift`, which is before the end of a first `width`."""

    width: int
    shift: int


def cells(events: Sequence[Counted]) -> Cells:
    """The counts of events."""
    found: Cells = Counter()
    for dimension in range(len(DIMENSIONS) + 1):
        place = itemgetter(0, dimension)
        # The hour stands where the total has no value.
        for (hour, word), number in Counter(map(place, events)).items():
            value = 0 if dimension == TOTAL else word
            start = hour * HOUR
            if dimension != _BY_DAY_ONLY:
                found[Cell(HOUR, dimension, start, value)] += number
            found[Cell(DAY, dimension, start - start % DAY, value)] += number
    return found


def difference(come: Sequence[Counted], gone: Sequence[Counted]) -> Cells:
    """The counts to add when some events come and others are no longer counted; some of them may be negative."""
    found = cells(come)
    found.subtract(cells(gone))
    return found


def changed(counts: Cells) -> list[tuple[Cell, int]]:
    """The counts that change, in one order for everybody who writes them."""
    return [(cell, number) for cell, number in sorted(counts.items()) if number]


def stretches(bounds: Bounds, grains: tuple[int, ...]) -> list[Stretch]:
    """The bounds cut so that as much as possible is whole days or hours; grains from the widest to the narrowest."""
    if bounds.low >= bounds.high:
        return []
    if not grains:
        return [Stretch(0, bounds)]
    grain, finer = grains[0], grains[1:]
    first, last = -(-bounds.low // grain) * grain, bounds.high // grain * grain
    if first >= last:
        return stretches(bounds, finer)
    return [
        *stretches(Bounds(bounds.low, first), finer),
        Stretch(grain, Bounds(first, last)),
        *stretches(Bounds(last, bounds.high), finer),
    ]


def grains_of(dimension: Dimension) -> tuple[int, ...]:
    """The grains that a dimension is counted in."""
    return (DAY,) if DIMENSIONS.index(dimension) + 1 == _BY_DAY_ONLY else (DAY, HOUR)


def grains_within(tally: Tally) -> tuple[int, ...]:
    """The grains that never lie in two buckets of a tally."""
    return tuple(grain for grain in (DAY, HOUR) if tally.width % grain == 0 and tally.origin % grain == 0)


def grid_of(tally: Tally) -> Grid:
    """The grid of a tally's buckets, small enough for 64 bits wherever they begin; one of all time without any."""
    # Whatever is wider than time itself is one bucket, or two.
    width = min(tally.width or _WIDEST, _WIDEST)
    return Grid(width, tally.origin % width)


def buckets_of(found: Mapping[int, int], grid: Grid) -> tuple[Bucket, ...]:
    """Counts by place as buckets, without the empty ones."""
    return tuple(Bucket(grid.shift + grid.width * place, found[place]) for place in sorted(found) if found[place] > 0)


def most_frequent(found: Counter[int], most: int, texts: Texts) -> tuple[Count, ...]:
    """The most frequent values; equal counts in the order of the values, whichever was met first."""
    # A later revision may have left nothing where an earlier one was counted; `+` drops what is not above 0.
    present = +found
    leading = present.most_common(most)
    least = leading[-1][1] if leading else 0
    candidates = {word: number for word, number in present.items() if number >= least}
    values = texts(candidates)
    if candidates.keys() - values.keys():
        raise incomplete()
    counts = [Count(values[word], number) for word, number in candidates.items()]
    return tuple(sorted(counts, key=lambda count: (-count.events, count.value or ""))[:most])
