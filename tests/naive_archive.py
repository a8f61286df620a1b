"""The archive as one would write it on a napkin: a list, looked through from end to end for every question."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from fairlead.archive.model import DIMENSIONS, Bucket, Count, Dimension, Filter, Kept, Prepared, Query, Tally
from fairlead.archive.text import words_of


@dataclass
class Row:
    """An event that was kept."""

    event: Prepared
    position: int
    revision: int
    superseded: bool = False


@dataclass
class NaiveArchive:
    """The events of one organization, in the order they were kept."""

    rows: list[Row] = field(default_factory=list)

    def keep(self, events: tuple[Prepared, ...]) -> Kept:
        known = revisions = new = 0
        for event in sorted(events, key=lambda each: each.nanos):
            same = [row for row in self.rows if row.event.id == event.id]
            if any(row.event.tag == event.tag for row in same):
                known += 1
                continue
            for row in same:
                row.superseded = True
            position = event.nanos
            while any(row.position == position for row in self.rows):
                position += 1
            self.rows.append(Row(event, position, len(same)))
            revisions, new = revisions + bool(same), new + (not same)
        return Kept(new=new, revisions=revisions, known=known)

    def found(self, query: Query) -> list[Row]:
        """What a query finds, oldest first."""
        rows = [row for row in self.rows if not row.superseded and _fits(row, query)]
        return sorted(rows, key=lambda row: row.position)

    def buckets(self, query: Query, tally: Tally) -> tuple[Bucket, ...]:
        found = Counter((row.position - tally.origin) // tally.width for row in self.found(query))
        return tuple(Bucket(tally.origin + place * tally.width, number) for place, number in sorted(found.items()))

    def counts(self, query: Query, dimension: Dimension) -> set[Count]:
        found = Counter(_value(row, dimension) for row in self.found(query))
        return {Count(value, number) for value, number in found.items()}


def _fits(row: Row, query: Query) -> bool:
    since = 0 if query.since is None else query.since
    if row.position < since or (query.until is not None and row.position >= query.until):
        return False
    if not all(_passes(row, each) for each in query.filters):
        return False
    words = {word for word, _ in words_of(row.event.text)}
    return all(
        any(word.startswith(wanted) if begins else word == wanted for word in words)
        for wanted, begins in words_of(query.text)
    )


def _passes(row: Row, condition: Filter) -> bool:
    return ((_value(row, condition.dimension) or "") in condition.values) is not condition.negated


def _value(row: Row, dimension: Dimension) -> str | None:
    return row.event.values[DIMENSIONS.index(dimension)]
