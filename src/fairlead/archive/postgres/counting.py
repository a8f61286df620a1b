"""Counts events: from the rollups where only time decides, else from the events that match."""

from __future__ import annotations

from collections import Counter

from fairlead.archive.model import DIMENSIONS, Bucket, Count, Dimension, Statistics, Tally
from fairlead.archive.positions import Bounds, bounds_of
from fairlead.archive.postgres.conditions import Search
from fairlead.archive.postgres.connection import Connection
from fairlead.archive.postgres.words import Words
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


class Counting:
    """Counts over one connection."""

    def __init__(self, connection: Connection, words: Words) -> None:
        self._connection = connection
        self._words = words

    def statistics(self, search: Search, tally: Tally) -> Statistics:
        """What a tally asks of a search."""
        bounds = bounds_of(search.query)
        if not search.tables or bounds.low >= bounds.high:
            return Statistics(total=0, counts=dict.fromkeys(tally.dimensions, ()))
        counts = {dimension: self._most(search, dimension, bounds, tally.most) for dimension in tally.dimensions}
        buckets = self._buckets(search, bounds, tally) if tally.width else ()
        total = sum(bucket.events for bucket in buckets) if tally.width else self._total(search, bounds)
        return Statistics(total=total, buckets=buckets, counts=counts)

    def _total(self, search: Search, bounds: Bounds) -> int:
        if search.query.selective:
            return sum(self._matching(search, "1", bounds).values())
        return sum(
            sum(self._summed(search, TOTAL, "0", stretch).values()) for stretch in stretches(bounds, (DAY, HOUR))
        )

    def _most(self, search: Search, dimension: Dimension, bounds: Bounds, most: int) -> tuple[Count, ...]:
        found: Counter[int] = Counter()
        if search.query.selective:
            found.update(self._matching(search, f"event.{dimension}", bounds))
        else:
            number = DIMENSIONS.index(dimension) + 1
            for stretch in stretches(bounds, grains_of(dimension)):
                found.update(self._summed(search, number, f"event.{dimension}", stretch))
        return most_frequent(found, most, self._words.texts_of)

    def _buckets(self, search: Search, bounds: Bounds, tally: Tally) -> tuple[Bucket, ...]:
        grid = grid_of(tally)
        # Division goes towards zero, buckets go down.
        place = f"({{0}} - {grid.shift}) / {grid.width} - ({{0}} < {grid.shift})::int"
        found: Counter[int] = Counter()
        if search.query.selective:
            found.update(self._matching(search, place.format("event.position"), bounds))
        else:
            for stretch in stretches(bounds, grains_within(tally)):
                column = place.format("start" if stretch.grain else "event.position")
                found.update(self._summed(search, TOTAL, column, stretch, grouped=column))
        return buckets_of(found, grid)

    def _summed(
        self, search: Search, dimension: int, column: str, stretch: Stretch, *, grouped: str = "word"
    ) -> dict[int, int]:
        """Numbers by word, or by `grouped`, of a stretch of time."""
        if not stretch.grain:
            return self._matching(search, column, stretch.bounds)
        rows = self._connection.execute(
            f"SELECT {grouped}, sum(count)::bigint FROM rollup WHERE organization = %s AND grain = %s "
            "AND dimension = %s AND start >= %s AND start < %s GROUP BY 1",
            (search.organization, stretch.grain, dimension, *stretch.bounds),
        )
        return dict(rows.fetchall())

    def _matching(self, search: Search, column: str, bounds: Bounds) -> dict[int, int]:
        """Numbers by column of the events that match."""
        rows = self._connection.execute(
            f"SELECT {column}, count(*) FROM {search.tables} WHERE {search.condition} AND event.position >= %s "
            "AND event.position < %s GROUP BY 1",
            (*search.values, *bounds),
        )
        return dict(rows.fetchall())
