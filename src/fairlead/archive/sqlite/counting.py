"""Counts events: from the rollups where only time decides, else from the events that match."""

from __future__ import annotations

import sqlite3
from collections import Counter
from typing import NamedTuple

from fairlead.archive.model import DIMENSIONS, Bucket, Count, Dimension, Statistics, Tally
from fairlead.archive.sqlite.pages import Bounds, Search, bounds_of
from fairlead.archive.sqlite.rollups import DAY, HOUR, TOTAL
from fairlead.archive.sqlite.words import Words

_AT_ONCE = 2_000


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
        if search.expression:
            found, *values = self._matching(search, bounds, tally)
        else:
            found = self._buckets(search.organization, bounds, tally)
            values = [self._values(search.organization, each, bounds) for each in tally.dimensions]
        # A later revision may have left nothing where an earlier one was counted; `+` drops what is not above 0.
        counts = {
            dimension: self._most(+each, tally.most) for dimension, each in zip(tally.dimensions, values, strict=True)
        }
        width, origin = tally.width, tally.origin
        buckets = tuple(Bucket(origin + width * place, found[place]) for place in sorted(+found)) if width else ()
        return Statistics(total=found.total(), buckets=buckets, counts=counts)

    def _most(self, found: Counter[int], most: int) -> tuple[Count, ...]:
        """The most frequent values; equal counts in the order of the values, whichever was met first."""
        leading = found.most_common(most)
        least = leading[-1][1] if leading else 0
        counts = [Count(self._words.text_of(word), number) for word, number in found.items() if number >= least]
        return tuple(sorted(counts, key=lambda count: (-count.events, count.value or ""))[:most])

    def _values(self, organization: int, dimension: Dimension, bounds: Bounds) -> Counter[int]:
        """Numbers by word, of all events of a time."""
        found: Counter[int] = Counter()
        number = DIMENSIONS.index(dimension) + 1
        for stretch in stretches(bounds, (DAY,) if dimension == "target_id" else (DAY, HOUR)):
            found.update(dict(self._summed(organization, number, dimension, stretch)))
        return found

    def _buckets(self, organization: int, bounds: Bounds, tally: Tally) -> Counter[int]:
        """Numbers by bucket, of all events of a time."""
        found: Counter[int] = Counter()
        width, origin = tally.width, tally.origin
        grains = tuple(grain for grain in (DAY, HOUR) if width % grain == 0 and origin % grain == 0)
        for stretch in stretches(bounds, grains):
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
    return f"({column} - {tally.origin}) / {tally.width}" if tally.width else "0"
