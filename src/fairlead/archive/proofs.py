"""Proofs about the tree (RFC 6962, 2.1.1 and 2.1.2): that it holds an event, and that it only ever grew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TypeAlias

from fairlead.archive.merkle import (
    EMPTY_ROOT,
    TILE_HEIGHT,
    TILE_WIDTH,
    Frontier,
    TreeDamaged,
    folded,
    node_hash,
    parents,
)
from fairlead.errors import FairleadError

Hashes: TypeAlias = Callable[[int, int, int], Sequence[bytes]]
"""Answers (level, start, count) with the stored hashes of that level from index `start` on.

Level 0 is the leaves, 8, 16 … the tiles. At most 256 are asked for at once, and a proof asks for no more than
two such runs of a level. Fewer than `count` means that the rest is not stored.
"""

_Subtree: TypeAlias = Callable[[int, int], bytes]


class NoSuchProof(FairleadError):
    """A proof was asked for that cannot exist, such as one of an event that the tree does not hold."""


def inclusion_proof(number: int, size: int, hashes: Hashes) -> tuple[bytes, ...]:
    """The proof that event `number` is in the tree of the first `size` events."""
    if not 0 <= number < size:
        raise NoSuchProof(f"A tree of {size:,} events holds no event {number:,}.", remedy="Events count from 0.")
    return tuple(_path(0, number, size, _subtrees(size, hashes)))


def consistency_proof(first: int, size: int, hashes: Hashes) -> tuple[bytes, ...]:
    """The proof that the tree of the first `first` events is the beginning of that of the first `size` ones."""
    if not 0 <= first <= size:
        raise NoSuchProof(f"A tree of {size:,} events does not begin with one of {first:,}.")
    if first in {0, size}:
        return ()
    subtree = _subtrees(size, hashes)
    level = (first & -first).bit_length() - 1  # of the last complete subtree of the first tree
    index = (first >> level) - 1
    start = [subtree(level, index)] if index else []
    return (*start, *_path(level, index, size, subtree))


def frontier_at(size: int, hashes: Hashes) -> Frontier:
    """The frontier of the first `size` events, from stored hashes; `root` of it is what a checkpoint signs."""
    return Frontier(size, _edge(0, size, _subtrees(size, hashes)))


def verify_inclusion(proof: Sequence[bytes], *, leaf: bytes, number: int, size: int, root: bytes) -> bool:
    """Whether the proof shows that the leaf with this hash is number `number` in the tree of that size and root."""
    if not 0 <= number < size:
        return False
    place, last, whole = number, size - 1, leaf
    for sibling in proof:
        if not last:
            return False
        if place & 1 or place == last:
            whole = node_hash(sibling, whole)
            place, last = _promoted(place, last)
        else:
            whole = node_hash(whole, sibling)
        place, last = place >> 1, last >> 1
    return not last and whole == root


def verify_consistency(proof: Sequence[bytes], *, first: int, first_root: bytes, size: int, root: bytes) -> bool:
    """Whether the proof shows that the tree of `first` events is the beginning of that of `size` events."""
    if not 0 <= first <= size:
        return False
    if first in {0, size}:
        return not proof and first_root == (root if first else EMPTY_ROOT)
    nodes = list(proof) if first & (first - 1) else [first_root, *proof]
    return bool(nodes) and _consistent(nodes, first, size) == (first_root, root)


def _consistent(nodes: Sequence[bytes], first: int, size: int) -> tuple[bytes, bytes] | None:
    """The roots of both trees that a consistency proof leads to; None when it has too few or too many hashes."""
    place, last = first - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    older = newer = nodes[0]
    for sibling in nodes[1:]:
        if not last:
            return None
        if place & 1 or place == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            place, last = _promoted(place, last)
        else:
            newer = node_hash(newer, sibling)
        place, last = place >> 1, last >> 1
    return None if last else (older, newer)


def _promoted(place: int, last: int) -> tuple[int, int]:
    """A node without a right sibling goes up unchanged to where it is a right child."""
    while place and not place & 1:
        place, last = place >> 1, last >> 1
    return place, last


def _path(level: int, index: int, size: int, subtree: _Subtree) -> list[bytes]:
    """The siblings on the way from a node to the root."""
    path = []
    last = (size - 1) >> level
    while last:
        if index ^ 1 <= last:
            path.append(subtree(level, index ^ 1))
        level, index, last = level + 1, index >> 1, last >> 1
    return path


def _subtrees(size: int, hashes: Hashes) -> _Subtree:
    """How to find the root over the leaves from index · 2^level on: 2^level of them, or what a tree of `size` has."""

    @cache
    def run(level: int, number: int) -> Sequence[bytes]:
        start = number * TILE_WIDTH
        count = min(TILE_WIDTH, (size >> level) - start)
        found = hashes(level, start, count)
        if len(found) != count:
            raise TreeDamaged(
                f"The archive lacks hashes of level {level} from {start + len(found):,} on.",
                remedy="Verify the archive: it says which event is the first that is missing.",
            )
        return found

    def complete(level: int, index: int) -> bytes:
        height = level % TILE_HEIGHT
        start = index << height
        nodes = run(level - height, start // TILE_WIDTH)[start % TILE_WIDTH :][: 1 << height]
        for _ in range(height):
            nodes = parents(nodes)
        return nodes[0]

    def subtree(level: int, index: int) -> bytes:
        start, end = index << level, (index + 1) << level
        return complete(level, index) if end <= size else folded(_edge(start, size, complete))

    return subtree


def _edge(start: int, size: int, complete: _Subtree) -> tuple[bytes, ...]:
    """The complete subtrees from a subtree's first leaf to the tree's last, the largest first."""
    edge = []
    for level in reversed(range((size - start).bit_length())):
        if (size - start) >> level & 1:
            edge.append(complete(level, start >> level))
            start += 1 << level
    return tuple(edge)
