"""The log of all events in the order they were kept: its leaves, its tiles and its signed checkpoints."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.archive.damage import required
from fairlead.archive.leaf_chunks import chunk_numbers, chunks_of, hashes_within, open_chunk
from fairlead.archive.merkle import Frontier, extended, leaf_hash
from fairlead.archive.postgres.connection import Connection


class Log:
    """The log over one connection; writing is within the caller's transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def frontier(self) -> Frontier:
        """The right edge of the tree, and thereby its size and root."""
        return self._edge("SELECT frontier FROM edge")

    def locked_frontier(self) -> Frontier:
        """The right edge of the tree, which is the caller's alone until the transaction ends."""
        return self._edge("SELECT frontier FROM edge FOR UPDATE")

    def extend(self, frontier: Frontier, leaves: Sequence[bytes]) -> None:
        """Add leaves, given as their data, behind the locked frontier."""
        if not leaves:
            return
        hashes = [leaf_hash(data) for data in leaves]
        after, tiles = extended(frontier, hashes)
        self._write_hashes(frontier.size, hashes)
        cursor = self._connection.cursor()
        cursor.executemany("INSERT INTO tile VALUES (%s, %s, %s)", tiles)
        cursor.execute("UPDATE edge SET frontier = %s", (after.to_bytes(),))

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Hashes of leaves (level 0) or of tiles (8, 16 …), as many of these as there are."""
        if level:
            rows = self._connection.execute(
                "SELECT hash FROM tile WHERE level = %s AND place >= %s AND place < %s ORDER BY place",
                (level, start, start + count),
                binary=True,
            )
            return [row[0] for row in rows]
        chunks = chunk_numbers(start, count)
        rows = self._connection.execute(
            "SELECT hashes FROM leaf WHERE chunk >= %s AND chunk < %s ORDER BY chunk",
            (chunks.start, chunks.stop),
            binary=True,
        )
        return hashes_within([row[0] for row in rows], start, count)

    def checkpoints(self) -> list[str]:
        """The signed checkpoints, by size."""
        return [row[0] for row in self._connection.execute("SELECT text FROM checkpoint ORDER BY size")]

    def add_checkpoint(self, size: int, text: str) -> None:
        """Keep a signed checkpoint, in place of one of the same size."""
        self._connection.execute(
            "INSERT INTO checkpoint VALUES (%s, %s) ON CONFLICT (size) DO UPDATE SET text = excluded.text",
            (size, text),
        )

    def _edge(self, statement: str) -> Frontier:
        row = self._connection.execute(statement, binary=True).fetchone()
        return Frontier() if row is None else Frontier.from_bytes(row[0])

    def _write_hashes(self, size: int, hashes: Sequence[bytes]) -> None:
        chunk, kept = open_chunk(size), b""
        if chunk is not None:
            row = self._connection.execute("SELECT hashes FROM leaf WHERE chunk = %s", (chunk,), binary=True).fetchone()
            kept = required(row)[0]
        self._connection.cursor().executemany(
            "INSERT INTO leaf VALUES (%s, %s) ON CONFLICT (chunk) DO UPDATE SET hashes = excluded.hashes",
            chunks_of(size, kept, hashes),
        )
