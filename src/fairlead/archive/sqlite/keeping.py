"""Writes events into the tables they are found in; what a transaction is, the caller decides."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from fairlead.archive.events import name_of, read_event
from fairlead.archive.keeping import Owner, Written
from fairlead.archive.model import Kept, Prepared
from fairlead.archive.positions import free_position
from fairlead.archive.preparation import LeafHead, leaf_data
from fairlead.archive.rollups import Cells, count
from fairlead.archive.sqlite.bodies import Bodies
from fairlead.archive.sqlite.facets import facets
from fairlead.archive.sqlite.rollups import write
from fairlead.archive.sqlite.words import Words

_INSERT = f"INSERT INTO event VALUES ({', '.join('?' * 16)})"
_VALUES = "event_type, target_type, sub_target_type, origin, triggered_by, target_id, project_id, environment_id"


class Earlier(NamedTuple):
    """A revision of an id that the archive has."""

    tag: bytes
    position: int
    revision: int


class Shelf:
    """The tables of events of one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.words = Words(connection)
        self.bodies = Bodies(connection)

    def write(self, owner: Owner, events: Iterable[Prepared], size: int) -> Written:
        """Store those of the events that are new; the first of them gets the number `size`."""
        cells: Cells = Cells()
        leaves: list[bytes] = []
        known = revisions = 0
        # The full-text index wants its rows in rising order.
        for prepared in sorted(events, key=_nanos):
            earlier = self._earlier(owner, prepared)
            if earlier is None:
                known += 1
                continue
            latest = max(earlier, key=_revision, default=None)
            revision = latest.revision + 1 if latest else 0
            revisions += revision > 0
            position = free_position(prepared.nanos, self._is_taken)
            number = size + len(leaves)
            self._insert(owner, prepared, (position, number, revision), cells)
            if latest:
                self._supersede(latest.position, cells)
            head = LeafHead(number, owner.uuid, prepared.id, revision, owner.fetched_at)
            leaves.append(leaf_data(head, prepared.raw))
        write(self._connection, owner.number, cells)
        return Written(Kept(new=len(leaves) - revisions, revisions=revisions, known=known), leaves)

    def forget(self) -> None:
        """Forget what an undone transaction made."""
        self.words.forget()
        self.bodies.again()

    def _earlier(self, owner: Owner, prepared: Prepared) -> list[Earlier] | None:
        """The revisions of the event's id, or None if one of them is this very event."""
        rows = self._connection.execute(
            # The `+` keeps the planner from the index that half of all events share.
            "SELECT tag, position, revision FROM event WHERE identity = ? AND +organization = ?",
            (prepared.identity, owner.number),
        )
        found = [Earlier(*row) for row in rows]
        if any(each.tag == prepared.tag for each in found):
            return None
        # Two ids may share 64 bits, though hardly ever do.
        return [each for each in found if name_of(read_event(self.bodies.at(each.position)), each.tag) == prepared.id]

    def _is_taken(self, position: int) -> bool:
        found = self._connection.execute("SELECT 1 FROM event WHERE position = ?", (position,)).fetchone()
        return found is not None

    def _insert(self, owner: Owner, prepared: Prepared, place: tuple[int, int, int], cells: Cells) -> None:
        position, number, revision = place
        words = self.words.numbers_for(prepared.values)
        numbers = [words[value] for value in prepared.values]
        self._connection.execute(
            _INSERT,
            (
                position, number, owner.number, prepared.identity, prepared.tag, revision, 0, owner.fetched_at, *numbers
            ),
        )  # fmt: skip
        self.bodies.write(position, prepared.raw)
        self._connection.execute(
            "INSERT INTO search (rowid, facets, text) VALUES (?, ?, ?)",
            (position, facets(owner.number, numbers), prepared.text),
        )
        count(cells, position, numbers)

    def _supersede(self, position: int, cells: Cells) -> None:
        """Let a later revision take the place of the one at a position; it stays, and is no longer counted."""
        self._connection.execute("UPDATE event SET superseded = 1 WHERE position = ?", (position,))
        numbers = self._connection.execute(f"SELECT {_VALUES} FROM event WHERE position = ?", (position,)).fetchone()
        count(cells, position, numbers, -1)


def _nanos(prepared: Prepared) -> int:
    return prepared.nanos


def _revision(earlier: Earlier) -> int:
    return earlier.revision
