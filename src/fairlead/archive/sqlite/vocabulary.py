"""The words of the full-text index, by their beginning."""

from __future__ import annotations

import sqlite3

# Sorts behind a word and before every longer one: no word has it.
_NEXT = "\x01"


def beginning_with(connection: sqlite3.Connection, beginning: str, most: int) -> list[str] | None:
    """The words that begin so; None when there are more, or when the index may spell them otherwise.

    The index itself collects every event of every such word before it gives the first one; words one by one are
    merged only as far as they are read.
    """
    if not beginning.isascii():
        return None
    found: list[str] = []
    after = beginning
    while True:
        row = connection.execute("SELECT term FROM vocabulary WHERE term >= ? LIMIT 1", (after,)).fetchone()
        if row is None or not row[0].startswith(beginning):
            return found
        if len(found) == most:
            return None
        found.append(row[0])
        after = row[0] + _NEXT
