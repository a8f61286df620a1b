"""The archive in one SQLite file: one connection that writes, and one for each thread that reads."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from fairlead.archive.compression import LEARNING
from fairlead.archive.keeping import Owner, of_id
from fairlead.archive.merkle import Frontier
from fairlead.archive.model import (
    Archived,
    Batch,
    Kept,
    OrganizationState,
    Page,
    Query,
    Statistics,
    Stored,
    Tally,
    Turn,
)
from fairlead.archive.positions import bounds_of
from fairlead.archive.preparation import identity_of
from fairlead.archive.sqlite.chronicle import Chronicle
from fairlead.archive.sqlite.connection import (
    FileId,
    NothingKept,
    file_at,
    open_reader,
    open_writer,
    replaced,
    snapshot,
    told,
    transaction,
)
from fairlead.archive.sqlite.counting import Counting
from fairlead.archive.sqlite.inspection import Inspection
from fairlead.archive.sqlite.keeping import Shelf
from fairlead.archive.sqlite.log import Log
from fairlead.archive.sqlite.matching import Matching
from fairlead.archive.sqlite.pages import Finder, Search

_FAREWELL = 2.0
"""Seconds that closing waits for those who read."""


class _Desk:
    """The tables as one connection reads them."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.readers = 0
        """How many read with it at the moment; the archive's `_idle` guards it."""
        self.shelf = Shelf(connection)
        self.matching = Matching(connection, self.shelf.words, self.shelf.kinds)
        self.finder = Finder(connection, self.shelf.bodies)
        self.counting = Counting(connection, self.shelf.words)
        self.chronicle = Chronicle(connection)
        self.log = Log(connection)
        self.inspection = Inspection(connection, self.shelf)

    def search(self, query: Query) -> Search:
        """A query as the tables are asked."""
        number = self.chronicle.number_of(query.organization)
        if number is None:
            return Search(query, 0, None)
        expression = self.matching.expression(query, number) if query.selective else ""
        return Search(query, number, expression)


class SqliteArchive:
    """The archive in the file at a path, which is made when something is first kept."""

    def __init__(self, path: Path, *, patience: float = 10.0) -> None:
        """`patience` is how many seconds to wait for another program that has the file locked."""
        self._path = path
        self._patience = patience
        self._local = threading.local()
        self._readers: list[_Desk] = []
        self._idle = threading.Condition()
        self._writing = threading.RLock()
        self._writer: _Desk | None = None
        self._file: FileId | None = None

    @property
    def name(self) -> str:
        """The file."""
        return str(self._path)

    def close(self) -> None:
        """Close every connection; one that is still read with after a while is left to whoever does."""
        with self._writing, self._idle:
            desks, self._readers, self._local = self._readers, [], threading.local()
            # SQLite would crash the process under a thread whose connection another one closes.
            self._idle.wait_for(lambda: not any(desk.readers for desk in desks), _FAREWELL)
            unused = [desk for desk in (*desks, self._writer) if desk is not None and not desk.readers]
            self._writer = None
            for desk in unused:
                with contextlib.suppress(sqlite3.Error):
                    desk.connection.close()

    def keep(self, batch: Batch) -> Kept:
        """Keep a batch in one transaction."""
        with self._change() as desk:
            desk.chronicle.require_lease(batch.organization, batch.holder)
            number = desk.chronicle.made_number_of(batch.organization)
            owner = Owner(number, batch.organization, batch.fetched_at)
            frontier = desk.log.frontier()
            written = desk.shelf.write(owner, batch.events, frontier.size)
            desk.log.extend(frontier, written.leaves)
            if frontier.size + len(written.leaves) >= LEARNING:
                desk.shelf.bodies.learn()
            desk.chronicle.cover(number, batch.covered)
            desk.chronicle.note(number, batch)
            gaps = desk.chronicle.record_gaps(number, batch.gaps)
        return written.kept._replace(gaps=gaps)

    def organizations(self) -> tuple[str, ...]:
        """The organizations that something is known of."""
        with self._read() as desk:
            return desk.chronicle.organizations()

    def state(self, organization: str) -> OrganizationState:
        """What is known of an organization's events."""
        with self._read() as desk:
            number = desk.chronicle.number_of(organization)
            if number is None:
                return OrganizationState(organization=organization)
            return desk.chronicle.state(number, organization)

    def page(self, query: Query, turn: Turn) -> Page:
        """A page of a query."""
        with self._read() as desk, snapshot(desk.connection):
            return desk.finder.page(desk.search(query), turn)

    def statistics(self, query: Query, tally: Tally) -> Statistics:
        """Counts of a query."""
        with self._read() as desk, snapshot(desk.connection):
            return desk.counting.statistics(desk.search(query), tally)

    def events(self, query: Query) -> Iterator[Archived]:
        """The events of a query, oldest first."""
        with self._read() as desk:
            yield from desk.finder.rising(desk.search(query), bounds_of(query))

    def revisions(self, event_id: str) -> tuple[Archived, ...]:
        """Every revision of an id."""
        with self._read() as desk:
            found = desk.finder.of_identity(identity_of(event_id))
            return of_id(found, event_id)

    def take_lease(self, organization: str, holder: str, now: int, until: int) -> bool:
        """Make the holder the one who syncs an organization."""
        with self._change() as desk:
            return desk.chronicle.take_lease(organization, holder, now, until)

    def give_up_lease(self, organization: str, holder: str) -> None:
        """Let somebody else sync an organization."""
        with self._change() as desk:
            desk.chronicle.give_up_lease(organization, holder)

    def property(self, name: str, value: bytes | None = None) -> bytes | None:
        """A property of the archive."""
        if value is None:
            try:
                with self._read() as desk:
                    return desk.chronicle.property(name)
            except NothingKept:
                return None
        with self._change() as desk:
            return desk.chronicle.property(name, value)

    def frontier(self) -> Frontier:
        """The right edge of the log's tree."""
        with self._read() as desk:
            return desk.log.frontier()

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Hashes of the log's leaves or tiles."""
        with self._read() as desk:
            return desk.log.hashes(level, start, count)

    def log(self, start: int, count: int) -> Iterator[Archived]:
        """Events of the log by number."""
        with self._read() as desk:
            yield from desk.finder.numbered(start, count)

    def rows(self, start: int, count: int) -> Iterator[Stored]:
        """Rows of the log as they are stored."""
        with self._read() as desk:
            yield from desk.inspection.rows(start, count)

    def taken(self, organization: str, low: int, high: int) -> int:  # noqa: ARG002 - all share the positions here
        """How many positions of a range are taken."""
        with self._read() as desk:
            return desk.inspection.taken(low, high)

    def disagreements(self) -> tuple[str, ...]:
        """What is kept to search and count, and contradicts the events."""
        with self._read() as desk:
            return desk.inspection.disagreements()

    def checkpoints(self) -> list[str]:
        """The signed checkpoints, by size."""
        with self._read() as desk:
            return desk.log.checkpoints()

    def add_checkpoint(self, size: int, text: str) -> None:
        """Keep a signed checkpoint."""
        with self._change() as desk:
            desk.log.add_checkpoint(size, text)

    @contextlib.contextmanager
    def _read(self) -> Iterator[_Desk]:
        with told(self._path):
            desk = self._taken_desk()
            try:
                yield desk
            finally:
                with self._idle:
                    desk.readers -= 1
                    self._idle.notify_all()

    def _taken_desk(self) -> _Desk:
        """The desk of this thread, which nobody closes while it is taken."""
        with self._idle:
            known: _Desk | None = getattr(self._local, "desk", None)
            if known is not None:
                known.readers += 1
                return known
        made = _Desk(open_reader(self._path, self._patience))
        with self._idle:
            made.readers = 1
            self._local.desk = made
            self._readers.append(made)
        return made

    @contextlib.contextmanager
    def _change(self) -> Iterator[_Desk]:
        with self._writing, told(self._path):
            if self._writer is None:
                self._writer = _Desk(open_writer(self._path, self._patience))
                self._file = file_at(self._path)
            if self._file is None or file_at(self._path) != self._file:
                # SQLite would go on and write to a file that nobody finds any more.
                raise replaced(self._path)
            try:
                with transaction(self._writer.connection):
                    yield self._writer
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._writer.shelf.forget()
                raise
