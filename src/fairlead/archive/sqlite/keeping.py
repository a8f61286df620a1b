"""Writes events into the tables they are found in; what a transaction is, the caller decides."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from fairlead.archive.events import name_of, read_event
from fairlead.archive.keeping import Owner, Written
from fairlead.archive.model import Kept, Prepared
from fairlead.archive.positions import free_position
from fairlead.archive.preparation import LeafHead, leaf_data
from fairlead.archive.rollups import HOUR, Counted, difference
from fairlead.archive.sqlite import rollups
from fairlead.archive.sqlite.bodies import Bodies, BodyRow
from fairlead.archive.sqlite.facets import facets
from fairlead.archive.sqlite.kinds import Kinds
from fairlead.archive.sqlite.words import Words

_INSERT = f"INSERT INTO event VALUES ({', '.join('?' * 16)})"
_INDEX = "INSERT INTO search (rowid, facets, text) VALUES (?, ?, ?)"
_VALUES = "event_type, target_type, sub_target_type, origin, triggered_by, target_id, project_id, environment_id"
_AT_ONCE = 500


class Earlier(NamedTuple):
    """A revision of an id that the archive has, or that comes before in the same batch; then its id is known."""

    tag: bytes
    position: int
    revision: int
    id: str | None = None


class Rows(NamedTuple):
    """What a batch adds to the tables, and the positions of what it supersedes."""

    events: list[tuple[object, ...]]
    bodies: list[BodyRow]
    texts: list[tuple[int, str, str]]
    counted: list[Counted]
    leaves: list[bytes]
    superseded: list[int]


class Shelf:
    """The tables of events of one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.words = Words(connection)
        self.kinds = Kinds(connection)
        self.bodies = Bodies(connection)

    def write(self, owner: Owner, events: Iterable[Prepared], size: int) -> Written:
        """Store those of the events that are new; the first of them gets the number `size`."""
        # The full-text index wants its rows in rising order.
        ordered = sorted(events, key=attrgetter("nanos"))
        met = self._met(owner, ordered)
        taken = self._taken([each.nanos for each in ordered])
        rows = Rows([], [], [], [], [], [])
        known = revisions = 0
        for prepared in ordered:
            before = met.setdefault(prepared.identity, [])
            if any(each.tag == prepared.tag for each in before):
                known += 1
                continue
            # Two ids may share 64 bits, though hardly ever do.
            earlier = [each for each in before if self._id_of(each) == prepared.id]
            latest = max(earlier, key=attrgetter("revision"), default=None)
            revision = 0
            if latest:
                revision = latest.revision + 1
                revisions += 1
                rows.superseded.append(latest.position)
            position = self._free_position(prepared.nanos, taken)
            before.append(Earlier(prepared.tag, position, revision, prepared.id))
            self._add(rows, owner, prepared, (position, size + len(rows.leaves), revision))
        self._write_rows(owner, rows)
        return Written(Kept(new=len(rows.leaves) - revisions, revisions=revisions, known=known), rows.leaves)

    def forget(self) -> None:
        """Forget what an undone transaction made."""
        self.words.forget()
        self.kinds.forget()
        self.bodies.again()

    def _met(self, owner: Owner, events: Sequence[Prepared]) -> dict[int, list[Earlier]]:
        """The revisions there are of the events' ids, by identity."""
        found: dict[int, list[Earlier]] = {}
        # The `+` keeps the planner from the index that half of all events share.
        select = "SELECT identity, tag, position, revision FROM event WHERE +organization = ? AND identity IN"
        for part in _parts([each.identity for each in events]):
            rows = self._connection.execute(f"{select} ({_marks(part)})", (owner.number, *part))
            for identity, *earlier in rows:
                found.setdefault(identity, []).append(Earlier(*earlier))
        return found

    def _id_of(self, earlier: Earlier) -> str:
        if earlier.id is not None:
            return earlier.id
        return name_of(read_event(self.bodies.at(earlier.position)), earlier.tag)

    def _taken(self, positions: Sequence[int]) -> set[int]:
        """Those of the positions that events have."""
        found: set[int] = set()
        for part in _parts(positions):
            rows = self._connection.execute(f"SELECT position FROM event WHERE position IN ({_marks(part)})", part)
            found.update(row[0] for row in rows)
        return found

    def _free_position(self, nanos: int, taken: set[int]) -> int:
        """A position for an event of an instant; `taken` knows of this one, and learns of the result."""

        def is_taken(position: int) -> bool:
            return position in taken or (position != nanos and bool(self._taken([position])))

        position = free_position(nanos, is_taken)
        taken.add(position)
        return position

    def _add(self, rows: Rows, owner: Owner, prepared: Prepared, place: tuple[int, int, int]) -> None:
        position, number, revision = place
        words = self.words.numbers_for(prepared.values)
        kind = self.kinds.number_for(owner.number, words)
        rows.events.append(
            (position, number, owner.number, prepared.identity, prepared.tag, revision, 0, owner.fetched_at, *words)
        )
        rows.bodies.append(self.bodies.row(position, prepared.raw))
        rows.texts.append((position, facets(owner.number, kind, words), prepared.text))
        rows.counted.append((position // HOUR, *words))
        head = LeafHead(number, owner.uuid, prepared.id, revision, owner.fetched_at)
        rows.leaves.append(leaf_data(head, prepared.raw))

    def _write_rows(self, owner: Owner, rows: Rows) -> None:
        self._connection.executemany(_INSERT, rows.events)
        self.bodies.write(rows.bodies)
        self._connection.executemany(_INDEX, rows.texts)
        superseded = [self._supersede(position) for position in rows.superseded]
        rollups.write(self._connection, owner.number, difference(rows.counted, superseded))

    def _supersede(self, position: int) -> Counted:
        """Let a later revision take the place of the one at a position; it stays, and is no longer counted."""
        self._connection.execute("UPDATE event SET superseded = 1 WHERE position = ?", (position,))
        words = self._connection.execute(f"SELECT {_VALUES} FROM event WHERE position = ?", (position,)).fetchone()
        return (position // HOUR, *words)


def _parts(values: Sequence[int]) -> Iterator[Sequence[int]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))


def _marks(values: Sequence[int]) -> str:
    return ", ".join("?" * len(values))
