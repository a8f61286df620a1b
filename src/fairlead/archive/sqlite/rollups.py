"""The counts beside the events, as a table."""

from __future__ import annotations

import sqlite3

from fairlead.archive.rollups import Cells, changed


def write(connection: sqlite3.Connection, organization: int, counts: Cells) -> None:
    """Add counts to those of the archive; within a transaction."""
    connection.executemany(
        "INSERT INTO rollup VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count",
        [(organization, *cell, number) for cell, number in changed(counts)],
    )
