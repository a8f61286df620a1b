"""The tables of the archive in PostgreSQL, as numbered migrations; the table `migration` says which were made."""

from __future__ import annotations

import psycopg
from psycopg.rows import TupleRow

from fairlead.errors import ArchiveUnusable

SCHEMA = "fairlead"
"""Where the tables are; a database has one archive."""

_FIRST = """
CREATE TABLE property (name text PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE organization (
  id integer PRIMARY KEY, uuid text NOT NULL UNIQUE, retention_days double precision, tail_read_at bigint,
  deep_read_at bigint
);
-- Values are bytes, because text cannot hold a NUL, and are found by a digest, because an index cannot hold long ones.
CREATE TABLE word (id integer PRIMARY KEY, digest bytea NOT NULL UNIQUE, value bytea NOT NULL);
CREATE TABLE dictionary (id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, data bytea NOT NULL);
CREATE TABLE event (
  position bigint PRIMARY KEY, number bigint NOT NULL UNIQUE, organization integer NOT NULL, identity bigint NOT NULL,
  tag bytea NOT NULL, revision integer NOT NULL, superseded boolean NOT NULL DEFAULT false, fetched_at bigint NOT NULL,
  event_type integer NOT NULL, target_type integer NOT NULL, sub_target_type integer NOT NULL, origin integer NOT NULL,
  triggered_by integer NOT NULL, target_id integer NOT NULL, project_id integer NOT NULL,
  environment_id integer NOT NULL
);
CREATE INDEX event_identity ON event (identity);
CREATE INDEX event_organization ON event (organization, position);
CREATE INDEX event_event_type ON event (organization, event_type, position) WHERE NOT superseded;
CREATE INDEX event_target_type ON event (organization, target_type, position) WHERE NOT superseded;
CREATE INDEX event_sub_target_type ON event (organization, sub_target_type, position) WHERE NOT superseded;
CREATE INDEX event_origin ON event (organization, origin, position) WHERE NOT superseded;
CREATE INDEX event_triggered_by ON event (organization, triggered_by, position) WHERE NOT superseded;
CREATE INDEX event_target_id ON event (organization, target_id, position) WHERE NOT superseded;
CREATE INDEX event_project_id ON event (organization, project_id, position) WHERE NOT superseded;
CREATE INDEX event_environment_id ON event (organization, environment_id, position) WHERE NOT superseded;
CREATE TABLE body (
  position bigint PRIMARY KEY, envelope bytea NOT NULL, first_at integer, first_content bigint, second_at integer,
  second_content bigint
);
CREATE TABLE content (id bigint PRIMARY KEY, digest bytea NOT NULL UNIQUE, frame bytea NOT NULL);
-- What is compressed already is not tried again.
ALTER TABLE body ALTER envelope SET STORAGE EXTERNAL;
ALTER TABLE content ALTER frame SET STORAGE EXTERNAL;
CREATE TABLE search (position bigint PRIMARY KEY, words tsvector NOT NULL);
CREATE INDEX search_words ON search USING gin (words);
CREATE TABLE rollup (
  organization integer NOT NULL, grain bigint NOT NULL, dimension integer NOT NULL, start bigint NOT NULL,
  word integer NOT NULL, count bigint NOT NULL, PRIMARY KEY (organization, grain, dimension, start, word)
) WITH (fillfactor = 80);
CREATE TABLE coverage (
  organization integer NOT NULL, start bigint NOT NULL, "end" bigint NOT NULL, PRIMARY KEY (organization, start)
);
CREATE TABLE gap (
  id integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY, organization integer NOT NULL, start bigint,
  "end" bigint NOT NULL, reason text NOT NULL, found_at bigint NOT NULL
);
CREATE TABLE leaf (chunk bigint PRIMARY KEY, hashes bytea NOT NULL);
CREATE TABLE tile (level integer NOT NULL, place bigint NOT NULL, hash bytea NOT NULL, PRIMARY KEY (level, place));
-- One row: whoever writes events locks it, and so the log has no holes.
CREATE TABLE edge (only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one), frontier bytea NOT NULL);
INSERT INTO edge (frontier) VALUES ('\\x0000000000000000');
CREATE TABLE checkpoint (size bigint PRIMARY KEY, text text NOT NULL);
CREATE TABLE lease (organization text PRIMARY KEY, holder text NOT NULL, until bigint NOT NULL);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST,)
"""What takes an archive from each version to the next; never edited once released."""

# Any number will do, if everybody takes the same.
_MIGRATING = 0x66616972


def migrate(connection: psycopg.Connection[TupleRow]) -> None:
    """Bring an archive to the newest version, each step in a transaction of its own.

    Raises ArchiveUnusable for one that a newer Fairlead made.
    """
    version = version_of(connection)
    while version < len(MIGRATIONS):
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATING,))
            # Another process may have been faster.
            version = version_of(connection)
            if version == 0:
                _require_utf8(connection)
                _make_schema(connection)
            if version < len(MIGRATIONS):
                connection.execute(MIGRATIONS[version])
                version += 1
                connection.execute("INSERT INTO migration (number) VALUES (%s)", (version,))
    require_known(version)


def version_of(connection: psycopg.Connection[TupleRow]) -> int:
    """The version an archive is at; 0 for a database without one."""
    # The catalogue itself is asked: within a transaction, `to_regclass` does not see what others made meanwhile.
    there = "SELECT 1 FROM pg_tables WHERE schemaname = %s AND tablename = 'migration'"
    if connection.execute(there, (SCHEMA,)).fetchone() is None:
        return 0
    found = connection.execute(f"SELECT coalesce(max(number), 0) FROM {SCHEMA}.migration").fetchone()
    return int(found[0]) if found else 0


def require_known(version: int) -> None:
    """Raise ArchiveUnusable for a version that only a newer Fairlead knows."""
    if version > len(MIGRATIONS):
        raise ArchiveUnusable(
            f"The archive is at version {version}; this Fairlead knows {len(MIGRATIONS)} at most.",
            remedy="Use the Fairlead that wrote it, or a newer one.",
        )


def _make_schema(connection: psycopg.Connection[TupleRow]) -> None:
    # IF NOT EXISTS would ask for the right to create one that exists.
    if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (SCHEMA,)).fetchone() is None:
        connection.execute(f"CREATE SCHEMA {SCHEMA}")
    connection.execute(
        f"CREATE TABLE {SCHEMA}.migration (number integer PRIMARY KEY, made_at timestamptz NOT NULL DEFAULT now())"
    )


def _require_utf8(connection: psycopg.Connection[TupleRow]) -> None:
    row = connection.execute("SELECT current_setting('server_encoding')").fetchone()
    if row and row[0] != "UTF8":
        raise ArchiveUnusable(
            f"The database's encoding is {row[0]}, which does not hold every character.",
            remedy="Make another: `createdb -E UTF8 -T template0 NAME`.",
        )
