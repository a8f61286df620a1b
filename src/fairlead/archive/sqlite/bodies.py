"""The bytes of events: compressed, and what many have in common stored once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from fairlead.archive.compression import LEARNING, Codec, codec, learned
from fairlead.archive.preparation import parts_of, whole
from fairlead.archive.sqlite.damage import damaged, required

_READ = """
SELECT body.position, body.envelope, body.first_at, first.frame, body.second_at, second.frame FROM body
LEFT JOIN content AS first ON first.id = body.first_content
LEFT JOIN content AS second ON second.id = body.second_content
"""
BODY_COLUMNS = "body.envelope, body.first_at, first.frame, body.second_at, second.frame"
BODY_JOINS = """
JOIN body ON body.position = event.position
LEFT JOIN content AS first ON first.id = body.first_content
LEFT JOIN content AS second ON second.id = body.second_content
"""


class BodyRow(NamedTuple):
    """The row of an event's bytes: the envelope, and where in it which contents go."""

    position: int
    envelope: bytes
    first_at: int | None
    first_content: int | None
    second_at: int | None
    second_content: int | None


class Bodies:
    """Writes and reads the bytes of events; for one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._codec = self._read_codec()

    def row(self, position: int, raw: bytes) -> BodyRow:
        """An event's bytes as a row for `write`; what it has in common with others is stored now, in a transaction."""
        envelope, cuts = parts_of(raw)
        places: list[int | None] = []
        for at, literal in cuts:
            places += [at, self._content(literal)]
        first_at, first, second_at, second = (*places, None, None, None, None)[:4]
        return BodyRow(position, self._codec.compressed(envelope), first_at, first, second_at, second)

    def write(self, rows: Iterable[BodyRow]) -> None:
        """Store the bytes of events; within a transaction."""
        self._connection.executemany("INSERT INTO body VALUES (?, ?, ?, ?, ?, ?)", rows)

    def read(self, row: Sequence[object]) -> bytes:
        """The bytes of an event whose row has BODY_COLUMNS; raises ArchiveUnusable for damaged ones."""
        envelope, first_at, first, second_at, second = row
        cuts = []
        if first_at is not None:
            cuts.append((first_at, self._decompressed(first)))
        if second_at is not None:
            cuts.append((second_at, self._decompressed(second)))
        return whole(self._decompressed(envelope), tuple(cuts))  # type: ignore[arg-type]

    def at(self, position: int) -> bytes:
        """The bytes of the event at a position."""
        row = self._connection.execute(f"{_READ} WHERE body.position = ?", (position,)).fetchone()
        return self.read(required(row)[1:])

    def learn(self) -> None:
        """Make a dictionary of the events there are, once there are enough; within a transaction."""
        if len(self._codec.decompressors) > 1:
            return
        rows = self._connection.execute(f"{_READ} ORDER BY body.position DESC LIMIT ?", (LEARNING,))
        found = learned([self._decompressed(row[1]) for row in rows])
        if found is not None:
            self._connection.execute("INSERT INTO dictionary (data) VALUES (?)", (found,))
            self._codec = self._read_codec()

    def again(self) -> None:
        """Read the dictionaries again, because a transaction that made one was undone."""
        self._codec = self._read_codec()

    def _content(self, literal: bytes) -> int:
        """The number of a content, stored now unless it is there already."""
        fingerprint = int.from_bytes(sha256(literal).digest()[:8], "big", signed=True)
        rows = self._connection.execute("SELECT id, frame FROM content WHERE fingerprint = ?", (fingerprint,))
        for number, frame in rows:
            if self._decompressed(frame) == literal:
                return int(number)
        made = self._connection.execute(
            "INSERT INTO content (fingerprint, frame) VALUES (?, ?)", (fingerprint, self._codec.compressed(literal))
        ).lastrowid
        assert made is not None
        return made

    def _decompressed(self, frame: object) -> bytes:
        if not isinstance(frame, bytes):
            raise damaged()
        try:
            return self._codec.decompressed(frame)
        except ValueError:
            self._codec = self._read_codec()  # Another process may have learned.
        try:
            return self._codec.decompressed(frame)
        except ValueError as failure:
            raise damaged() from failure

    def _read_codec(self) -> Codec:
        rows: Iterable[tuple[bytes]] = self._connection.execute("SELECT data FROM dictionary ORDER BY id")
        return codec([data for (data,) in rows])
