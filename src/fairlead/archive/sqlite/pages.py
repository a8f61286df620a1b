"""Pages of events: found by time in the table, by anything else in the full-text index."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, TypeAlias

from fairlead.archive.damage import required
from fairlead.archive.model import Archived, Page, Query, Turn
from fairlead.archive.positions import Bounds, bounds_of, turned
from fairlead.archive.sqlite.bodies import BODY_COLUMNS, BODY_JOINS, Bodies
from fairlead.archive.sqlite.matching import is_gathered
from fairlead.archive.sqlite.newest import newest

_COLUMNS = (
    "organization.uuid, event.position, event.number, event.revision, event.superseded, event.fetched_at, event.tag, "
    f"{BODY_COLUMNS}"
)
_EVENTS = f"SELECT {_COLUMNS} FROM event JOIN organization ON organization.id = event.organization {BODY_JOINS}"
_AT_ONCE = 500
_Row: TypeAlias = tuple[object, ...]


class Search(NamedTuple):
    """A query as the tables are asked; an expression of None finds nothing, an empty one goes by time alone."""

    query: Query
    organization: int
    expression: str | None


class Finder:
    """Finds positions and events; for one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, bodies: Bodies) -> None:
        self._connection = connection
        self._bodies = bodies

    def page(self, search: Search, turn: Turn) -> Page:
        """A page of a query."""

        def find(bounds: Bounds, limit: int, rising: bool) -> list[int]:
            return self._positions(search, bounds, limit, rising=rising)

        found = turned(find, bounds_of(search.query), turn)
        events = tuple(self.events(found.positions))
        return Page(events=events, has_older=found.has_older, has_newer=found.has_newer)

    def events(self, positions: list[int]) -> Iterator[Archived]:
        """The events at positions, in their order."""
        for start in range(0, len(positions), _AT_ONCE):
            yield from map(self._archived, self._rows(positions[start : start + _AT_ONCE]))

    def rising(self, search: Search, bounds: Bounds) -> Iterator[Archived]:
        """The events that a query finds, oldest first, as they are read."""
        low = bounds.low
        read = self._chosen if search.expression else self._scanned
        while rows := read(search, Bounds(low, bounds.high)):
            for row in rows:
                event = self._archived(row)
                yield event
            low = event.position + 1

    def _scanned(self, search: Search, bounds: Bounds) -> list[_Row]:
        """The rows of the oldest events within bounds, in one scan; each begins anew, so that none stays open."""
        if search.expression is None or bounds.low >= bounds.high:
            return []
        return self._connection.execute(
            f"{_EVENTS} WHERE event.organization = ? AND event.position >= ? AND event.position < ? "
            "AND event.superseded = 0 ORDER BY event.position LIMIT ?",
            (search.organization, *bounds, _AT_ONCE),
        ).fetchall()

    def _chosen(self, search: Search, bounds: Bounds) -> list[_Row]:
        """The rows of the oldest events within bounds that the full-text index finds."""
        return self._rows(self._positions(search, bounds, _AT_ONCE, rising=True))

    def of_identity(self, identity: int) -> list[Archived]:
        """All revisions of the ids with this identity."""
        rows = self._connection.execute(f"{_EVENTS} WHERE event.identity = ? ORDER BY event.number", (identity,))
        return [self._archived(row) for row in rows]

    def numbered(self, start: int, count: int) -> Iterator[Archived]:
        """Events of the log by number, all revisions, in the order of the log."""
        for first in range(start, start + count, _AT_ONCE):
            bounds = (first, min(first + _AT_ONCE, start + count))
            rows = self._connection.execute(
                f"{_EVENTS} WHERE event.number >= ? AND event.number < ? ORDER BY event.number", bounds
            ).fetchall()
            if not rows:
                return
            yield from map(self._archived, rows)

    def _rows(self, positions: list[int]) -> list[_Row]:
        """The rows at positions, few enough for one statement, in their order."""
        marks = ", ".join("?" * len(positions))
        rows = self._connection.execute(f"{_EVENTS} WHERE event.position IN ({marks})", positions)
        found = {row[1]: row for row in rows}
        return [required(found.get(position)) for position in positions]

    def _archived(self, row: _Row) -> Archived:
        organization, position, number, revision, superseded, fetched_at, tag, *body = row
        values = (organization, position, number, revision, bool(superseded), fetched_at, tag, self._bodies.read(body))
        return Archived._make(values)

    def _positions(self, search: Search, bounds: Bounds, limit: int, *, rising: bool = False) -> list[int]:
        """The positions of matching events, nearest to the page's start first."""
        if search.expression is None or bounds.low >= bounds.high:
            return []
        expression = search.expression
        if not expression:
            statement = (
                "SELECT position FROM event WHERE organization = ? AND position >= ? AND position < ? "
                f"AND superseded = 0 ORDER BY position {'ASC' if rising else 'DESC'} LIMIT ?"
            )
            values = (search.organization, *bounds, limit)
            return [row[0] for row in self._connection.execute(statement, values)]
        if rising or is_gathered(expression):
            return self._indexed(expression, bounds, limit, rising=rising)
        oldest, latest = self._span(search.organization)
        within = Bounds(max(bounds.low, oldest), min(bounds.high, latest + 1))
        return newest(partial(self._indexed, expression, rising=True), within, limit)

    def _indexed(self, expression: str, bounds: Bounds, limit: int, *, rising: bool) -> list[int]:
        """The positions within bounds that the full-text index finds, the lowest or the highest first."""
        # What was superseded stays in the index, so that more may have to be looked at.
        rows = self._connection.execute(
            "SELECT search.rowid FROM search CROSS JOIN event ON event.position = search.rowid "
            "WHERE search MATCH ? AND search.rowid >= ? AND search.rowid < ? AND event.superseded = 0 "
            f"ORDER BY search.rowid {'ASC' if rising else 'DESC'} LIMIT ?",
            (expression, *bounds, limit),
        )
        return [row[0] for row in rows]

    def _span(self, organization: int) -> tuple[int, int]:
        """The first and the last position that an event of an organization has."""
        first = "SELECT position FROM event WHERE organization = ? ORDER BY position LIMIT 1"
        last = "SELECT position FROM event WHERE organization = ? ORDER BY position DESC LIMIT 1"
        row = self._connection.execute(f"SELECT ({first}), ({last})", (organization, organization)).fetchone()
        return (0, -1) if row[0] is None else (row[0], row[1])
