"""Counts events: from the rollups where only time decides, else from the events that match."""

from __future__ import annotations

import sqlite3
from collections import Counter

from fairlead.archive.model import DIMENSIONS, Dimension, Statistics, Tally
from fairlead.archive.positions import Bounds, bounds_of
from fairlead.archive.rollups import (
    TOTAL,
    Stretch,
    buckets_of,
    grains_of,
    grains_within,
    grid_of,
    most_frequent,
    stretches,
)
from fairlead.archive.sqlite.pages import Search
from fairlead.archive.sqlite.words import Words

_AT_ONCE = 2_000


class Counting:
    """Counts over one connection."""

    def __init__(self, connection: sqlite3.Connection, words: Words) -> None:
        self._connection = connection
        self._words = words

    def statistics(self, search: Search, tally: Tally) -> Statistics:
        """What a tally asks of a search."""
        bounds = bounds_of(search.query)
        if search.expression is None:
            return Statistics(total=0, counts=dict.fromkeys(tally.dimensions, ()))
        if search.expression:
            found, *values = self._matching(search, bounds, tally)
        else:
            found = self._buckets(search.organization, bounds, tally)
            values = [self._values(search.organization, each, bounds) for each in tally.dimensions]
        return Statistics(
            total=found.total(),
            buckets=buckets_of(found, grid_of(tally)) if tally.width else (),
            counts={
                dimension: most_frequent(each, tally.most, self._words.texts_of)
                for dimension, each in zip(tally.dimensions, values, strict=True)
            },
        )

    def _values(self, organization: int, dimension: Dimension, bounds: Bounds) -> Counter[int]:
        """Numbers by word, of all events of a time."""
        found: Counter[int] = Counter()
        number = DIMENSIONS.index(dimension) + 1
        for stretch in stretches(bounds, grains_of(dimension)):
            found.update(dict(self._summed(organization, number, dimension, stretch)))
        return found

    def _buckets(self, organization: int, bounds: Bounds, tally: Tally) -> Counter[int]:
        """Numbers by bucket, of all events of a time."""
        found: Counter[int] = Counter()
        for stretch in stretches(bounds, grains_within(tally)):
            column = _bucket("start" if stretch.grain else "position", tally)
            found.update(dict(self._summed(organization, TOTAL, column, stretch, grouped=column)))
        return found

    def _summed(
        self, organization: int, dimension: int, column: str, stretch: Stretch, *, grouped: str = ""
    ) -> list[tuple[int, int]]:
        """Numbers by word, or by `grouped`, of a stretch of time."""
        bounds = stretch.bounds
        if stretch.grain:
            statement = (
                f"SELECT {grouped or 'word'}, sum(count) FROM rollup WHERE organization = ? AND grain = ? "
                "AND dimension = ? AND start >= ? AND start < ? GROUP BY 1"
            )
            return self._connection.execute(statement, (organization, stretch.grain, dimension, *bounds)).fetchall()
        statement = (
            f"SELECT {column}, count(*) FROM event WHERE organization = ? AND position >= ? AND position < ? "
            "AND superseded = 0 GROUP BY 1"
        )
        return self._connection.execute(statement, (organization, *bounds)).fetchall()

    def _matching(self, search: Search, bounds: Bounds, tally: Tally) -> list[Counter[int]]:
        """Numbers by bucket, and by word of each dimension, of the events that the full-text index finds."""
        columns = ", ".join([_bucket("event.position", tally), *(f"event.{each}" for each in tally.dimensions)])
        found: list[Counter[int]] = [Counter() for _ in (0, *tally.dimensions)]
        matching = self._connection.execute(
            f"SELECT {columns} FROM search CROSS JOIN event ON event.position = search.rowid "
            "WHERE search MATCH ? AND search.rowid >= ? AND search.rowid < ? AND event.superseded = 0",
            (search.expression, *bounds),
        )
        while rows := matching.fetchmany(_AT_ONCE):
            for counter, column in zip(found, zip(*rows, strict=True), strict=True):
                counter.update(column)
        return found


def _bucket(column: str, tally: Tally) -> str:
    """The place of the bucket that an instant is in; the only one when none are asked for."""
    if not tally.width:
        return "0"
    grid = grid_of(tally)
    # Division goes towards zero, buckets go down.
    return f"({column} - {grid.shift}) / {grid.width} - ({column} < {grid.shift})"
