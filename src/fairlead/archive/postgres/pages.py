"""Pages of events, found by position."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairlead.archive.damage import required
from fairlead.archive.frames import Frames
from fairlead.archive.model import Archived, Page, Turn
from fairlead.archive.positions import Bounds, bounds_of, turned
from fairlead.archive.postgres.bodies import BODY_COLUMNS, BODY_JOINS
from fairlead.archive.postgres.conditions import Search
from fairlead.archive.postgres.connection import Connection

AT_ONCE = 500
"""Events that are read together."""

_COLUMNS = (
    "organization.uuid, event.position, event.number, event.revision, event.superseded, event.fetched_at, event.tag, "
    f"{BODY_COLUMNS}"
)
_EVENTS = f"SELECT {_COLUMNS} FROM event JOIN organization ON organization.id = event.organization {BODY_JOINS}"


class Finder:
    """Finds positions and events; for one thread at a time."""

    def __init__(self, connection: Connection, frames: Frames) -> None:
        self._connection = connection
        self._frames = frames

    def page(self, search: Search, turn: Turn) -> Page:
        """A page of a query."""

        def find(bounds: Bounds, limit: int, rising: bool) -> list[int]:
            return self.positions(search, bounds, limit, rising=rising)

        found = turned(find, bounds_of(search.query), turn)
        events = tuple(self.events(found.positions))
        return Page(events=events, has_older=found.has_older, has_newer=found.has_newer)

    def events(self, positions: Sequence[int]) -> list[Archived]:
        """The events at positions, in their order."""
        rows = self._read("event.position = ANY(%s)", (list(positions),)) if positions else ()
        found = {event.position: event for event in rows}
        return [required(found.get(position)) for position in positions]

    def rising(self, search: Search, bounds: Bounds) -> list[Archived]:
        """The next events that a query finds, the oldest first; none behind the last."""
        return self.events(self.positions(search, bounds, AT_ONCE, rising=True))

    def of_identity(self, identity: int) -> list[Archived]:
        """All revisions of the ids with this identity."""
        return list(self._read("event.identity = %s ORDER BY event.number", (identity,)))

    def numbered(self, bounds: Bounds) -> list[Archived]:
        """Events of the log by number, all revisions, in the order of the log."""
        return list(self._read("event.number >= %s AND event.number < %s ORDER BY event.number", bounds))

    def positions(self, search: Search, bounds: Bounds, limit: int, *, rising: bool) -> list[int]:
        """The positions of matching events, nearest to the page's start first."""
        if not search.tables or bounds.low >= bounds.high:
            return []
        rows = self._connection.execute(
            f"SELECT event.position FROM {search.tables} WHERE {search.condition} AND event.position >= %s "
            f"AND event.position < %s ORDER BY event.position {'ASC' if rising else 'DESC'} LIMIT %s",
            (*search.values, *bounds, limit),
        )
        return [row[0] for row in rows]

    def _read(self, condition: str, values: Sequence[object]) -> Iterator[Archived]:
        for row in self._connection.execute(f"{_EVENTS} WHERE {condition}", values, binary=True):
            yield Archived._make((*row[:7], self._frames.body(row[7:])))
