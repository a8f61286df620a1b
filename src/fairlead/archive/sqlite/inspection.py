"""Reads the tables as an audit does: row by row as they are stored, and against each other."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from fairlead.archive.model import DIMENSIONS, Dimension, Stored
from fairlead.archive.sqlite.bodies import BODY_COLUMNS
from fairlead.archive.sqlite.facets import term_of
from fairlead.archive.sqlite.keeping import Shelf
from fairlead.archive.sqlite.rollups import DAY, HOUR, TOTAL
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
_CENSUS = f"SELECT superseded, organization * {_ORGANIZATION} + position / {HOUR}, {_KEYS} FROM event"

_Counts: TypeAlias = Counter[int]


class _Census(NamedTuple):
    """How many events have what: hours first, then the values of DIMENSIONS; all of them, and the latest revisions."""

    all: list[_Counts]
    live: list[_Counts]


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
            return (*self._strays(), *self._wrong_counts(census.live), *self._wrong_terms(census.all))
        finally:
            self._connection.execute("ROLLBACK")

    def _text(self, number: int) -> str | None:
        try:
            return self._words.text_of(number)
        except TypeError:  # nothing has this number, or it is none
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
        census = _Census(_counters(), _counters())
        found = self._connection.execute(_CENSUS)
        while rows := found.fetchmany(_AT_ONCE):
            # Column by column, because that is done in C.
            for counter, column in zip(census.all, list(zip(*rows, strict=True))[1:], strict=True):
                counter.update(column)
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

    def _wrong_terms(self, events: list[_Counts]) -> Iterator[str]:
        """Values by which the full-text index does not find as many events as have them."""
        for dimension, counted in zip(DIMENSIONS, events[1:], strict=True):
            if any(self._found(key, dimension) != number for key, number in counted.items()):
                yield f"A search by {dimension} does not find the events it should."
        organizations: _Counts = Counter()
        for key, number in events[1].items():
            organizations[key - key % _ORGANIZATION] += number
        if any(self._found(key, None) != number for key, number in organizations.items()):
            yield "A search by organization does not find the events it should."

    def _found(self, key: int, dimension: Dimension | None) -> int:
        term = term_of(key // _ORGANIZATION, dimension, key % _ORGANIZATION)
        row = self._connection.execute("SELECT count(*) FROM search WHERE search MATCH ?", (f"facets : {term}",))
        number: int = row.fetchone()[0]
        return number


def _counters() -> list[_Counts]:
    return [Counter() for _ in range(1 + len(DIMENSIONS))]
