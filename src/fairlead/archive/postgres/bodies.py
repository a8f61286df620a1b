"""The bytes of events: compressed, and what many have in common stored once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from fairlead.archive.compression import LEARNING
from fairlead.archive.frames import Frames
from fairlead.archive.postgres.connection import Connection
from fairlead.archive.preparation import parts_of

BODY_COLUMNS = "body.envelope, body.first_at, first.frame, body.second_at, second.frame"
BODY_JOINS = """
JOIN body ON body.position = event.position
LEFT JOIN content AS first ON first.id = body.first_content
LEFT JOIN content AS second ON second.id = body.second_content
"""


class Bodies:
    """Writes the bytes of events; for one thread at a time. `frames` reads them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.frames = Frames(self._dictionaries)

    def write(self, bodies: Iterable[tuple[int, bytes]]) -> None:
        """Store the bytes of events by position; by whoever writes events."""
        parts = [(position, *parts_of(raw)) for position, raw in bodies]
        digests = {sha256(literal).digest(): literal for _, _, cuts in parts for _, literal in cuts}
        numbers = self._contents(digests)
        with self._connection.cursor().copy("COPY body FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "bytea", "int4", "int8", "int4", "int8"])
            for position, envelope, cuts in parts:
                places: list[int | None] = []
                for at, literal in cuts:
                    places += [at, numbers[sha256(literal).digest()]]
                places += [None] * (4 - len(places))
                copy.write_row((position, self.frames.compressed(envelope), *places))

    def learn(self) -> None:
        """Make a dictionary of the events there are, once there are enough; by whoever writes events."""
        if self.frames.has_learned:
            return
        rows = self._connection.execute(
            "SELECT envelope FROM body ORDER BY position DESC LIMIT %s", (LEARNING,), binary=True
        )
        found = self.frames.dictionary([row[0] for row in rows])
        if found is not None:
            self._connection.execute("INSERT INTO dictionary (data) VALUES (%s)", (found,))
            self.frames.again()

    def _contents(self, literals: Mapping[bytes, bytes]) -> dict[bytes, int]:
        """The numbers of contents by digest, stored now unless they are there already."""
        rows = self._connection.execute(
            "SELECT digest, id FROM content WHERE digest = ANY(%s)", (list(literals),), binary=True
        )
        found: dict[bytes, int] = dict(rows.fetchall())
        new = [digest for digest in literals if digest not in found]
        if not new:
            return found
        row = self._connection.execute("SELECT coalesce(max(id), 0) FROM content").fetchone()
        assert row is not None
        with self._connection.cursor().copy("COPY content FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int8", "bytea", "bytea"])
            for number, digest in enumerate(new, row[0] + 1):
                copy.write_row((number, digest, self.frames.compressed(literals[digest])))
                found[digest] = number
        return found

    def _dictionaries(self) -> list[bytes]:
        rows = self._connection.execute("SELECT data FROM dictionary ORDER BY id", binary=True)
        return [row[0] for row in rows]
