"""Leaf hashes as they are stored: a tile's width of them in one chunk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from fairlead.archive.merkle import HASH_SIZE, TILE_WIDTH

_WIDTH = TILE_WIDTH * HASH_SIZE


class Chunk(NamedTuple):
    """Leaf hashes, one behind the other, from leaf `number` · TILE_WIDTH on."""

    number: int
    hashes: bytes


def open_chunk(size: int) -> int | None:
    """The number of the last chunk of so many leaves if it has room; None when the next leaf begins a new one."""
    return size // TILE_WIDTH if size % TILE_WIDTH else None


def chunks_of(size: int, kept: bytes, hashes: Sequence[bytes]) -> list[Chunk]:
    """The chunks to write when hashes come behind so many leaves; `kept` is what the open chunk has."""
    data, first = kept + b"".join(hashes), size // TILE_WIDTH
    return [Chunk(first + at // _WIDTH, data[at : at + _WIDTH]) for at in range(0, len(data), _WIDTH)]


def chunk_numbers(start: int, count: int) -> range:
    """The chunks that hold so many leaves from a number on."""
    return range(start // TILE_WIDTH, (start + count - 1) // TILE_WIDTH + 1)


def hashes_within(chunks: Iterable[bytes], start: int, count: int) -> list[bytes]:
    """The hashes of leaves, from the chunks of `chunk_numbers`."""
    offset = start % TILE_WIDTH * HASH_SIZE
    part = b"".join(chunks)[offset : offset + count * HASH_SIZE]
    return [part[at : at + HASH_SIZE] for at in range(0, len(part), HASH_SIZE)]
