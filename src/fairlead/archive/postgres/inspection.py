"""Reads the tables as an audit does: row by row as they are stored, and against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairlead.archive.frames import Frames
from fairlead.archive.model import DIMENSIONS, Stored
from fairlead.archive.positions import Bounds
from fairlead.archive.postgres.bodies import BODY_COLUMNS
from fairlead.archive.postgres.connection import Connection
from fairlead.archive.postgres.words import Words
from fairlead.archive.rollups import DAY, HOUR, TOTAL
from fairlead.errors import ArchiveUnusable

_VALUES = ", ".join(f"event.{dimension}" for dimension in DIMENSIONS)
# Whatever else was removed, a row is told.
_ROWS = f"""
SELECT coalesce(organization.uuid, ''), event.position, event.number, event.revision, event.superseded,
  event.fetched_at, event.tag, event.identity, {_VALUES}, {BODY_COLUMNS}
FROM event LEFT JOIN organization ON organization.id = event.organization
LEFT JOIN body ON body.position = event.position
LEFT JOIN content AS first ON first.id = body.first_content
LEFT JOIN content AS second ON second.id = body.second_content
WHERE event.number >= %s AND event.number < %s ORDER BY event.number LIMIT %s
"""
_HEAD = 8
_BODY = _HEAD + len(DIMENSIONS)
_DIFFERENT = """
SELECT 1 FROM ({counted}) AS counted FULL JOIN ({kept}) AS kept USING (organization, start, word)
WHERE coalesce(counted.number, 0) <> coalesce(kept.number, 0) LIMIT 1
"""
_COUNTED = """
SELECT organization, position - position % {grain} AS start, {word} AS word, count(*) AS number FROM event
WHERE NOT superseded GROUP BY 1, 2, 3
"""
_KEPT = """
SELECT organization, start, word, sum(count) AS number FROM rollup WHERE grain = {grain} AND dimension = {dimension}
GROUP BY 1, 2, 3
"""
_UNFOUND = """
SELECT count(*) FILTER (WHERE search.position IS NULL), count(*) FILTER (WHERE event.position IS NULL)
FROM event FULL JOIN search ON search.position = event.position
"""


class Inspection:
    """Inspects the tables of one connection, within the caller's transaction; for one thread at a time."""

    def __init__(self, connection: Connection, words: Words, frames: Frames) -> None:
        self._connection = connection
        self._words = words
        self._frames = frames

    def rows(self, bounds: Bounds, most: int) -> list[Stored]:
        """The first rows of the log by number, as they are stored."""
        rows = self._connection.execute(_ROWS, (*bounds, most), binary=True).fetchall()
        texts = self._words.texts_of({number for row in rows for number in row[_HEAD:_BODY]})
        found = []
        for row in rows:
            values = tuple(texts.get(number, f"(no word {number})") for number in row[_HEAD:_BODY])
            found.append(Stored._make((*row[:_HEAD], values, self._raw(row[_BODY:]))))
        return found

    def taken(self, bounds: Bounds) -> int:
        """How many events stand at positions within bounds."""
        row = self._connection.execute(
            "SELECT count(*) FROM event WHERE position >= %s AND position < %s", bounds
        ).fetchone()
        return int(row[0]) if row else 0

    def disagreements(self) -> tuple[str, ...]:
        """What contradicts the events, as the transaction's moment has it."""
        return (*self._strays(), *self._wrong_counts(), *self._wrong_words())

    def _raw(self, body: Sequence[object]) -> bytes | None:
        try:
            return self._frames.body(body)
        except ArchiveUnusable:
            return None

    def _strays(self) -> Iterator[str]:
        """Rows that the log does not lead to are found by searches all the same."""
        row = self._connection.execute("SELECT count(*), min(number), max(number) FROM event").fetchone()
        size, least, most = row or (0, None, None)
        if size and (least != 0 or most != size - 1):
            yield f"The {size:,} events are numbered from {least:,} to {most:,}."

    def _wrong_counts(self) -> Iterator[str]:
        """Hours, days and values that are not counted as often as events have them."""
        for grain, name in ((HOUR, "hour"), (DAY, "day")):
            if self._differs("0", grain, TOTAL):
                yield f"The numbers of events by {name} are not those of the events."
        for number, dimension in enumerate(DIMENSIONS, 1):
            if self._differs(dimension, DAY, number):
                yield f"The numbers of events by {dimension} are not those of the events."

    def _differs(self, word: str, grain: int, dimension: int) -> bool:
        counted = _COUNTED.format(grain=grain, word=word)
        statement = _DIFFERENT.format(counted=counted, kept=_KEPT.format(grain=grain, dimension=dimension))
        return self._connection.execute(statement).fetchone() is not None

    def _wrong_words(self) -> Iterator[str]:
        """Events without an entry in the index of words, and entries without an event."""
        row = self._connection.execute(_UNFOUND).fetchone()
        missing, stray = row or (0, 0)
        if missing:
            yield f"A search by words does not find {missing:,} of the events."
        if stray:
            yield f"The index of words has {stray:,} entries that no event has."
