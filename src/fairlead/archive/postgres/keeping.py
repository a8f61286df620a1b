"""Writes events into the tables they are found in, a batch at a time; what a transaction is, the caller decides."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fairlead.archive.keeping import Owner, Written
from fairlead.archive.model import DIMENSIONS, Kept, Prepared
from fairlead.archive.postgres.bodies import Bodies
from fairlead.archive.postgres.connection import Connection
from fairlead.archive.postgres.lexemes import vector
from fairlead.archive.postgres.pages import Finder
from fairlead.archive.postgres.places import Places
from fairlead.archive.postgres.words import Words
from fairlead.archive.preparation import LeafHead, leaf_data
from fairlead.archive.rollups import HOUR, Cells, Counted, changed, difference

_COLUMNS = ", ".join(DIMENSIONS)
_TYPES = ["int8", "int8", "int4", "int8", "bytea", "int4", "bool", "int8", *["int4"] * len(DIMENSIONS)]


class Earlier(NamedTuple):
    """A revision that there is already, of an id."""

    tag: bytes
    position: int
    revision: int
    id: str


class New(NamedTuple):
    """An event with its place in the archive."""

    prepared: Prepared
    position: int
    number: int
    revision: int


class Shelf:
    """The tables of events of one connection."""

    def __init__(self, connection: Connection, words: Words, bodies: Bodies, finder: Finder) -> None:
        self._connection = connection
        self._words = words
        self._bodies = bodies
        self._finder = finder

    def write(self, owner: Owner, events: Iterable[Prepared], size: int) -> Written:
        """Store those of the events that are new; the first of them gets the number `size`."""
        ordered = sorted(events, key=_nanos)
        if not ordered:
            return Written(Kept(), [])
        earlier = self._earlier(owner, ordered)
        places = Places(self._connection, [prepared.nanos for prepared in ordered])
        new: list[New] = []
        superseded: list[int] = []
        for prepared in ordered:
            there = earlier.setdefault(prepared.identity, [])
            if any(each.tag == prepared.tag for each in there):
                continue
            # Two ids may share 64 bits, though hardly ever do.
            latest = max((each for each in there if each.id == prepared.id), key=_revision, default=None)
            if latest:
                superseded.append(latest.position)
            revision = latest.revision + 1 if latest else 0
            made = New(prepared, places.take(prepared.nanos), size + len(new), revision)
            new.append(made)
            there.append(Earlier(prepared.tag, made.position, revision, prepared.id))
        self._insert(owner, new, superseded)
        kept = Kept(new=len(new) - len(superseded), revisions=len(superseded), known=len(ordered) - len(new))
        return Written(kept, [_leaf(owner, each) for each in new])

    def _earlier(self, owner: Owner, events: Sequence[Prepared]) -> dict[int, list[Earlier]]:
        """The revisions there are of the events' ids, by identity; ids are read where they will be needed."""
        identities = list({prepared.identity for prepared in events})
        rows = self._connection.execute(
            "SELECT identity, tag, position, revision FROM event WHERE identity = ANY(%s) AND organization = %s",
            (identities, owner.number),
            binary=True,
        ).fetchall()
        tags = {(identity, tag) for identity, tag, _, _ in rows}
        unlike = {each.identity for each in events if (each.identity, each.tag) not in tags}
        named = {
            event.position: event.id for event in self._finder.events([row[2] for row in rows if row[0] in unlike])
        }
        found: dict[int, list[Earlier]] = {}
        for identity, tag, position, revision in rows:
            found.setdefault(identity, []).append(Earlier(tag, position, revision, named.get(position, "")))
        return found

    def _insert(self, owner: Owner, new: Sequence[New], superseded: Sequence[int]) -> None:
        if not new:
            return
        words = self._words.made_numbers_of(value for each in new for value in each.prepared.values)
        counted: list[Counted] = []
        with self._connection.cursor().copy("COPY event FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(_TYPES)
            for prepared, position, number, revision in new:
                numbers = [words[value] for value in prepared.values]
                head = (position, number, owner.number, prepared.identity, prepared.tag, revision, False)
                copy.write_row((*head, owner.fetched_at, *numbers))
                counted.append((position // HOUR, *numbers))
        self._bodies.write((each.position, each.prepared.raw) for each in new)
        with self._connection.cursor().copy("COPY search FROM STDIN") as copy:
            for each in new:
                copy.write_row((each.position, vector(each.prepared.text)))
        self._add(owner.number, difference(counted, self._supersede(superseded)))

    def _supersede(self, positions: Sequence[int]) -> list[Counted]:
        """Let later revisions take the place of those at positions; these stay, and are no longer counted."""
        if not positions:
            return []
        rows = self._connection.execute(
            f"UPDATE event SET superseded = true WHERE position = ANY(%s) RETURNING position, {_COLUMNS}",
            (list(positions),),
        )
        return [(position // HOUR, *numbers) for position, *numbers in rows]

    def _add(self, organization: int, counts: Cells) -> None:
        """Add counts to those of the archive."""
        rows = [(*cell, number) for cell, number in changed(counts)]
        if not rows:
            return
        self._connection.execute(
            "INSERT INTO rollup "
            "SELECT %s, * FROM unnest(%s::bigint[], %s::int[], %s::bigint[], %s::int[], %s::bigint[]) "
            "ON CONFLICT (organization, grain, dimension, start, word) DO UPDATE "
            "SET count = rollup.count + excluded.count",
            (organization, *map(list, zip(*rows, strict=True))),
        )


def _leaf(owner: Owner, new: New) -> bytes:
    head = LeafHead(new.number, owner.uuid, new.prepared.id, new.revision, owner.fetched_at)
    return leaf_data(head, new.prepared.raw)


def _nanos(prepared: Prepared) -> int:
    return prepared.nanos


def _revision(earlier: Earlier) -> int:
    return earlier.revision
