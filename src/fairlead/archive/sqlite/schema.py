"""The tables of the archive in SQLite, as numbered migrations; `PRAGMA user_version` says which one a file is at."""

from __future__ import annotations

import sqlite3

from fairlead.errors import ArchiveUnusable

_FIRST = """
CREATE TABLE property (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE organization (
  id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, retention_days REAL, tail_read_at INTEGER, deep_read_at INTEGER
);
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE kind (
  id INTEGER PRIMARY KEY, organization INTEGER NOT NULL, event_type INTEGER NOT NULL, target_type INTEGER NOT NULL,
  sub_target_type INTEGER NOT NULL, origin INTEGER NOT NULL, triggered_by INTEGER NOT NULL,
  UNIQUE (organization, event_type, target_type, sub_target_type, origin, triggered_by)
);
CREATE TABLE dictionary (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE event (
  position INTEGER PRIMARY KEY, number INTEGER NOT NULL, organization INTEGER NOT NULL, identity INTEGER NOT NULL,
  tag BLOB NOT NULL, revision INTEGER NOT NULL, superseded INTEGER NOT NULL DEFAULT 0, fetched_at INTEGER NOT NULL,
  event_type INTEGER NOT NULL, target_type INTEGER NOT NULL, sub_target_type INTEGER NOT NULL, origin INTEGER NOT NULL,
  triggered_by INTEGER NOT NULL, target_id INTEGER NOT NULL, project_id INTEGER NOT NULL,
  environment_id INTEGER NOT NULL
);
CREATE UNIQUE INDEX event_number ON event (number);
CREATE INDEX event_identity ON event (identity);
CREATE INDEX event_organization ON event (organization, position);
CREATE TABLE body (
  position INTEGER PRIMARY KEY, envelope BLOB NOT NULL,
  first_at INTEGER, first_content INTEGER, second_at INTEGER, second_content INTEGER
);
CREATE TABLE content (id INTEGER PRIMARY KEY, fingerprint INTEGER NOT NULL, frame BLOB NOT NULL);
CREATE INDEX content_fingerprint ON content (fingerprint);
CREATE VIRTUAL TABLE search USING fts5 (facets, text, content='', columnsize=0, detail='column');
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (search, 'instance');
CREATE TABLE rollup (
  organization INTEGER NOT NULL, grain INTEGER NOT NULL, dimension INTEGER NOT NULL, start INTEGER NOT NULL,
  word INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (organization, grain, dimension, start, word)
) WITHOUT ROWID;
CREATE TABLE coverage (
  organization INTEGER NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, PRIMARY KEY (organization, start)
) WITHOUT ROWID;
CREATE TABLE gap (
  id INTEGER PRIMARY KEY, organization INTEGER NOT NULL, start INTEGER, "end" INTEGER NOT NULL, reason TEXT NOT NULL,
  found_at INTEGER NOT NULL
);
CREATE TABLE leaf (chunk INTEGER PRIMARY KEY, hashes BLOB NOT NULL);
CREATE TABLE tile (level INTEGER NOT NULL, place INTEGER NOT NULL, hash BLOB NOT NULL, PRIMARY KEY (level, place))
  WITHOUT ROWID;
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE lease (organization TEXT PRIMARY KEY, holder TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)
"""What takes an archive from each version to the next; never edited once released."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring an archive to the newest version, each step in a transaction of its own.

    Raises ArchiveUnusable for one that a newer Fairlead made.
    """
    version = version_of(connection)
    if version == 0:
        refuse_foreign(connection)
    if version > len(MIGRATIONS):
        raise ArchiveUnusable(
            f"The archive is at version {version}; this Fairlead knows {len(MIGRATIONS)} at most.",
            remedy="Use the Fairlead that wrote it, or a newer one.",
        )
    while version < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been faster.
            version = version_of(connection)
            if version < len(MIGRATIONS):
                for statement in statements(MIGRATIONS[version]):
                    connection.execute(statement)
                version += 1
                connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise


def refuse_foreign(connection: sqlite3.Connection) -> None:
    """Raise ArchiveUnusable for another program's database: it has tables, and no version of ours."""
    # In this order: another process makes tables and version in one transaction.
    if connection.execute("SELECT 1 FROM sqlite_master").fetchone() and version_of(connection) == 0:
        raise ArchiveUnusable("The file is a database, and no archive.", remedy="Name another file with `--archive`.")


def version_of(connection: sqlite3.Connection) -> int:
    """The version an archive is at; 0 for an empty file."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def statements(script: str) -> list[str]:
    """The statements of a script; `executescript` would commit by itself."""
    return [statement for statement in script.split(";\n") if statement.strip()]
