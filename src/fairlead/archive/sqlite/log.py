"""The log of all events in the order they were kept: its leaves, its tiles and its signed checkpoints."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from fairlead.archive.damage import required
from fairlead.archive.leaf_chunks import chunk_numbers, chunks_of, hashes_within, open_chunk
from fairlead.archive.merkle import Frontier, extended, leaf_hash


class Log:
    """The log over one connection; writing is within the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def frontier(self) -> Frontier:
        """The right edge of the tree, and thereby its size and root."""
        row = self._connection.execute("SELECT value FROM property WHERE name = 'frontier'").fetchone()
        return Frontier() if row is None else Frontier.from_bytes(row[0])

    def extend(self, frontier: Frontier, leaves: Sequence[bytes]) -> None:
        """Add leaves, given as their data."""
        if not leaves:
            return
        hashes = [leaf_hash(data) for data in leaves]
        after, tiles = extended(frontier, hashes)
        self._write_hashes(frontier.size, hashes)
        self._connection.executemany("INSERT INTO tile VALUES (?, ?, ?)", tiles)
        self._connection.execute("INSERT OR REPLACE INTO property VALUES ('frontier', ?)", (after.to_bytes(),))

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Hashes of leaves (level 0) or of tiles (8, 16 …), as many of these as there are."""
        if level:
            rows = self._connection.execute(
                "SELECT hash FROM tile WHERE level = ? AND place >= ? AND place < ? ORDER BY place",
                (level, start, start + count),
            )
            return [row[0] for row in rows]
        chunks = chunk_numbers(start, count)
        rows = self._connection.execute(
            "SELECT hashes FROM leaf WHERE chunk >= ? AND chunk < ? ORDER BY chunk", (chunks.start, chunks.stop)
        )
        return hashes_within([row[0] for row in rows], start, count)

    def checkpoints(self) -> list[str]:
        """The signed checkpoints, by size."""
        return [row[0] for row in self._connection.execute("SELECT text FROM checkpoint ORDER BY size")]

    def newest_checkpoint(self) -> tuple[int, str] | None:
        """The size and text of the newest signed checkpoint."""
        row: tuple[int, str] | None = self._connection.execute(
            "SELECT size, text FROM checkpoint ORDER BY size DESC LIMIT 1"
        ).fetchone()
        return row

    def add_checkpoint(self, size: int, text: str) -> None:
        """Keep a signed checkpoint, in place of one of the same size."""
        self._connection.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, ?)", (size, text))

    def _write_hashes(self, size: int, hashes: Sequence[bytes]) -> None:
        chunk, kept = open_chunk(size), b""
        if chunk is not None:
            row = self._connection.execute("SELECT hashes FROM leaf WHERE chunk = ?", (chunk,)).fetchone()
            kept = required(row)[0]
        self._connection.executemany("INSERT OR REPLACE INTO leaf VALUES (?, ?)", chunks_of(size, kept, hashes))
