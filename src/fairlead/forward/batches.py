"""Batches: events of one organization that follow each other in the log."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import takewhile
from typing import TypeAlias

from fairlead.archive.bookmark import Part, read_part
from fairlead.archive.model import Archived
from fairlead.archive.store import Archive
from fairlead.forward.outcomes import Outcome


@dataclass(frozen=True, slots=True)
class Batch:
    """Some events of one organization, one at least, in the order of the log."""

    events: tuple[Archived, ...]

    @property
    def organization(self) -> str:
        """Whose events these are."""
        return self.events[0].organization

    @property
    def end(self) -> int:
        """The number after the last event."""
        return self.events[-1].number + 1

    @property
    def id(self) -> str:
        """The batch's name: the same events have the same one whenever they are sent, and others never do."""
        return f"events-{self.events[0].number}-{self.events[-1].number}-{self.events[-1].tag.hex()}"

    def halves(self) -> tuple[Batch, ...]:
        """The batch as two, of which one may be without fault."""
        middle = len(self.events) // 2
        return tuple(Batch(half) for half in (self.events[:middle], self.events[middle:]) if half)


Deliver: TypeAlias = Callable[[Batch], Awaitable[Outcome]]
"""Hands a batch to a receiver, within its own deadline; it never raises for what the receiver does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a batch holds: so many events at most, and no more once it has so many bytes."""

    events: int
    size: int


def next_batch(archive: Archive, start: int, end: int, limits: Limits) -> Batch:
    """The events from `start` on that make a batch, of those before `end`, of which there is one at least."""
    found = read_part(archive, Part(start, min(end, start + limits.events), limits.size))
    return Batch(tuple(takewhile(lambda each: each.organization == found[0].organization, found)))
