"""Whether a log is what its checkpoints say: pure, a run of events at a time, naming the first that is wrong."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, groupby, repeat
from typing import NamedTuple, TypeAlias

from fairlead.archive.checkpoints import Checkpoint, CheckpointRefused, FoundCheckpoint, read_checkpoint
from fairlead.archive.merkle import EMPTY, Frontier, Tile, extended, root
from fairlead.archive.proofs import Hashes
from fairlead.archive.public_keys import PublicKey


class DamageKind(StrEnum):
    """What can be wrong with a log."""

    CHANGED = "changed"  # an event is not what its stored leaf hash says
    SWAPPED = "swapped"  # two events are each what the other's leaf hash says
    MISSING = "missing"  # a number has no event
    REPEATED = "repeated"  # a number comes twice, or after a greater one
    REWRITTEN = "rewritten"  # events and their leaf hashes agree, and contradict a signed root
    TILE = "tile"  # a stored tile contradicts the leaf hashes, which no signed root does
    TRUNCATED = "truncated"  # the log ends before a signed size
    CHECKPOINT = "checkpoint"  # a checkpoint cannot be read, or nobody we know signed it
    NOT_OUTSIDE = "not-outside"  # a checkpoint of the database is not among those outside
    NOT_INSIDE = "not-inside"  # a checkpoint outside is not in the database any more
    UNREADABLE = "unreadable"  # what is stored of an event cannot be read
    COLUMN = "column"  # what an event is found by is not what its bytes say
    FRONTIER = "frontier"  # the stored right edge of the tree is not that of the log
    INDEX = "index"  # what is kept to search and count contradicts the events
    GAP = "gap"  # a gap that was signed for is not recorded any more
    COVERAGE = "coverage"  # coverage that was signed for is gone, or more is covered than was signed for
    CLAIMS = "claims"  # a checkpoint builds on claims that no other one makes


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """The first thing that is wrong, and the events it may be about; no numbers when it is about none."""

    kind: DamageKind
    message: str
    number: int | None = None
    last: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A log that is whole: its size and root, how many checkpoints say so, and how many of its events they cover.

    Events from `attested` on are what their leaf hashes say, but no checkpoint vouches for those yet.
    """

    size: int
    root: bytes
    checkpoints: int
    attested: int


class Rows(NamedTuple):
    """A run of the log as it is stored: each event's number, its leaf hash made anew, and the one stored with it."""

    numbers: Sequence[int]
    recomputed: Sequence[bytes]
    stored: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The checkpoints that are good, by size, and the first thing that is wrong with the others.

    `claiming` are all of them, also those of one tree that differ in what they claim beside it.
    """

    checkpoints: tuple[Checkpoint, ...]
    damage: Damage | None = None
    claiming: tuple[Checkpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification has come: the tree so far, the next checkpoint, how many fitted, the size of the last.

    `suspect` is the first stored tile that contradicts the leaf hashes; the next checkpoint tells which is right.
    """

    frontier: Frontier
    next: int
    compared: int = 0
    good: int = 0
    suspect: Tile | None = None


Step: TypeAlias = Progress | Damage


def witnesses_of(
    inside: Iterable[FoundCheckpoint], outside: Iterable[FoundCheckpoint] | None, public_key: PublicKey
) -> Witnesses:
    """Judge the checkpoints of the database and those outside of it; None outside when none are kept there."""
    known: dict[str, Checkpoint] = {}
    kept, inside_damage = _judged(inside, public_key, known)
    published, outside_damage = _judged(outside or (), public_key, known)
    absence = None if outside is None else _absence(kept.keys(), published.keys())
    good = tuple(sorted({**published, **kept}.values(), key=_size_and_root))
    claiming = tuple(sorted(set(known.values()), key=_size_and_root))
    return Witnesses(good, inside_damage or outside_damage or absence, claiming)


def verify(
    log: Iterable[Rows], witnesses: Witnesses, hashes: Hashes | None = None, frontier: Frontier = EMPTY
) -> Verified | Damage:
    """Read a whole log, in constant memory, and say that it is good or what is wrong first.

    With `hashes` the stored tiles are compared too, which narrows down what was rewritten. With `frontier` the log
    begins there: what is before counts as attested, unless a checkpoint of that very size says otherwise.
    """
    step = begun(witnesses, frontier)
    for rows in log:
        if isinstance(step, Damage):
            return step
        step = advanced(step, rows, witnesses, hashes)
    return step if isinstance(step, Damage) else concluded(step, witnesses)


def begun(witnesses: Witnesses, frontier: Frontier) -> Step:
    """A verification that has read nothing yet."""
    start = bisect_left(witnesses.checkpoints, frontier.size, key=lambda checkpoint: checkpoint.size)
    step = _attested(Progress(frontier, start), witnesses)
    return step if isinstance(step, Damage) else replace(step, good=frontier.size)


def advanced(progress: Progress, rows: Rows, witnesses: Witnesses, hashes: Hashes | None = None) -> Step:
    """The verification after a run of the log."""
    sound, fault = _first_fault(progress.frontier.size, rows)
    taken = 0
    while taken < sound:
        part = rows.recomputed[taken : taken + _up_to_checkpoint(progress, witnesses, sound - taken)]
        frontier, tiles = extended(progress.frontier, part)
        suspect = progress.suspect or (_first_wrong(tiles, hashes) if hashes else None)
        step = _attested(replace(progress, frontier=frontier, suspect=suspect), witnesses)
        if isinstance(step, Damage):
            return step
        progress, taken = step, taken + len(part)
    if fault is None:
        return progress
    return fault if progress.suspect is None else _undecided(progress.suspect)


def concluded(progress: Progress, witnesses: Witnesses) -> Verified | Damage:
    """The result, now that the log has ended."""
    size = progress.frontier.size
    if progress.suspect is not None:
        return _undecided(progress.suspect)
    if progress.next < len(witnesses.checkpoints):
        return _truncated(size, witnesses.checkpoints[-1])
    return witnesses.damage or Verified(
        size=size, root=root(progress.frontier), checkpoints=progress.compared, attested=progress.good
    )


def _judged(
    found: Iterable[FoundCheckpoint], public_key: PublicKey, known: dict[str, Checkpoint]
) -> tuple[dict[tuple[int, bytes], Checkpoint], Damage | None]:
    """The good ones of some checkpoints, by what they say, and the first that is bad; `known` are the texts read."""
    good, damage = {}, None
    for place, text in found:
        try:
            # Most are found in two places, and a signature takes a while.
            checkpoint = known.get(text) or read_checkpoint(text, public_key)
        except CheckpointRefused as refusal:
            damage = damage or Damage(kind=DamageKind.CHECKPOINT, message=f"{place}: {refusal.public}")
        else:
            known[text] = checkpoint
            good[checkpoint.size, checkpoint.root] = checkpoint
    return good, damage


def _size_and_root(checkpoint: Checkpoint) -> tuple[int, bytes]:
    return checkpoint.size, checkpoint.root


def _first_fault(size: int, rows: Rows) -> tuple[int, Damage | None]:
    """How many rows are as they should be, and what is wrong with the next; compared in C as long as nothing is."""
    numbers, recomputed, stored = tuple(rows.numbers), tuple(rows.recomputed), tuple(rows.stored)
    if numbers == tuple(range(size, size + len(numbers))) and recomputed == stored:
        return len(numbers), None
    for index, (number, made, kept) in enumerate(zip(numbers, recomputed, stored, strict=True)):
        if number != size + index:
            return index, _misnumbered(number, size + index)
        if made != kept:
            return index, _changed(index, number, recomputed, stored)
    return len(numbers), None


def _up_to_checkpoint(progress: Progress, witnesses: Witnesses, most: int) -> int:
    """How many leaves to take, so that the tree gets each size that a checkpoint is of."""
    if progress.next == len(witnesses.checkpoints):
        return most
    return min(most, witnesses.checkpoints[progress.next].size - progress.frontier.size)


def _attested(progress: Progress, witnesses: Witnesses) -> Step:
    """Compare the tree with the checkpoints of its size."""
    size, position, checkpoints = progress.frontier.size, progress.next, witnesses.checkpoints
    while position < len(checkpoints) and checkpoints[position].size == size:
        if checkpoints[position].root != root(progress.frontier):
            return _rewritten(progress, size)
        position += 1
    if position == progress.next:
        return progress
    if progress.suspect is not None:
        return _wrong_tile(progress.suspect)
    return replace(progress, next=position, compared=progress.compared + position - progress.next, good=size)


def _first_wrong(tiles: Iterable[Tile], hashes: Hashes) -> Tile | None:
    """The first of some consecutive tiles that is not stored as it should be."""
    for level, group in groupby(tiles, key=lambda tile: tile.level):
        run = tuple(group)
        stored = chain(hashes(level, run[0].number, len(run)), repeat(b""))  # what is not stored is wrong, too
        wrong = next((tile for tile, kept in zip(run, stored, strict=False) if tile.hash != kept), None)
        if wrong is not None:
            return wrong
    return None


def _covered(tile: Tile) -> tuple[int, int]:
    return tile.number << tile.level, ((tile.number + 1) << tile.level) - 1


def _events(first: int, last: int) -> str:
    return f"event {first:,}" if first == last else f"events {first:,} to {last:,}"


def _misnumbered(number: int, expected: int) -> Damage:
    if number < expected:
        message = f"Event {number:,} comes a second time, or out of order."
        return Damage(kind=DamageKind.REPEATED, message=message, number=number, last=number)
    message = f"The log goes from event {expected - 1:,} to event {number:,}." if expected else "The log begins late."
    message += f" It lacks {_events(expected, number - 1)}."
    return Damage(kind=DamageKind.MISSING, message=message, number=expected, last=number - 1)


def _changed(index: int, number: int, recomputed: Sequence[bytes], stored: Sequence[bytes]) -> Damage:
    for other, (made, kept) in enumerate(zip(recomputed[index + 1 :], stored[index + 1 :], strict=True), number + 1):
        if made == stored[index] and kept == recomputed[index]:
            message = f"Events {number:,} and {other:,} are swapped."
            return Damage(kind=DamageKind.SWAPPED, message=message, number=number, last=other)
    message = f"Event {number:,} is not what was stored: it was changed, or its leaf hash was."
    return Damage(kind=DamageKind.CHANGED, message=message, number=number, last=number)


def _rewritten(progress: Progress, size: int) -> Damage:
    """Between the last good checkpoint and the first bad one; in it, where the tiles disagree."""
    first, last = progress.good, size - 1
    why = f"The first {size:,} events are not those that were signed"
    if progress.suspect is not None:
        start, end = _covered(progress.suspect)
        first, last = max(first, start), min(last, end)
        why += f", and those from {start:,} to {end:,} contradict their stored tile"
    message = f"{why}. What was rewritten lies in {_events(first, last)}."
    return Damage(kind=DamageKind.REWRITTEN, message=message, number=first, last=last)


def _wrong_tile(tile: Tile) -> Damage:
    first, last = _covered(tile)
    message = f"The stored tile {tile.level}/{tile.number} is wrong; events {first:,} to {last:,} are those signed for."
    return Damage(kind=DamageKind.TILE, message=message, number=first, last=last)


def _undecided(tile: Tile) -> Damage:
    first, last = _covered(tile)
    message = (
        f"Events {first:,} to {last:,} contradict their stored tile {tile.level}/{tile.number}. One of them was"
        " rewritten, or the tile was; no later checkpoint could be reached that tells which."
    )
    return Damage(kind=DamageKind.TILE, message=message, number=first, last=last)


def _truncated(size: int, checkpoint: Checkpoint) -> Damage:
    message = f"The log ends after {size:,} events; {checkpoint.size:,} were signed for."
    return Damage(kind=DamageKind.TRUNCATED, message=message, number=size, last=checkpoint.size - 1)


def _absence(inside: Set[tuple[int, bytes]], outside: Set[tuple[int, bytes]]) -> Damage | None:
    """The first checkpoint that is kept in one place only; both get each one."""
    if inside - outside:
        message = f"The checkpoint of {min(inside - outside)[0]:,} events is in the database, but not outside of it."
        return Damage(kind=DamageKind.NOT_OUTSIDE, message=message)
    if outside - inside:
        message = f"The checkpoint of {min(outside - inside)[0]:,} events is outside of the database, but not in it."
        return Damage(kind=DamageKind.NOT_INSIDE, message=message)
    return None
