"""The archive in a PostgreSQL database: one connection that writes, and one for each reading under way."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import psycopg

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
from fairlead.archive.positions import Bounds, bounds_of
from fairlead.archive.postgres.address import address_of
from fairlead.archive.postgres.bodies import Bodies
from fairlead.archive.postgres.chronicle import Chronicle
from fairlead.archive.postgres.conditions import Search, nothing, search_of
from fairlead.archive.postgres.connection import Connection, NoArchive, open_reader, open_writer
from fairlead.archive.postgres.counting import Counting
from fairlead.archive.postgres.failures import told
from fairlead.archive.postgres.inspection import Inspection
from fairlead.archive.postgres.keeping import Shelf
from fairlead.archive.postgres.log import Log
from fairlead.archive.postgres.pages import AT_ONCE, Finder
from fairlead.archive.postgres.words import Words
from fairlead.archive.preparation import identity_of
from fairlead.settings import Secret

_MOST_RESTING = 4


class _Desk:
    """The tables as one connection reads them."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.words = Words(connection)
        self.bodies = Bodies(connection)
        self.finder = Finder(connection, self.bodies.frames)
        self.shelf = Shelf(connection, self.words, self.bodies, self.finder)
        self.counting = Counting(connection, self.words)
        self.chronicle = Chronicle(connection)
        self.log = Log(connection)
        self.inspection = Inspection(connection, self.words, self.bodies.frames)

    def search(self, query: Query) -> Search:
        """A query as the tables are asked."""
        number = self.chronicle.number_of(query.organization)
        return nothing(query) if number is None else search_of(query, number, self.words)


class PostgresArchive:
    """The archive in the database of a `postgresql://…` URL, where it is made when something is first kept.

    Raises ConfigurationError for a URL that cannot be read.
    """

    def __init__(self, url: Secret) -> None:
        self._address = address_of(url)
        self._resting: list[_Desk] = []
        self._turn = 0
        self._writing = threading.RLock()
        self._writer: _Desk | None = None

    def __repr__(self) -> str:
        return f"PostgresArchive({self.name!r})"

    @property
    def name(self) -> str:
        """The database, without any password."""
        return self._address.name

    def close(self) -> None:
        """Close every connection."""
        with self._writing:
            # Readings under way close their connections themselves.
            self._turn += 1
            desks, self._resting = self._resting, []
            if self._writer is not None:
                desks.append(self._writer)
            self._writer = None
            for desk in desks:
                desk.connection.close()

    def keep(self, batch: Batch) -> Kept:
        """Keep a batch in one transaction."""
        with self._change() as desk:
            # Whoever waited here sees everything that was kept before, and the next number is free.
            frontier = desk.log.locked_frontier()
            desk.chronicle.require_lease(batch.organization, batch.holder)
            number = desk.chronicle.made_number_of(batch.organization)
            owner = Owner(number, batch.organization, batch.fetched_at)
            written = desk.shelf.write(owner, batch.events, frontier.size)
            desk.log.extend(frontier, written.leaves)
            if frontier.size + len(written.leaves) >= LEARNING:
                desk.bodies.learn()
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
        with self._read() as desk:
            return desk.finder.page(desk.search(query), turn)

    def statistics(self, query: Query, tally: Tally) -> Statistics:
        """Counts of a query."""
        with self._read() as desk:
            return desk.counting.statistics(desk.search(query), tally)

    def events(self, query: Query) -> Iterator[Archived]:
        """The events of a query, oldest first."""
        bounds = bounds_of(query)
        while True:
            # Between two reads the connection is others'.
            with self._read() as desk:
                found = desk.finder.rising(desk.search(query), bounds)
            yield from found
            if len(found) < AT_ONCE:
                return
            bounds = bounds._replace(low=found[-1].position + 1)

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
        if value is not None:
            with self._change() as desk:
                return desk.chronicle.property(name, value)
        try:
            with self._read() as desk:
                return desk.chronicle.property(name)
        except NoArchive:
            return None

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
        for first in range(start, start + count, AT_ONCE):
            with self._read() as desk:
                found = desk.finder.numbered(Bounds(first, min(first + AT_ONCE, start + count)))
            if not found:
                return
            yield from found

    def rows(self, start: int, count: int) -> Iterator[Stored]:
        """Rows of the log as they are stored."""
        bounds = Bounds(start, start + count)
        while bounds.low < bounds.high:
            with self._read() as desk:
                found = desk.inspection.rows(bounds, AT_ONCE)
            yield from found
            if len(found) < AT_ONCE:
                return
            bounds = bounds._replace(low=found[-1].number + 1)

    def taken(self, organization: str, low: int, high: int) -> int:  # noqa: ARG002 - all share the positions here
        """How many positions of a range are taken."""
        with self._read() as desk:
            return desk.inspection.taken(Bounds(low, high))

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
        turn = self._turn
        with told(self._address):
            desk = self._rested() or self._reader()
            try:
                with contextlib.ExitStack() as transaction:
                    desk = _begun(transaction, desk, self._reader)
                    yield desk
            finally:
                if turn == self._turn and len(self._resting) < _MOST_RESTING and not desk.connection.closed:
                    self._resting.append(desk)
                else:
                    desk.connection.close()

    @contextlib.contextmanager
    def _change(self) -> Iterator[_Desk]:
        with self._writing, told(self._address):
            desk = self._writer or _Desk(open_writer(self._address))
            try:
                with contextlib.ExitStack() as transaction:
                    desk = _begun(transaction, desk, lambda: _Desk(open_writer(self._address)))
                    self._writer = desk
                    yield desk
            except BaseException:
                # What the tables do not have must not be remembered.
                self._writer = None
                desk.connection.close()
                raise

    def _rested(self) -> _Desk | None:
        with contextlib.suppress(IndexError):
            return self._resting.pop()
        return None

    def _reader(self) -> _Desk:
        return _Desk(open_reader(self._address))


def _begun(transaction: contextlib.ExitStack, desk: _Desk, reopened: Callable[[], _Desk]) -> _Desk:
    """Begin a transaction; a connection that the server closed while it was idle is replaced."""
    try:
        transaction.enter_context(desk.connection.transaction())
    except psycopg.OperationalError:
        if not desk.connection.closed:
            raise
    else:
        return desk
    desk = reopened()
    transaction.enter_context(desk.connection.transaction())
    return desk
