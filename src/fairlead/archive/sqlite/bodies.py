"""The bytes of events: compressed, and what many have in common stored once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from fairlead.archive.compression import LEARNING
from fairlead.archive.damage import required
from fairlead.archive.frames import Frames
from fairlead.archive.preparation import parts_of

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
        self._frames = Frames(self._dictionaries)

    def row(self, position: int, raw: bytes) -> BodyRow:
        """An event's bytes as a row for `write`; what it has in common with others is stored now, in a transaction."""
        envelope, cuts = parts_of(raw)
        places: list[int | None] = []
        for at, literal in cuts:
            places += [at, self._content(literal)]
        first_at, first, second_at, second = (*places, None, None, None, None)[:4]
        return BodyRow(position, self._frames.compressed(envelope), first_at, first, second_at, second)

    def write(self, rows: Iterable[BodyRow]) -> None:
        """Store the bytes of events; within a transaction."""
        self._connection.executemany("INSERT INTO body VALUES (?, ?, ?, ?, ?, ?)", rows)

    def read(self, row: Sequence[object]) -> bytes:
        """The bytes of an event whose row has BODY_COLUMNS; raises ArchiveUnusable for damaged ones."""
        return self._frames.body(row)

    def at(self, position: int) -> bytes:
        """The bytes of the event at a position."""
        row = self._connection.execute(f"{_READ} WHERE body.position = ?", (position,)).fetchone()
        return self.read(required(row)[1:])

    def learn(self) -> None:
        """Make a dictionary of the events there are, once there are enough; within a transaction."""
        if self._frames.has_learned:
            return
        rows = self._connection.execute(f"{_READ} ORDER BY body.position DESC LIMIT ?", (LEARNING,))
        found = self._frames.dictionary([row[1] for row in rows])
        if found is not None:
            self._connection.execute("INSERT INTO dictionary (data) VALUES (?)", (found,))
            self._frames.again()

    def again(self) -> None:
        """Read the dictionaries again, because a transaction that made one was undone."""
        self._frames.again()

    def _content(self, literal: bytes) -> int:
        """The number of a content, stored now unless it is there already."""
        fingerprint = int.from_bytes(sha256(literal).digest()[:8], "big", signed=True)
        rows = self._connection.execute("SELECT id, frame FROM content WHERE fingerprint = ?", (fingerprint,))
        for number, frame in rows:
            if self._frames.decompressed(frame) == literal:
                return int(number)
        made = self._connection.execute(
            "INSERT INTO content (fingerprint, frame) VALUES (?, ?)", (fingerprint, self._frames.compressed(literal))
        ).lastrowid
        assert made is not None
        return made

    def _dictionaries(self) -> list[bytes]:
        return [data for (data,) in self._connection.execute("SELECT data FROM dictionary ORDER BY id")]
