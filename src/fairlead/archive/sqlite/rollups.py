"""Counts kept beside the events, by hour and by day, which histograms and facets are read from."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import DIMENSIONS

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


def count(cells: Cells, position: int, numbers: Sequence[int], by: int = 1) -> None:
    """Count an event whose values have these numbers."""
    for grain in (HOUR, DAY):
        start = position - position % grain
        cells[Cell(grain, TOTAL, start, 0)] += by
        for dimension, number in enumerate(numbers, 1):
            if grain == DAY or dimension != _BY_DAY_ONLY:
                cells[Cell(grain, dimension, start, number)] += by


def write(connection: sqlite3.Connection, organization: int, cells: Cells) -> None:
    """Add the counts to those of the archive; within a transaction."""
    connection.executemany(
        "INSERT INTO rollup VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(organization, *cell, number) for cell, number in sorted(cells.items()) if number],
    )
