"""A tree of leaves as a store keeps it: leaf hashes, tiles, and an answer for whoever proves something."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from fairlead.archive.merkle import EMPTY, Frontier, extended, leaf_hash


@dataclass
class KeptTree:
    """Grows by batches; `asked` remembers what `hashes` was asked for."""

    frontier: Frontier = EMPTY
    leaves: list[bytes] = field(default_factory=list)
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    asked: list[tuple[int, int, int]] = field(default_factory=list)

    def add(self, leaf_hashes: Sequence[bytes]) -> None:
        self.frontier, tiles = extended(self.frontier, leaf_hashes)
        self.leaves.extend(leaf_hashes)
        self.tiles.update({(tile.level, tile.number): tile.hash for tile in tiles})

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        self.asked.append((level, start, count))
        if level == 0:
            return self.leaves[start : start + count]
        numbers = range(start, start + count)
        return [self.tiles[level, number] for number in numbers if (level, number) in self.tiles]


def kept(leaf_hashes: Iterable[bytes]) -> KeptTree:
    """A tree of these leaves."""
    tree = KeptTree()
    tree.add(list(leaf_hashes))
    return tree


def some_leaves(count: int) -> list[bytes]:
    """Leaf hashes that are all different."""
    return [leaf_hash(b"%d" % number) for number in range(count)]


def naive_root(leaf_hashes: Sequence[bytes]) -> bytes:
    """The tree hash as RFC 6962, 2.1, defines it, word by word."""
    if not leaf_hashes:
        return sha256().digest()
    if len(leaf_hashes) == 1:
        return leaf_hashes[0]
    split = 1
    while split * 2 < len(leaf_hashes):
        split *= 2
    return sha256(b"\x01" + naive_root(leaf_hashes[:split]) + naive_root(leaf_hashes[split:])).digest()
