"""The Merkle tree of RFC 6962 over the archive's events: its hashes, and what must be kept of a tree to extend it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Self

from fairlead.errors import FairleadError

HASH_SIZE = 32
TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
EMPTY_ROOT = sha256(b"").digest()

_SIZE_BYTES = 8


class TreeDamaged(FairleadError):
    """What the archive keeps of its tree cannot be used."""


class Tile(NamedTuple):
    """The hash over the complete run of 2^level leaves from leaf `number` · 2^level on; levels are 8, 16, 24 …"""

    level: int
    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """A tree's size and the roots of the complete subtrees it consists of, the largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def to_bytes(self) -> bytes:
        """The size in 8 bytes, big-endian, and the hashes."""
        return self.size.to_bytes(_SIZE_BYTES) + b"".join(self.hashes)

    @classmethod
    def from_bytes(cls, kept: bytes) -> Self:
        """Read what `to_bytes` wrote; anything else is TreeDamaged."""
        size = int.from_bytes(kept[:_SIZE_BYTES])
        if len(kept) != _SIZE_BYTES + size.bit_count() * HASH_SIZE:
            raise TreeDamaged(
                "What the archive keeps of its tree's right edge is damaged.",
                remedy="Verify the archive; the edge can be made again from the leaf hashes stored with the events.",
                detail=f"{len(kept)} bytes, size {size}",
            )
        starts = range(_SIZE_BYTES, len(kept), HASH_SIZE)
        return cls(size, tuple(kept[start : start + HASH_SIZE] for start in starts))


EMPTY = Frontier()
"""The frontier of a tree without leaves."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over its two children."""
    return sha256(b"\x01" + left + right).digest()


def parents(nodes: Sequence[bytes]) -> list[bytes]:
    """The nodes one level above an even number of neighbours."""
    pairs = iter(nodes)
    # Not `node_hash`: the call would cost a fifth of the whole.
    return [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]


def folded(subtrees: Sequence[bytes]) -> bytes:
    """The root over complete subtrees, the largest first."""
    if not subtrees:
        return EMPTY_ROOT
    whole = subtrees[-1]
    for subtree in reversed(subtrees[:-1]):
        whole = node_hash(subtree, whole)
    return whole


def root(frontier: Frontier) -> bytes:
    """The root of the tree."""
    return folded(frontier.hashes)


def extended(frontier: Frontier, leaf_hashes: Sequence[bytes]) -> tuple[Frontier, tuple[Tile, ...]]:
    """The frontier after these leaves, and the tiles they completed, by level and number."""
    older = list(frontier.hashes)
    newer: list[bytes] = []
    tiles: list[Tile] = []
    nodes, level = list(leaf_hashes), 0
    while nodes:
        first = frontier.size >> level
        if level and level % TILE_HEIGHT == 0:
            tiles.extend(Tile(level, number, node) for number, node in enumerate(nodes, first))
        if first & 1:  # the left sibling waits in the frontier
            nodes.insert(0, older.pop())
        if len(nodes) & 1:
            newer.append(nodes.pop())
        nodes = parents(nodes)
        level += 1
    return Frontier(frontier.size + len(leaf_hashes), (*older, *reversed(newer))), tuple(tiles)
