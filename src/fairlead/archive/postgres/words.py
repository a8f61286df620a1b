"""The values of fields as small numbers, which indexes and counts are made of; 0 stands for no value."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from fairlead.archive.postgres.connection import Connection
from fairlead.archive.text import storable

_MOST_REMEMBERED = 200_000


class Words:
    """The numbers of words, remembered per connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def numbers_of(self, texts: Iterable[str | None]) -> dict[str | None, int]:
        """The numbers of those words that were met before."""
        found: dict[str | None, int] = {None: 0}
        unknown: dict[bytes, str] = {}
        for text in texts:
            if text is None or text in found:
                continue
            number = self._numbers.get(text)
            if number is not None:
                found[text] = number
            elif storable(text):
                unknown[_digest(text)] = text
        if unknown:
            rows = self._connection.execute(
                "SELECT digest, id FROM word WHERE digest = ANY(%s)", (list(unknown),), binary=True
            )
            for digest, number in rows:
                found[unknown[digest]] = self._remember(number, unknown[digest])
        return found

    def made_numbers_of(self, texts: Iterable[str | None]) -> dict[str | None, int]:
        """The numbers of words, those of new ones made in their order; by whoever writes events."""
        wanted = list(dict.fromkeys(texts))
        found = self.numbers_of(wanted)
        new = [text for text in wanted if text is not None and text not in found]
        if not new:
            return found
        row = self._connection.execute("SELECT coalesce(max(id), 0) FROM word").fetchone()
        assert row is not None
        with self._connection.cursor().copy("COPY word (id, digest, value) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["int4", "bytea", "bytea"])
            for number, text in enumerate(new, row[0] + 1):
                copy.write_row((number, _digest(text), text.encode()))
                found[text] = self._remember(number, text)
        return found

    def texts_of(self, numbers: Iterable[int]) -> dict[int, str | None]:
        """The words of numbers."""
        found: dict[int, str | None] = {0: None}
        unknown = []
        for number in numbers:
            if number in self._texts:
                found[number] = self._texts[number]
            elif number:
                unknown.append(number)
        if unknown:
            rows = self._connection.execute("SELECT id, value FROM word WHERE id = ANY(%s)", (unknown,), binary=True)
            for number, value in rows:
                # Who changed the table may have left anything there; an audit tells it.
                text = value.decode(errors="backslashreplace")
                found[number] = text
                self._remember(number, text)
        return found

    def forget(self) -> None:
        """Forget all, because a transaction that made some was undone."""
        self._numbers.clear()
        self._texts.clear()

    def _remember(self, number: int, text: str) -> int:
        if len(self._numbers) >= _MOST_REMEMBERED:
            self.forget()
        self._numbers[text] = number
        self._texts[number] = text
        return number


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()
