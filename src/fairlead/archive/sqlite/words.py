"""The values of fields as small numbers, which indexes and counts are made of; 0 stands for no value."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from fairlead.archive.damage import required
from fairlead.archive.text import storable

_MOST_REMEMBERED = 200_000


class Words:
    """The numbers of words, remembered per connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._numbers: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def number_of(self, text: str | None) -> int | None:
        """The number of a word that was met before; None for one that was not."""
        if text is None:
            return 0
        known = self._numbers.get(text)
        if known is not None:
            return known
        if not storable(text):
            return None
        row = self._connection.execute("SELECT id FROM word WHERE text = ?", (text,)).fetchone()
        return None if row is None else self._remember(row[0], text)

    def numbers_for(self, texts: Iterable[str | None]) -> tuple[int, ...]:
        """The numbers of words in their order, those of new ones made; within a transaction."""
        numbers = self._numbers
        return tuple([0 if text is None else numbers.get(text) or self._number_for(text) for text in texts])

    def text_of(self, number: int) -> str | None:
        """The word of a number."""
        if number == 0:
            return None
        if number not in self._texts:
            row = self._connection.execute("SELECT text FROM word WHERE id = ?", (number,)).fetchone()
            self._remember(number, required(row)[0])
        return self._texts[number]

    def texts_of(self, numbers: Iterable[int]) -> dict[int, str | None]:
        """The words of numbers."""
        return {number: self.text_of(number) for number in numbers}

    def forget(self) -> None:
        """Forget all, because a transaction that made some was undone."""
        self._numbers.clear()
        self._texts.clear()

    def _number_for(self, text: str) -> int:
        number = self.number_of(text)
        if number is None:
            number = self._connection.execute("INSERT INTO word (text) VALUES (?)", (text,)).lastrowid
            assert number is not None
            self._remember(number, text)
        return number

    def _remember(self, number: int, text: str) -> int:
        if len(self._numbers) >= _MOST_REMEMBERED:
            self.forget()
        self._numbers[text] = number
        self._texts[number] = text
        return number
