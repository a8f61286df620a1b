"""Connections to the archive's file, and what is said when SQLite refuses."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from fairlead.archive.sqlite.schema import migrate, version_of
from fairlead.errors import ArchiveBusy, ArchiveError, ArchiveUnusable

_WAIT_SECONDS = 10.0
_CACHE_KIB = 64 * 1024
_MAP_BYTES = 1 << 40
_LOG_PAGES = 4_096


def open_writer(path: Path) -> sqlite3.Connection:
    """A connection that may change the archive, which is made when there is none; raises ArchiveError."""
    with told(path):
        _make_file(path)
        connection = _connect(path, "rwc")
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            # What a run reported as kept survives a power cut.
            connection.execute("PRAGMA synchronous = FULL")
            # Nothing of an event is ever deleted; overwriting the index's old segments would only take time.
            connection.execute("PRAGMA secure_delete = OFF")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
            migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _make_file(path: Path) -> None:
    """Make an empty file that only its owner reads; its log is made with the same mode."""
    with contextlib.suppress(OSError):  # SQLite says what is wrong with it
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that reads; raises ArchiveError when there is no archive to read."""
    if not path.exists():
        raise ArchiveUnusable(f"There is no archive at {path}.", remedy="Make one with `fairlead events sync`.")
    with told(path):
        try:
            connection = _connect(path, "rw")
        except sqlite3.OperationalError:
            connection = _connect(path, "ro")
        try:
            connection.execute("PRAGMA query_only = 1")
            if version_of(connection) == 0:
                raise ArchiveUnusable(f"{path} holds no archive.", remedy="Make one with `fairlead events sync`.")
        except sqlite3.OperationalError:
            connection.close()
            # Beside a file in a read-only place no index of the log can be made; unchanged it needs none.
            connection = _connect(path, "ro&immutable=1")
            version_of(connection)
        return connection


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        address, uri=True, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=512
    )
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    connection.execute(f"PRAGMA mmap_size = {_MAP_BYTES}")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, and nobody else writes meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what SQLite says into an ArchiveError with what to do about it."""
    try:
        yield
    except sqlite3.Error as failure:
        raise _error(failure, path) from failure


_SAFE = "what was kept before is safe"
_REASONS: tuple[tuple[int, str, str], ...] = (
    (sqlite3.SQLITE_FULL, "the disk is full", f"Make room; {_SAFE}, and the next sync goes on from there."),
    (sqlite3.SQLITE_READONLY, "it is read-only", "Give whoever runs Fairlead write access to the file and its folder."),
    (sqlite3.SQLITE_CORRUPT, "it is damaged", "`fairlead events verify` says where; restore a backup and sync again."),
    (sqlite3.SQLITE_NOTADB, "it is no archive", "Name another file with `--archive`."),
    (sqlite3.SQLITE_CANTOPEN, "it cannot be opened", "Check that its folder exists and may be written to."),
    (sqlite3.SQLITE_IOERR, "the disk fails to read or write", f"Check the disk and its room; {_SAFE}."),
    (sqlite3.SQLITE_PERM, "access to it is denied", "Give whoever runs Fairlead access to the file."),
)


def _error(failure: sqlite3.Error, path: Path) -> ArchiveError:
    code = getattr(failure, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return ArchiveBusy(
            f"The archive {path} is locked by another program.",
            detail=str(failure),
            remedy="Try again when that one is done; nothing was changed.",
        )
    for number, said, remedy in _REASONS:
        if code == number:
            return ArchiveUnusable(f"The archive {path} cannot be used: {said}.", detail=str(failure), remedy=remedy)
    return ArchiveUnusable(f"The archive {path} cannot be used.", detail=str(failure))
