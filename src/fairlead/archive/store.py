"""What an archive can do, whatever keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

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


class Archive(Protocol):
    """Events, what is covered of time, what is missing for ever, and a log that proves them.

    Every method may be called from any thread and raises ArchiveError. An organization is named by its UUID; one that
    nothing is known of has no events.
    """

    @property
    def name(self) -> str:
        """Where the archive is, without any password."""

    def close(self) -> None:
        """Give back what is open."""

    def keep(self, batch: Batch) -> Kept:
        """Keep a batch, all of it or nothing; raises ArchiveBusy when its holder has no lease any more."""

    def organizations(self) -> tuple[str, ...]:
        """The organizations that something is known of."""

    def state(self, organization: str) -> OrganizationState:
        """What is known of an organization's events."""

    def page(self, query: Query, turn: Turn) -> Page:
        """A page of the events that a query finds, newest first."""

    def statistics(self, query: Query, tally: Tally) -> Statistics:
        """Counts of the events that a query finds."""

    def events(self, query: Query) -> Iterator[Archived]:
        """All events that a query finds, oldest first, read as they are asked for."""

    def revisions(self, event_id: str) -> tuple[Archived, ...]:
        """Every revision of the events with an id, oldest first."""

    def take_lease(self, organization: str, holder: str, now: int, until: int) -> bool:
        """Make the holder the one who syncs an organization; False while somebody else is."""

    def give_up_lease(self, organization: str, holder: str) -> None:
        """Let somebody else sync an organization."""

    def property(self, name: str, value: bytes | None = None) -> bytes | None:
        """A property of the whole archive; a value given is kept if there was none, and what is kept comes back."""

    def frontier(self) -> Frontier:
        """The right edge of the log's tree."""

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Hashes of the log's leaves (level 0) or tiles (8, 16 …)."""

    def log(self, start: int, count: int) -> Iterator[Archived]:
        """Events of the log by number, every revision, as they are read."""

    def rows(self, start: int, count: int) -> Iterator[Stored]:
        """Rows of the log by number as they are stored, for an audit; what cannot be read of one is left to tell."""

    def taken(self, organization: str, low: int, high: int) -> int:
        """How many positions from `low` up to, not including, `high` an event of the organization cannot get."""

    def disagreements(self) -> tuple[str, ...]:
        """What is kept beside the events to search and count, and contradicts them, in sentences; only what is cheap.

        Also told are events that no number of the log leads to.
        """

    def checkpoints(self) -> list[str]:
        """The signed checkpoints, by size."""

    def add_checkpoint(self, size: int, text: str) -> None:
        """Keep a signed checkpoint, in place of one of the same size."""
