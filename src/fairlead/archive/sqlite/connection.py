"""Connections to the archive's file, and what is said when SQLite refuses."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from fairlead.archive.sqlite.schema import migrate, refuse_foreign, version_of
from fairlead.errors import ArchiveBusy, ArchiveError, ArchiveUnusable

_CACHE_KIB = 64 * 1024
_MAP_BYTES = 1 << 40
_LOG_PAGES = 4_096
_PAUSE = 0.01


def open_writer(path: Path, patience: float) -> sqlite3.Connection:
    """A connection that may change the archive, which is made when there is none; raises ArchiveError."""
    with told(path):
        _make_file(path)
        connection = _connect(path, "rwc", patience)
        try:
            _write_ahead(connection, patience)
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


def _write_ahead(connection: sqlite3.Connection, patience: float) -> None:
    """Give the file its log; SQLite, else patient, refuses this at once while another program does the same."""
    deadline = time.monotonic() + patience
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as failure:
            if not _is_busy(failure) or time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _make_file(path: Path) -> None:
    """Make an empty file that only its owner reads; its log is made with the same mode."""
    with contextlib.suppress(OSError):  # SQLite says what is wrong with it
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)


class NothingKept(ArchiveUnusable):
    """There is no file, or one that a run was ended in before it had made its tables."""


class FileId(NamedTuple):
    """Which file it is, whatever its name."""

    device: int
    number: int


def file_at(path: Path) -> FileId | None:
    """The file that a path names now; None when there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return FileId(found.st_dev, found.st_ino)


def replaced(path: Path) -> ArchiveUnusable:
    """What is said when the file is not the one that was opened."""
    return ArchiveUnusable(
        f"The archive {path} was removed or replaced while it was in use.",
        remedy="Put it back, and sync again; what was read since is read once more.",
    )


def open_reader(path: Path, patience: float) -> sqlite3.Connection:
    """A connection that reads; raises NothingKept where an archive was never begun, ArchiveError for all else."""
    if not path.exists():
        raise NothingKept(f"There is no archive at {path}.", remedy="Make one with `fairlead events sync`.")
    with told(path):
        try:
            connection = _connect(path, "rw", patience)
        except sqlite3.OperationalError:
            connection = _connect(path, "ro", patience)
        try:
            connection.execute("PRAGMA query_only = 1")
            if version_of(connection) == 0:
                refuse_foreign(connection)
                raise NothingKept(f"{path} holds no archive yet.", remedy="Make one with `fairlead events sync`.")
        except ArchiveError:
            connection.close()
            raise
        except sqlite3.OperationalError:
            connection.close()
            # Beside a file in a read-only place no index of the log can be made; unchanged it needs none.
            connection = _connect(path, "ro&immutable=1", patience)
            version_of(connection)
        return connection


def _connect(path: Path, mode: str, patience: float) -> sqlite3.Connection:
    address = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(
        address, uri=True, timeout=patience, isolation_level=None, check_same_thread=False, cached_statements=512
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
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """What is read inside is of one moment, in however many statements."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")


@contextlib.contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what SQLite says into an ArchiveError with what to do about it."""
    try:
        yield
    except sqlite3.Error as failure:
        raise _error(failure, path) from failure


_SAFE = "what was kept before is safe"
_DAMAGED = "`fairlead events verify` says where; restore a backup and sync again."
_REASONS: tuple[tuple[int, str, str], ...] = (
    (sqlite3.SQLITE_FULL, "the disk is full", f"Make room; {_SAFE}, and the next sync goes on from there."),
    (sqlite3.SQLITE_READONLY, "it is read-only", "Give whoever runs Fairlead write access to the file and its folder."),
    (sqlite3.SQLITE_CORRUPT, "it is damaged", _DAMAGED),
    (sqlite3.SQLITE_NOTADB, "it is no archive", "Name another file with `--archive`."),
    (sqlite3.SQLITE_CANTOPEN, "it cannot be opened", "Check that its folder exists and may be written to."),
    (sqlite3.SQLITE_IOERR, "the disk fails to read or write", f"Check the disk and its room; {_SAFE}."),
    (sqlite3.SQLITE_PERM, "access to it is denied", "Give whoever runs Fairlead access to the file."),
)


def _error(failure: sqlite3.Error, path: Path) -> ArchiveError:
    if _is_busy(failure):
        return ArchiveBusy(
            f"The archive {path} is locked by another program.",
            detail=str(failure),
            remedy="Try again when that one is done; nothing was changed.",
        )
    for number, said, remedy in _REASONS:
        if _code(failure) == number:
            return ArchiveUnusable(f"The archive {path} cannot be used: {said}.", detail=str(failure), remedy=remedy)
    return ArchiveUnusable(
        f"The archive {path} cannot be used: it is damaged, or no archive.", detail=str(failure), remedy=_DAMAGED
    )


def _is_busy(failure: sqlite3.Error) -> bool:
    return _code(failure) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _code(failure: sqlite3.Error) -> int:
    """The primary result code; 0 for what Python itself refused."""
    return getattr(failure, "sqlite_errorcode", 0) & 0xFF
