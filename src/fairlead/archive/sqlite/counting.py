"""Counts events: from the rollups where only time decides, else from the events that match."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import NamedTuple

from fairlead.archive.model import DIMENSIONS, Bucket, Count, Dimension, Statistics, Tally
from fairlead.archive.sqlite.pages import Bounds, Search, bounds_of
from fairlead.archive.sqlite.rollups import DAY, HOUR, TOTAL
from fairlead.archive.sqlite.words import Words


class Stretch(NamedTuple):
    """Time that is counted from one source: the rollups of a grain, or the events themselves (0)."""

    grain: int
    bounds: Bounds


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
            grains = (DAY,) if dimension == "target_id" else (DAY, HOUR)
            for stretch in stretches(bounds, grains):
                found.update(dict(self._summed(search.organization, number, dimension, stretch)))
        return self._ordered(found, most)

    def _ordered(self, found: Counter[int], most: int) -> tuple[Count, ...]:
        """The most frequent values; equal counts in the order of the values, whichever was met first."""
        found = +found  # what was superseded may leave a value without events
        leading = found.most_common(most)
        least = leading[-1][1] if leading else 0
        counts = [Count(self._words.text_of(word), number) for word, number in found.items() if number >= least]
        return tuple(sorted(counts, key=lambda count: (-count.events, count.value or ""))[:most])

    def _buckets(self, search: Search, bounds: Bounds, tally: Tally) -> tuple[Bucket, ...]:
        place = f"({{}} - {tally.origin}) / {tally.width}"
        found: Counter[int] = Counter()
        if search.expression:
            found.update(dict(self._matching(search, place.format("event.position"), bounds)))
        else:
            grains = tuple(g for g in (DAY, HOUR) if tally.width % g == 0 and tally.origin % g == 0)
            for stretch in stretches(bounds, grains):
                column = place.format("start" if stretch.grain else "position")
                found.update(dict(self._summed(search.organization, TOTAL, column, stretch, grouped=column)))
        return tuple(Bucket(tally.origin + tally.width * place, found[place]) for place in sorted(+found))

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
