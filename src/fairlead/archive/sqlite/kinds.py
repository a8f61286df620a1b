"""The combinations of values that events have in the fields with few values, each as one number.

There are thousands of these among millions of events, so that what fits a combination of conditions, and whether
anything does, is found here before any event is looked at.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from fairlead.archive.model import DIMENSIONS, Dimension

KIND: tuple[Dimension, ...] = DIMENSIONS[:5]
"""The fields that make the kind of an event: all but those that name one of many things."""

_MOST_REMEMBERED = 100_000
_MAKE = f"INSERT INTO kind (organization, {', '.join(KIND)}) VALUES (?, ?, ?, ?, ?, ?)"
_FIND = f"SELECT id FROM kind WHERE organization = ? AND {' AND '.join(f'{each} = ?' for each in KIND)}"


class Kinds:
    """The numbers of kinds, remembered per connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._numbers: dict[tuple[int, ...], int] = {}

    def number_for(self, organization: int, words: Sequence[int]) -> int:
        """The number of the kind of an event whose values have these numbers, made when it is new; in a transaction."""
        values = (organization, *words[: len(KIND)])
        known = self._numbers.get(values)
        if known is not None:
            return known
        row = self._connection.execute(_FIND, values).fetchone()
        number: int | None = row[0] if row else self._connection.execute(_MAKE, values).lastrowid
        assert number is not None
        if len(self._numbers) >= _MOST_REMEMBERED:
            self.forget()
        self._numbers[values] = number
        return number

    def fitting(self, organization: int, conditions: Sequence[tuple[str, Sequence[int]]], most: int) -> list[int]:
        """Kinds that fit all conditions, as many as asked for; each is `column IN` or `column NOT IN`, and words."""
        wanted = "".join(f" AND {column} ({', '.join('?' * len(words))})" for column, words in conditions)
        values = [word for _, words in conditions for word in words]
        rows = self._connection.execute(
            f"SELECT id FROM kind WHERE organization = ?{wanted} LIMIT ?", (organization, *values, most)
        )
        return [row[0] for row in rows]

    def forget(self) -> None:
        """Forget all, because a transaction that made some was undone."""
        self._numbers.clear()
