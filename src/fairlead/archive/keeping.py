"""What every store says of the events it writes, and what it makes of gaps that were found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from fairlead.archive.coverage import Slice, holes
from fairlead.archive.model import Archived, Gap, Kept
from fairlead.errors import ArchiveBusy


class Owner(NamedTuple):
    """Whose events are written, and when they were read."""

    number: int
    uuid: str
    fetched_at: int


class Written(NamedTuple):
    """What became of events, and the data of the log's new leaves, in the order of their numbers."""

    kept: Kept
    leaves: list[bytes]


def unrecorded(known: Iterable[Gap], found: Iterable[Gap]) -> list[Gap]:
    """What of the gaps found is to be recorded: time that a gap names already is left out."""
    told = [Slice(gap.start or 0, gap.end) for gap in known]
    made: list[Gap] = []
    for gap in found:
        for hole in holes(told, Slice(gap.start or 0, gap.end)):
            start = None if gap.start is None and hole.start == 0 else hole.start
            made.append(Gap(start, hole.end, gap.reason, gap.found_at))
            told.append(hole)
    return made


def require(holder: str, found: str | None) -> None:
    """Raise ArchiveBusy unless the holder is the one found to have the lease: another one took over meanwhile."""
    if found != holder:
        raise ArchiveBusy(
            "Another process syncs this organization now.", remedy="Let it go on, or stop it and try again."
        )


def of_id(found: Iterable[Archived], event_id: str) -> tuple[Archived, ...]:
    """Of events with one identity those of an id: as it is spelled, or else in the one spelling there is."""
    alike = [each for each in found if each.id.lower() == event_id.lower()]
    spelled = event_id if any(each.id == event_id for each in alike) else next((each.id for each in alike), "")
    return tuple(each for each in alike if each.id == spelled)
