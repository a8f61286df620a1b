"""Reads the tables as an audit does: row by row as they are stored, and against each other."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from fairlead.archive.model import DIMENSIONS, Dimension, Stored
from fairlead.archive.rollups import DAY, HOUR, TOTAL
from fairlead.archive.sqlite.bodies import BODY_COLUMNS
from fairlead.archive.sqlite.facets import of_kinds, of_organization, of_values
from fairlead.archive.sqlite.keeping import Shelf
from fairlead.archive.sqlite.kinds import KIND
from fairlead.errors import ArchiveUnusable

_VALUES = ", ".join(f"event.{dimension}" for dimension in DIMENSIONS)
# Whatever else was removed, a row is told.
_ROWS = f"""
SELECT coalesce(organization.uuid, ''), event.position, event.number, event.revision, event.superseded,
  event.fetched_at, event.tag, event.identity, {_VALUES}, {BODY_COLUMNS}
FROM event LEFT JOIN organization ON organization.id = event.organization
LEFT JOIN body ON body.position = event.position
LEFT JOIN content AS first ON first.id = body.first_content
LEFT JOIN content AS second ON second.id = body.second_content
WHERE event.number >= ? AND event.number < ? ORDER BY event.number
"""
_HEAD = 8
_BODY = _HEAD + len(DIMENSIONS)
_AT_ONCE = 500
_MOST_REMEMBERED = 65_536
_FIRST = itemgetter(0)
_HOURS = DAY // HOUR
# What is counted is of an organization; both in one number are counted faster.
_ORGANIZATION = 1 << 40
_KEYS = ", ".join(f"organization * {_ORGANIZATION} + {dimension}" for dimension in DIMENSIONS)
_KIND_KEYS = ", ".join(f"organization * {_ORGANIZATION} + {dimension}" for dimension in KIND)
_CENSUS = f"SELECT superseded, organization * {_ORGANIZATION} + position / {HOUR}, {_KEYS} FROM event"

_Counts: TypeAlias = Counter[int]


class _Census(NamedTuple):
    """How many events have what: hours first, then the values of DIMENSIONS; all of them, and the latest revisions.

    Of all of them also how many are of a kind, named by its values.
    """

    all: list[_Counts]
    live: list[_Counts]
    kinds: Counter[tuple[int, ...]]


class Inspection:
    """Inspects the tables of one connection; for one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, shelf: Shelf) -> None:
        self._connection = connection
        self._bodies, self._words = shelf.bodies, shelf.words
        self._remembered = lru_cache(_MOST_REMEMBERED)(self._text)

    def rows(self, start: int, count: int) -> Iterator[Stored]:
        """Rows of the log by number as they are stored."""
        for first in range(start, start + count, _AT_ONCE):
            bounds = (first, min(first + _AT_ONCE, start + count))
            for row in self._connection.execute(_ROWS, bounds).fetchall():
                values = tuple(map(self._remembered, row[_HEAD:_BODY]))
                yield Stored._make((*row[:_HEAD], values, self._raw(row[_BODY:])))

    def taken(self, low: int, high: int) -> int:
        """How many events stand at positions from `low` up to `high`."""
        row = self._connection.execute("SELECT count(*) FROM event WHERE position >= ? AND position < ?", (low, high))
        number: int = row.fetchone()[0]
        return number

    def disagreements(self) -> tuple[str, ...]:
        """What contradicts the events, as one moment has it."""
        self._connection.execute("BEGIN")
        try:
            census = self._census()
            return (*self._strays(), *self._wrong_counts(census.live), *self._wrong_terms(census))
        finally:
            self._connection.execute("ROLLBACK")

    def _text(self, number: int) -> str | None:
        try:
            return self._words.text_of(number)
        except (ArchiveUnusable, TypeError):  # nothing has this number, or it is none
            return f"(no word {number})"

    def _raw(self, body: tuple[object, ...]) -> bytes | None:
        try:
            return self._bodies.read(body)
        except (ArchiveUnusable, TypeError):
            return None

    def _strays(self) -> Iterator[str]:
        """Rows that the log does not lead to are found by searches all the same."""
        size, least, most = self._connection.execute("SELECT count(*), min(number), max(number) FROM event").fetchone()
        if size and (least != 0 or most != size - 1):
            yield f"The {size:,} events are numbered from {least:,} to {most:,}."

    def _census(self) -> _Census:
        """The events counted by hour, and by the value of each dimension."""
        census = _Census(_counters(), _counters(), Counter())
        found = self._connection.execute(_CENSUS)
        while rows := found.fetchmany(_AT_ONCE):
            # Column by column, because that is done in C.
            _, *columns = zip(*rows, strict=True)
            for counter, column in zip(census.all, columns, strict=True):
                counter.update(column)
            census.kinds.update(zip(*columns[1 : 1 + len(KIND)], strict=True))
            for row in filter(_FIRST, rows):
                for counter, key in zip(census.live, row[1:], strict=True):
                    counter[key] -= 1
        for counter, every in zip(census.live, census.all, strict=True):
            counter.update(every)
        return census

    def _wrong_counts(self, live: list[_Counts]) -> Iterator[str]:
        """Hours, days and values that are not counted as often as events have them."""
        hours, *dimensions = live
        days: _Counts = Counter()
        for key, number in hours.items():
            days[key - key % _ORGANIZATION + key % _ORGANIZATION // _HOURS] += number
        for grain, counted, name in ((HOUR, hours, "hour"), (DAY, days, "day")):
            if self._rolled_up(f"start / {grain}", grain, TOTAL) != +counted:
                yield f"The numbers of events by {name} are not those of the events."
        for number, (dimension, counted) in enumerate(zip(DIMENSIONS, dimensions, strict=True), 1):
            if self._rolled_up("word", DAY, number) != +counted:
                yield f"The numbers of events by {dimension} are not those of the events."

    def _rolled_up(self, column: str, grain: int, dimension: int) -> _Counts:
        statement = f"""
          SELECT organization * {_ORGANIZATION} + {column}, sum(count) FROM rollup
          WHERE organization IN (SELECT id FROM organization) AND grain = ? AND dimension = ? GROUP BY 1
        """
        return +Counter(dict(self._connection.execute(statement, (grain, dimension))))

    def _wrong_terms(self, census: _Census) -> Iterator[str]:
        """Values, kinds and organizations by which the full-text index does not find as many events as there are."""
        for dimension, counted in zip(DIMENSIONS, census.all[1:], strict=True):
            expressions = ((of_values(*_split(key, dimension)), number) for key, number in counted.items())
            if not all(self._finds(*each) for each in expressions):
                yield f"A search by {dimension} does not find the events it should."
        organizations: _Counts = Counter()
        for key, number in census.all[1].items():
            organizations[key // _ORGANIZATION] += number
        if not all(self._finds(of_organization(key), number) for key, number in organizations.items()):
            yield "A search by organization does not find the events it should."
        if not all(self._finds(of_kinds([kind]), number) for kind, number in self._by_kind(census)):
            yield "A search by several fields does not find the events it should."

    def _by_kind(self, census: _Census) -> Iterator[tuple[int, int]]:
        """Each kind, and how many events are of it; 0 is a kind that there has to be and is not."""
        rows = self._connection.execute(f"SELECT id, {_KIND_KEYS} FROM kind")
        numbers = {tuple(values): kind for kind, *values in rows}
        for values in numbers.keys() | census.kinds.keys():
            yield numbers.get(values, 0), census.kinds[values]

    def _finds(self, expression: str, number: int) -> bool:
        row = self._connection.execute("SELECT count(*) FROM search WHERE search MATCH ?", (expression,)).fetchone()
        return bool(row[0] == number)


def _split(key: int, dimension: Dimension) -> tuple[int, Dimension, tuple[int]]:
    organization, word = divmod(key, _ORGANIZATION)
    return organization, dimension, (word,)


def _counters() -> list[_Counts]:
    return [Counter() for _ in range(1 + len(DIMENSIONS))]
