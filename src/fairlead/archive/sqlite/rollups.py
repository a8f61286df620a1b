"""Counts kept beside the events, by hour and by day, which histograms and facets are read from."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import DIMENSIONS

HOUR = 3_600 * NANOS_PER_SECOND
DAY = 24 * HOUR
TOTAL = 0
"""The dimension that counts every event once; the others count from 1 in the order of DIMENSIONS."""

# Hours hardly have two events of one target, so these are counted by day only.
_BY_DAY_ONLY = DIMENSIONS.index("target_id") + 1


Counted: TypeAlias = tuple[int, ...]
"""An event to be counted: its hour since 1970, and the numbers of its values in the order of DIMENSIONS."""


class Cell(NamedTuple):
    """One counted thing: the width of its time, a dimension, when its time starts, and a value's number."""

    grain: int
    dimension: int
    start: int
    word: int


Cells: TypeAlias = Counter[Cell]


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


def write(connection: sqlite3.Connection, organization: int, counts: Cells) -> None:
    """Add counts to those of the archive; within a transaction."""
    connection.executemany(
        "INSERT INTO rollup VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(organization, *cell, number) for cell, number in sorted(counts.items()) if number],
    )
