"""`fairlead serve` as a process of its own: its addresses, its records as they come, and its workers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from command import environment

DEADLINE = 30.0


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A server that answers."""

    process: subprocess.Popen[str]
    rest_url: str
    mcp_url: str

    @property
    def rest_port(self) -> int:
        """The number of the REST port."""
        return urlsplit(self.rest_url).port or 0

    def record(self, event: str, **fields: object) -> dict[str, Any]:
        """The next record of an event with these fields; those before it are passed over."""
        assert self.process.stderr is not None
        passed = []
        for line in self.process.stderr:
            found = json.loads(line) if line.startswith("{") else {"event": line.strip()}
            if found["event"] == event and fields.items() <= found.items():
                return found
            passed.append(found)
        raise AssertionError(f"the server ended without the record {event!r}: {passed}")

    def hang_up(self) -> None:
        """Send SIGHUP, which asks for a reload."""
        self.process.send_signal(signal.SIGHUP)

    def terminate(self) -> int:
        """Send SIGTERM and wait for the end; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=DEADLINE)

    def workers(self) -> list[int]:
        """The processes it started, the oldest first."""
        return children_of(self.process.pid)


@contextmanager
def server_process(*arguments: str | Path, env: dict[str, str] | None = None) -> Iterator[ServerProcess]:
    """`fairlead serve` on free ports with JSON records, until it says where it answers; killed on exit."""
    command = [sys.executable, "-m", "fairlead", "serve", "--rest-port", "0", "--mcp-port", "0", *map(str, arguments)]
    variables = environment({"PYTHONUNBUFFERED": "1", "FAIRLEAD_LOG_FORMAT": "json"} | (env or {}))
    with (
        # A server that is killed leaves the folder of its workers behind.
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as variables["TMPDIR"],
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables, process_group=0
        ) as process,
    ):
        # Whatever waits for its output would otherwise wait for ever.
        guard = threading.Timer(2 * DEADLINE, process.kill)
        guard.start()
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            urls: dict[str, str] = {}
            for line in process.stdout:
                found = re.match(r"  (REST|MCP) +(\S+)", line)
                if found:
                    urls[found[1]] = found[2]
                if len(urls) == 2:
                    break
            assert len(urls) == 2, process.stderr.read()
            yield ServerProcess(process, urls["REST"], urls["MCP"])
        finally:
            guard.cancel()
            process.kill()


def children_of(parent: int) -> list[int]:
    """The processes that a process started and that still run, the oldest first."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, ppid = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if int(ppid) == parent and state != "Z":
                found.append(int(entry.name))
    return sorted(found)


def alive(pid: int) -> bool:
    """Whether a process runs."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def sockets_of(pid: int) -> set[str]:
    """The inodes of a process's sockets."""
    folder = Path("/proc") / str(pid) / "fd"
    return {os.readlink(link).removeprefix("socket:[").rstrip("]") for link in folder.iterdir() if link.is_symlink()}


def inode_of(server_port: int, caller_port: int) -> str:
    """The inode of the server's end of a connection, which says whose it is."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{server_port:04X}") and fields[2].endswith(f":{caller_port:04X}"):
            return fields[9]
    return "0"


def until(condition: Callable[[], object], what: str) -> None:
    """Ask again and again, until it is so."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not so within {DEADLINE:g} s: {what}"
