"""Verifying a log: a whole one passes, and of a damaged one the first thing that is wrong is named."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.archive.checkpoints import Checkpoint, FoundCheckpoint, sign
from fairlead.archive.keys import key_from_text
from fairlead.archive.merkle import EMPTY, EMPTY_ROOT, extended, leaf_hash, root
from fairlead.archive.proofs import frontier_at
from fairlead.archive.public_keys import public_key_of
from fairlead.archive.verification import (
    Damage,
    DamageKind,
    Progress,
    Rows,
    Verified,
    Witnesses,
    advanced,
    begun,
    concluded,
    verify,
    witnesses_of,
)
from kept_tree import KeptTree, kept, naive_root

ORIGIN = "example.com/archive/acme"
KEY = key_from_text(f"fairlead-archive-key-1:{b64encode(bytes(range(32))).decode()}")
OTHER = key_from_text(f"fairlead-archive-key-1:{b64encode(bytes(32)).decode()}")
PUBLIC = public_key_of(ORIGIN, KEY.signing_key)
SIZE = 1_000
SIGNED = (0, 100, 101, 512, 900)


@dataclass(frozen=True)
class Log:
    """A stored log: events by number, with the leaf hashes and tiles that were stored with them."""

    events: tuple[tuple[int, bytes, bytes], ...]
    tree: KeptTree

    def rows(self, batch: int) -> Iterator[Rows]:
        for start in range(0, len(self.events), batch):
            numbers, events, stored = zip(*self.events[start : start + batch], strict=True)
            yield Rows(numbers, [leaf_hash(event) for event in events], stored)

    def put(self, place: int, event: bytes, *, hashed: bool) -> Log:
        """The same with another event in a place; `hashed` if its leaf hash goes with it."""
        number, _, kept_hash = self.events[place]
        changed = (number, event, leaf_hash(event) if hashed else kept_hash)
        return replace(self, events=(*self.events[:place], changed, *self.events[place + 1 :]))

    def rehashed(self, *, tiles: bool) -> Log:
        """The same after someone made all hashes anew from the events, dense numbers too."""
        events = tuple((place, event, leaf_hash(event)) for place, (_, event, _) in enumerate(self.events))
        return Log(events, kept(leaf for _, _, leaf in events) if tiles else self.tree)


def _log(size: int = SIZE) -> Log:
    events = [b"event %d" % number for number in range(size)]
    leaves = [leaf_hash(event) for event in events]
    return Log(tuple(zip(range(size), events, leaves, strict=True)), kept(leaves))


def _found(*sizes: int, key: object = KEY, place: str = "outside") -> list[FoundCheckpoint]:
    signing_key = key.signing_key  # type: ignore[attr-defined]
    return [
        FoundCheckpoint(f"{place} {size}", sign(Checkpoint(origin=ORIGIN, size=size, root=ROOTS[size]), signing_key))
        for size in sizes
    ]


WHOLE = _log()
ROOTS = {size: root(frontier_at(size, WHOLE.tree.hashes)) for size in range(SIZE + 1)}
WITNESSES = witnesses_of(_found(*SIGNED), _found(*SIGNED), PUBLIC)


def _verify(log: Log, batch: int = 300, witnesses: Witnesses = WITNESSES) -> Verified | Damage:
    return verify(log.rows(batch), witnesses, log.tree.hashes)


def _damage(log: Log, batch: int = 300, witnesses: Witnesses = WITNESSES) -> Damage:
    found = _verify(log, batch, witnesses)
    assert isinstance(found, Damage)
    return found


@pytest.mark.parametrize("batch", [1, 99, 100, 256, 1_000])
def test_a_whole_log_is_verified(batch: int) -> None:
    """However it is read; what no checkpoint covers yet is said."""
    expected = Verified(size=SIZE, root=naive_root(WHOLE.tree.leaves), checkpoints=5, attested=900)
    assert _verify(WHOLE, batch) == expected
    assert verify(WHOLE.rows(batch), WITNESSES) == expected
    assert verify((), Witnesses(())) == Verified(size=0, root=EMPTY_ROOT, checkpoints=0, attested=0)


@pytest.mark.parametrize("number", [0, 99, 100, 299, 300, 511, 512, 950, 999])
def test_a_changed_event_is_named(number: int) -> None:
    """A flipped bit in an event or in its leaf hash, also where no checkpoint is yet."""
    _, event, stored = WHOLE.events[number]
    for log in (
        WHOLE.put(number, bytes([event[0] ^ 1]) + event[1:], hashed=False),
        replace(
            WHOLE,
            events=(*WHOLE.events[:number], (number, event, stored[:-1] + b"?"), *WHOLE.events[number + 1 :]),
        ),
    ):
        found = _damage(log)
        assert (found.kind, found.number, found.last) == (DamageKind.CHANGED, number, number)
    assert found.message == f"Event {number} is not what was stored: it was changed, or its leaf hash was."


@pytest.mark.parametrize(("first", "count"), [(0, 1), (5, 1), (299, 2), (300, 300), (998, 1)])
def test_dropped_rows_are_named(first: int, count: int) -> None:
    """Numbers are dense, so each one that is missing is known."""
    log = replace(WHOLE, events=WHOLE.events[:first] + WHOLE.events[first + count :])
    found = _damage(log)
    assert (found.kind, found.number, found.last) == (DamageKind.MISSING, first, first + count - 1)
    again = replace(WHOLE, events=WHOLE.events[: first + 1] + WHOLE.events[first:])
    assert (_damage(again).kind, _damage(again).number) == (DamageKind.REPEATED, first)


def test_swapped_rows_are_named() -> None:
    """Two events in each other's place, with their leaf hashes left where they were, or with their numbers."""
    swapped = WHOLE.put(610, WHOLE.events[650][1], hashed=False).put(650, WHOLE.events[610][1], hashed=False)
    found = _damage(swapped)
    assert (found.kind, found.number, found.last) == (DamageKind.SWAPPED, 610, 650)
    moved = replace(WHOLE, events=(*WHOLE.events[:7], WHOLE.events[8], WHOLE.events[7], *WHOLE.events[9:]))
    assert (_damage(moved).kind, _damage(moved).number) == (DamageKind.MISSING, 7)


@pytest.mark.parametrize("size", [0, 1, 512, 899])
def test_a_truncated_tail_is_told(size: int) -> None:
    """A log that is shorter than what was signed has lost its end; a hash chain would not know."""
    found = _damage(_log(size))
    assert (found.kind, found.number, found.last) == (DamageKind.TRUNCATED, size, 899)
    assert isinstance(_verify(_log(900)), Verified)


@pytest.mark.parametrize(
    ("number", "tiles", "first", "last"),
    [
        (50, True, 0, 99),
        (100, True, 100, 100),
        (101, True, 101, 511),
        (300, False, 256, 511),
        (600, True, 512, 899),
        (600, False, 512, 767),
        (800, False, 512, 899),
    ],
)
def test_a_recomputed_chain_is_caught_by_what_was_signed(number: int, tiles: bool, first: int, last: int) -> None:
    """The range is that between two checkpoints, or the tile within it that nobody made anew."""
    log = WHOLE.put(number, b"forged", hashed=True).rehashed(tiles=tiles)
    found = _damage(log)
    assert (found.kind, found.number, found.last) == (DamageKind.REWRITTEN, first, last)
    assert first <= number <= last
    assert ("tile" in found.message) is (not tiles and number < 768)


def test_a_row_dropped_with_everything_renumbered_is_caught() -> None:
    """A clean cut leaves no hole, but no signed root either."""
    log = replace(WHOLE, events=WHOLE.events[:200] + WHOLE.events[201:]).rehashed(tiles=True)
    assert (_damage(log).kind, _damage(log).number) == (DamageKind.REWRITTEN, 101)


@pytest.mark.parametrize(("number", "said"), [(1, "are those signed for"), (2, "no later checkpoint")])
def test_a_changed_tile_is_told_from_a_changed_event(number: int, said: str) -> None:
    """A later checkpoint decides; as long as there is none, both are possible, and the message says so."""
    log, witnesses = _log(), witnesses_of(_found(512), None, PUBLIC)
    changed = replace(log.tree, tiles={**log.tree.tiles, (8, number): bytes(32)})
    lost = replace(log.tree, tiles={tile: node for tile, node in log.tree.tiles.items() if tile != (8, number)})
    for tree in (changed, lost):
        found = _damage(replace(log, tree=tree), 300, witnesses)
        assert (found.kind, found.number, found.last) == (DamageKind.TILE, number * 256, number * 256 + 255)
        assert f"8/{number}" in found.message
        assert said in found.message
    if number == 2:
        assert _damage(log.put(600, b"forged", hashed=True), 300, witnesses) == found


def test_the_first_of_several_damages_is_named() -> None:
    """Also when a later one is in the same run, or when it is of another kind."""
    log = WHOLE.put(40, b"forged", hashed=True).put(150, b"changed", hashed=False)
    assert (_damage(log, 1_000).kind, _damage(log, 1_000).last) == (DamageKind.REWRITTEN, 99)
    cut = replace(log, events=log.events[:30] + log.events[31:])
    assert (_damage(cut, 1_000).kind, _damage(cut, 1_000).number) == (DamageKind.MISSING, 30)
    tile = WHOLE.put(600, b"forged", hashed=True).put(800, b"changed", hashed=False)
    assert (_damage(tile, 1_000).kind, _damage(tile, 1_000).number) == (DamageKind.TILE, 512)


def test_a_checkpoint_that_nobody_signed_is_named() -> None:
    """It is told where it is and what is wrong with it; the good ones still count."""
    forged = _found(300, key=OTHER, place="the database,")
    witnesses = witnesses_of([*_found(100), *forged], None, PUBLIC)
    found = _damage(WHOLE, 300, witnesses)
    assert (found.kind, found.number) == (DamageKind.CHECKPOINT, None)
    assert found.message.startswith("the database, 300: The checkpoint is signed by")
    assert _damage(_log(50), 300, witnesses).kind is DamageKind.TRUNCATED


def test_a_checkpoint_that_is_missing_outside_is_named() -> None:
    """Someone who rewrites the database has to remove what was published; that shows too."""
    witnesses = witnesses_of(_found(100, 512, 900), _found(100, 900), PUBLIC)
    found = _damage(WHOLE, 300, witnesses)
    assert (found.kind, found.message) == (
        DamageKind.NOT_OUTSIDE,
        "The checkpoint of 512 events is in the database, but not outside of it.",
    )
    assert witnesses_of(_found(100), None, PUBLIC).damage is None
    assert witnesses_of(_found(100), [], PUBLIC).damage is not None


def test_checkpoints_outside_count_when_those_inside_are_gone() -> None:
    """A database that was rewritten together with its checkpoints is still caught."""
    log = WHOLE.put(50, b"forged", hashed=True).rehashed(tiles=True)
    forged_root = root(extended(EMPTY, log.tree.leaves[:512])[0])
    inside = sign(Checkpoint(origin=ORIGIN, size=512, root=forged_root), KEY.signing_key)
    witnesses = witnesses_of([FoundCheckpoint("inside", inside)], _found(512), PUBLIC)
    assert len(witnesses.checkpoints) == 2
    assert _damage(log, 300, witnesses).kind is DamageKind.REWRITTEN
    assert _damage(log, 300, witnesses_of([], _found(512), PUBLIC)).kind is DamageKind.REWRITTEN


def test_a_log_can_be_verified_from_where_one_stopped() -> None:
    """A run at a time, with what was verified kept in between."""
    step = begun(WITNESSES, EMPTY)
    for rows in WHOLE.rows(64):
        assert isinstance(step, Progress)
        step = advanced(step, rows, WITNESSES, WHOLE.tree.hashes)
    assert isinstance(step, Progress)
    assert concluded(step, WITNESSES) == _verify(WHOLE)

    later = replace(WHOLE, events=WHOLE.events[600:])
    start = frontier_at(600, WHOLE.tree.hashes)
    found = verify(later.rows(64), WITNESSES, WHOLE.tree.hashes, start)
    assert found == Verified(size=SIZE, root=ROOTS[SIZE], checkpoints=1, attested=900)
    changed = later.put(30, b"forged", hashed=True)
    assert verify(changed.rows(64), WITNESSES, None, start) == Damage(
        kind=DamageKind.REWRITTEN,
        message="The first 900 events are not those that were signed. What was rewritten lies in events 600 to 899.",
        number=600,
        last=899,
    )
    forged = replace(frontier_at(512, WHOLE.tree.hashes), hashes=(bytes(32),))
    found = verify((), WITNESSES, None, forged)
    assert isinstance(found, Damage)
    assert (found.kind, found.number, found.last) == (DamageKind.REWRITTEN, 0, 511)


@given(
    number=st.integers(0, 899),
    batch=st.integers(1, 400),
    signed=st.sets(st.integers(0, 899), max_size=5),
    how=st.sampled_from(["change", "drop", "repeat", "rewrite", "rewrite all", "drop all", "truncate"]),
)
@settings(max_examples=120, deadline=None)
def test_whatever_is_done_to_a_signed_event_is_found(number: int, batch: int, signed: set[int], how: str) -> None:
    """Nothing passes, and what is named is never after the damage, nor is all of it before."""
    events = WHOLE.events
    log = {
        "change": lambda: WHOLE.put(number, b"other", hashed=False),
        "drop": lambda: replace(WHOLE, events=events[:number] + events[number + 1 :]),
        "repeat": lambda: replace(WHOLE, events=events[:number] + events[number : number + 1] + events[number:]),
        "rewrite": lambda: WHOLE.put(number, b"other", hashed=True),
        "rewrite all": lambda: WHOLE.put(number, b"other", hashed=True).rehashed(tiles=True),
        "drop all": lambda: replace(WHOLE, events=events[:number] + events[number + 1 :]).rehashed(tiles=True),
        "truncate": lambda: _log(number),
    }[how]()
    witnesses = witnesses_of(_found(*signed, 900), None, PUBLIC)
    found = _damage(log, batch, witnesses)
    assert found.number is not None
    assert found.last is not None
    assert found.number <= number <= found.last
