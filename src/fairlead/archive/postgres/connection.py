"""Connections to the archive's database."""

from __future__ import annotations

import logging
from typing import TypeAlias

import psycopg
from psycopg.rows import TupleRow

from fairlead.archive.postgres.address import Address
from fairlead.archive.postgres.failures import told
from fairlead.archive.postgres.schema import MIGRATIONS, SCHEMA, migrate, require_known, version_of
from fairlead.errors import ArchiveUnusable

Connection: TypeAlias = psycopg.Connection[TupleRow]

_SESSION = {
    "search_path": SCHEMA,
    # Every query is put together for its values: plans for any values would miss the index that fits these.
    "plan_cache_mode": "force_custom_plan",
    "jit": "off",
}
# Every wait has an end; a shorter one that the URL or the database sets (`?options=-c…`) is kept.
_WAITS = {"lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s", "statement_timeout": "300s"}


class NoArchive(ArchiveUnusable):
    """The database is there and holds no archive."""


def open_writer(address: Address) -> Connection:
    """A connection that may change the archive, which is made when there is none; raises ArchiveError."""
    with told(address):
        connection = _connect(address)
        try:
            # What a run reported as kept survives a crash, whatever the server's own setting is.
            connection.execute(
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )
            # Whoever waited for a lock has to see what was done meanwhile.
            connection.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
            migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def open_reader(address: Address) -> Connection:
    """A connection that reads, each transaction of one moment; raises NoArchive when there is nothing to read."""
    with told(address):
        connection = _connect(address)
        try:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            _require_version(version_of(connection), address)
        except BaseException:
            connection.close()
            raise
        return connection


def _connect(address: Address) -> Connection:
    # The driver's own warnings, about rollbacks that came too late, go nowhere: what failed is told by us.
    logging.getLogger("psycopg").addHandler(logging.NullHandler())
    connection = psycopg.connect(address.conninfo.reveal(), autocommit=True)
    try:
        connection.execute(
            "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS given (name, value)",
            (list(_SESSION), list(_SESSION.values())),
        )
        connection.execute(
            "SELECT set_config(name, value, false) FROM unnest(%s::text[], %s::text[]) AS wait (name, value) "
            "WHERE current_setting(name) = '0'",
            (list(_WAITS), list(_WAITS.values())),
        )
    except BaseException:
        connection.close()
        raise
    return connection


def _require_version(version: int, address: Address) -> None:
    if version == 0:
        raise NoArchive(f"There is no archive in {address.name}.", remedy="Make one with `fairlead events sync`.")
    require_known(version)
    if version < len(MIGRATIONS):
        raise ArchiveUnusable(
            f"The archive {address.name} is at version {version}, which an older Fairlead wrote.",
            remedy="Run `fairlead events sync` once: it brings the archive up to date.",
        )
