"""An archive that an earlier version made is brought up to date, and what it holds stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from archive_stores import T, keep, lease, names, opened, raw
from fairlead.archive.postgres import schema as postgres_schema
from fairlead.archive.sqlite import schema as sqlite_schema
from fairlead.archive.store import Archive
from fairlead.errors import ArchiveUnusable
from postgres_server import Server

pytest_plugins = ("archive_fixtures",)

# The scripts as they were released; a migration that is added gets a copy beside them.
FROZEN = Path(__file__).parent / "archive_versions"
_SHAPE = """
SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
WHERE table_schema = 'fairlead' UNION ALL
SELECT tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'fairlead' ORDER BY 1, 2
"""


def _scripts(store: str, upto: int) -> list[str]:
    return [(FROZEN / f"{store}-{number}.sql").read_text() for number in range(1, upto + 1)]


@pytest.mark.parametrize(
    ("store", "migrations"), [("sqlite", sqlite_schema.MIGRATIONS), ("postgres", postgres_schema.MIGRATIONS)]
)
def test_a_migration_that_was_released_never_changes(store: str, migrations: tuple[str, ...]) -> None:
    """Whoever edits one leaves the archives that it made behind."""
    assert list(migrations) == _scripts(store, len(migrations))


@pytest.mark.parametrize("version", range(1, len(sqlite_schema.MIGRATIONS) + 1))
def test_a_file_of_every_earlier_version_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    """It ends with the tables of a new one, and with the rows it had."""
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    with closing(sqlite3.connect(old)) as connection:
        for script in _scripts("sqlite", version):
            connection.executescript(script)
        connection.execute("INSERT INTO property VALUES ('key', x'01')")
        connection.execute(f"PRAGMA user_version = {version}")
        connection.commit()
    for place in (old, new):
        with closing(opened(str(place))) as archive:
            _assert_usable(archive, had=b"\1" if place == old else None)
    shapes = []
    for place in (old, new):
        with closing(sqlite3.connect(place)) as connection:
            shapes.append(sorted(connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema")))
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("version", range(1, len(postgres_schema.MIGRATIONS) + 1))
def test_a_database_of_every_earlier_version_is_brought_up_to_date(postgres: Server, version: int) -> None:
    """The same for a server's."""
    database = postgres.emptied("versions")
    with psycopg.connect(postgres.url(database)) as connection:
        connection.execute("CREATE SCHEMA fairlead; SET search_path = fairlead")
        connection.execute(
            "CREATE TABLE migration (number integer PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT now())"
        )
        for number, script in enumerate(_scripts("postgres", version), 1):
            connection.execute(script.encode())
            connection.execute("INSERT INTO migration (number) VALUES (%s)", (number,))
        connection.execute("INSERT INTO property VALUES ('key', %s)", (b"\1",))
    shapes = []
    for had in (b"\1", None):
        with closing(opened(postgres.url(database))) as archive:
            _assert_usable(archive, had=had)
        with psycopg.connect(postgres.url(database)) as connection:
            shapes.append(connection.execute(_SHAPE).fetchall())
        postgres.emptied(database)
    assert shapes[0] == shapes[1]
    assert len(shapes[0]) > 80


def test_an_archive_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    """An older Fairlead would write what the newer one does not expect; of a server, see test_archive_postgres.py."""
    with closing(sqlite3.connect(tmp_path / "newer.db")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with closing(opened(str(tmp_path / "newer.db"))) as archive, pytest.raises(ArchiveUnusable, match="version 99"):
        lease(archive)


def _assert_usable(archive: Archive, had: bytes | None) -> None:
    lease(archive)
    assert archive.property("key") == had
    assert keep(archive, raw("a", T, target_name="nginx")).new == 1
    assert names(archive, text="nginx") == ["a"]
