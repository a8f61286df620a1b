"""Counts kept beside the events, by hour and by day: what is counted there, and how a tally is made of them."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import DIMENSIONS, Bucket, Dimension, Tally
from fairlead.archive.positions import Bounds

HOUR = 3_600 * NANOS_PER_SECOND
DAY = 24 * HOUR
TOTAL = 0
"""The dimension that counts every event once; the others count from 1 in the order of DIMENSIONS."""

# Hours hardly have two events of one target, so these are counted by day only.
_BY_DAY_ONLY = DIMENSIONS.index("target_id") + 1


class Cell(NamedTuple):
    """One counted thing: the width of its time, a dimension, when its time starts, and a value's number."""

    grain: int
    dimension: int
    start: int
    word: int


Cells = Counter[Cell]


class Stretch(NamedTuple):
    """Time that is counted from one source: the rollups of a grain, or the events themselves (0)."""

    grain: int
    bounds: Bounds


class Grid(NamedTuple):
    """Where buckets lie: the one with place 0 starts at `shift`, which is before the end of a first `width`."""

    width: int
    shift: int


def count(cells: Cells, position: int, numbers: Sequence[int], by: int = 1) -> None:
    """Count an event whose values have these numbers."""
    for grain in (HOUR, DAY):
        start = position - position % grain
        cells[Cell(grain, TOTAL, start, 0)] += by
        for dimension, number in enumerate(numbers, 1):
            if grain == DAY or dimension != _BY_DAY_ONLY:
                cells[Cell(grain, dimension, start, number)] += by


def changed(cells: Cells) -> list[tuple[Cell, int]]:
    """The counts that change, in one order for everybody who writes them."""
    return [(cell, number) for cell, number in sorted(cells.items()) if number]


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
    """The grid of a tally's buckets, small enough for 64 bits wherever they begin."""
    # Whatever is wider than time itself is one bucket, or two.
    width = min(tally.width, (1 << 63) - 1)
    return Grid(width, tally.origin % width)


def buckets_of(found: Mapping[int, int], grid: Grid) -> tuple[Bucket, ...]:
    """Counts by place as buckets, without the empty ones."""
    return tuple(Bucket(grid.shift + grid.width * place, found[place]) for place in sorted(found) if found[place])


def most_frequent(found: Mapping[int, int], most: int) -> list[tuple[int, int]]:
    """The words counted most often; among equals those that were met first."""
    counted = ((word, number) for word, number in found.items() if number)
    return heapq.nsmallest(most, counted, key=lambda each: (-each[1], each[0]))
