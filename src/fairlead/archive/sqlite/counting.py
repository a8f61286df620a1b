"""Counts events: from the rollups where only time decides, else from the events that match."""

from __future__ import annotations

import sqlite3
from collections import Counter

from fairlead.archive.model import DIMENSIONS, Bucket, Count, Dimension, Statistics, Tally
from fairlead.archive.positions import Bounds, bounds_of
from fairlead.archive.rollups import (
    DAY,
    HOUR,
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
        counts = {dimension: self._most(search, dimension, bounds, tally.most) for dimension in tally.dimensions}
        buckets = self._buckets(search, bounds, tally) if tally.width else ()
        total = sum(bucket.events for bucket in buckets) if tally.width else self._total(search, bounds)
        return Statistics(total=total, buckets=buckets, counts=counts)

    def _total(self, search: Search, bounds: Bounds) -> int:
        if search.expression:
            return sum(number for _, number in self._matching(search, "1", bounds))
        return sum(
            number
            for stretch in stretches(bounds, (DAY, HOUR))
            for _, number in self._summed(search.organization, TOTAL, "0", stretch)
        )

    def _most(self, search: Search, dimension: Dimension, bounds: Bounds, most: int) -> tuple[Count, ...]:
        found: Counter[int] = Counter()
        if search.expression:
            found.update(dict(self._matching(search, f"event.{dimension}", bounds)))
        else:
            number = DIMENSIONS.index(dimension) + 1
            for stretch in stretches(bounds, grains_of(dimension)):
                found.update(dict(self._summed(search.organization, number, dimension, stretch)))
        return tuple(Count(self._words.text_of(word), number) for word, number in most_frequent(found, most))

    def _buckets(self, search: Search, bounds: Bounds, tally: Tally) -> tuple[Bucket, ...]:
        grid = grid_of(tally)
        # Division goes towards zero, buckets go down.
        place = f"({{0}} - {grid.shift}) / {grid.width} - ({{0}} < {grid.shift})"
        found: Counter[int] = Counter()
        if search.expression:
            found.update(dict(self._matching(search, place.format("event.position"), bounds)))
        else:
            for stretch in stretches(bounds, grains_within(tally)):
                column = place.format("start" if stretch.grain else "position")
                found.update(dict(self._summed(search.organization, TOTAL, column, stretch, grouped=column)))
        return buckets_of(found, grid)

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

    def _matching(self, search: Search, column: str, bounds: Bounds) -> list[tuple[int, int]]:
        """Numbers by column of the events that the full-text index finds."""
        statement = (
            f"SELECT {column}, count(*) FROM search CROSS JOIN event ON event.position = search.rowid "
            "WHERE search MATCH ? AND search.rowid >= ? AND search.rowid < ? AND event.superseded = 0 GROUP BY 1"
        )
        return self._connection.execute(statement, (search.expression, *bounds)).fetchall()
