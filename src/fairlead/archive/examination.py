"""Looks at a stretch of the log in a process of its own: leaf hashes made anew, and columns against bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fairlead.archive.events import Event, name_of, nanos_of, read_event
from fairlead.archive.factory import open_archive
from fairlead.archive.merkle import HASH_SIZE, leaf_hash
from fairlead.archive.model import DIMENSIONS, Stored
from fairlead.archive.place import Place
from fairlead.archive.preparation import LeafHead, identity_of, leaf_data, values_of
from fairlead.archive.store import Archive
from fairlead.archive.verification import Damage, DamageKind
from fairlead.errors import ArchiveError, ArchiveUnusable

_UNREADABLE = bytes(HASH_SIZE)
# No position is further on: the first that is free is searched from another place then.
_LAST_MILLISECOND = (1 << 63) - 1_000_000


class Stretch(NamedTuple):
    """Rows of the log: their numbers, their leaf hashes made anew, joined, and the first thing beside them wrong.

    `broken` says why there are no more, when the database could not be read on.
    """

    numbers: Sequence[int]
    leaves: bytes
    damage: Damage | None = None
    broken: str = ""

    def hashes(self) -> list[bytes]:
        """The leaf hashes, one by one."""
        return [self.leaves[at : at + HASH_SIZE] for at in range(0, len(self.leaves), HASH_SIZE)]


def examine(place: Place, first: int, count: int) -> Stretch:
    """Examine rows of the log over a connection of its own."""
    with contextlib.closing(open_archive(place)) as archive:
        return _examined(archive, first, count)


def find_disagreements(place: Place) -> tuple[str, ...]:
    """What contradicts the events, of what is kept to find and count them."""
    with contextlib.closing(open_archive(place)) as archive:
        try:
            return archive.disagreements()
        except ArchiveUnusable as failure:
            return (f"What events are found by cannot be read. {failure.public}",)


def _examined(archive: Archive, first: int, count: int) -> Stretch:
    numbers: list[int] = []
    leaves: list[bytes] = []
    damage: Damage | None = None
    broken = ""
    try:
        for row in archive.rows(first, count):
            numbers.append(row.number)
            if row.raw is None:
                leaves.append(_UNREADABLE)
                continue
            event = read_event(row.raw)
            name = name_of(event, row.tag)
            head = LeafHead(row.number, row.organization, name, row.revision, row.fetched_at)
            leaves.append(leaf_hash(leaf_data(head, row.raw)))
            if damage is None and not _is_plain(row, event, name):
                damage = _contradiction(archive, row, event, name)
    except ArchiveError as failure:
        broken = failure.public
    dense = range(first, first + len(numbers))
    # A range costs nothing on its way to the other process.
    return Stretch(dense if numbers == list(dense) else numbers, b"".join(leaves), damage, broken)


def _is_plain(row: Stored, event: Event, name: str) -> bool:
    """Whether a row is as nearly all are: the only revision, at its own timestamp, with the values of its bytes."""
    return (
        row.values == values_of(event)
        and row.identity == identity_of(name)
        and row.position == nanos_of(event.timestamp)
        and not row.revision
        and not row.superseded
    )


def _contradiction(archive: Archive, row: Stored, event: Event, name: str) -> Damage | None:
    wrong = next(_contradictions(archive, row, event, name), None)
    if wrong is None:
        return None
    message = f"Event {row.number:,} would not be found as what it is: {wrong}."
    return Damage(kind=DamageKind.COLUMN, message=message, number=row.number, last=row.number)


def _contradictions(archive: Archive, row: Stored, event: Event, name: str) -> Iterator[str]:
    """What a row is found by, and its bytes do not say."""
    for column, kept, said in zip(DIMENSIONS, row.values, values_of(event), strict=True):
        if kept != said:
            yield f"its column {column} has {_shown(kept)}, its bytes {_shown(said)}"
    if row.identity != identity_of(name):
        yield "its column identity is not that of its id"
    yield from _displaced(archive, row, nanos_of(event.timestamp))
    if row.revision or row.superseded:
        yield from _misjudged(archive, row, name)


def _displaced(archive: Archive, row: Stored, nanos: int | None) -> Iterator[str]:
    """An event stands at its timestamp, or at the first free nanosecond after it."""
    if nanos is None or row.position == nanos or nanos > _LAST_MILLISECOND:
        return
    if row.position < nanos or archive.taken(row.organization, nanos, row.position) != row.position - nanos:
        yield f"it stands at {row.position}, and its timestamp is {nanos}"


def _misjudged(archive: Archive, row: Stored, name: str) -> Iterator[str]:
    """Of all revisions of an id the last one counts; whichever of them comes first in the log, all are looked at."""
    found = archive.revisions(name)
    of_id = [each for each in found if (each.organization, each.id) == (row.organization, name)]
    if [each.revision for each in of_id] != list(range(len(of_id))):
        yield "its revisions are not numbered one by one"
    elif [each.superseded for each in of_id] != [True] * (len(of_id) - 1) + [False]:
        yield "another of its revisions than the last one counts"


def _shown(value: str | None) -> str:
    return "nothing" if value is None else f"`{value[:60]}`"
