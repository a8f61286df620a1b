"""What a real `fairlead events sync` reads a second, from a sandbox in a process of its own, and what that can give."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from bench.processes import CannotMeasure, ask, environment, free_port, last_words, running, spawn, stop
from fairlead.archive.sqlite.archive import SqliteArchive
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN

_PAGE = 100
_PAGES = 200
_LONGEST = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Synced:
    """A run of sync: its events, its seconds on the clock and of a core, and what the sandbox alone gives a second."""

    events: int
    seconds: float
    cpu: float
    offered: float

    @property
    def per_second(self) -> float:
        """Events a second, end to end."""
        return self.events / self.seconds


def measure_sync(events: int, folder: Path) -> Synced:
    """Run the command to its end against a sandbox of so many events that refuses nobody."""
    archive = folder / "synced.db"
    with _sandbox(events, folder) as address:
        offered = _offered(address)
        before = _cpu()
        seconds = _run(address, archive, folder)
        cpu = _cpu() - before
    kept = SqliteArchive(archive)
    found = kept.state(DEMO_ORGANIZATION_ID).events
    kept.close()
    if found != events:
        raise CannotMeasure(f"sync kept {found:,} of {events:,} events")
    return Synced(events=events, seconds=seconds, cpu=cpu, offered=offered)


@contextmanager
def _sandbox(events: int, folder: Path) -> Iterator[str]:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "fairlead", "sandbox", "--port", str(port)]
    command += ["--events", str(events), "--rate-limit", "0"]
    with running(command, core=None, env=_env(), output=folder / "sandbox.log", url=address):
        yield address


def _run(address: str, archive: Path, folder: Path) -> float:
    command = [sys.executable, "-m", "fairlead", "events", "sync", "--upstream", address]
    command += ["--archive", str(archive), "--organization", DEMO_ORGANIZATION_ID]
    output = folder / "sync.log"
    begun = time.monotonic()
    process = spawn(command, core=None, env=_env(), output=output)
    try:
        status = process.wait(_LONGEST)
    finally:
        stop(process)
    if status:
        raise CannotMeasure(f"{last_words(output)}\n`fairlead events sync` failed.")
    return time.monotonic() - begun


def _cpu() -> float:
    """CPU seconds of the programs that were started and have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _offered(address: str) -> float:
    """Events a second that one caller gets who does nothing with them, page after page as sync asks."""
    headers = {"Authorization": f"Token {DEMO_TOKEN}"}
    now = int(time.time())
    begun = time.monotonic()
    for page in range(_PAGES):
        query = urlencode({"fromTimestamp": 0, "toTimestamp": now - page * 3_600, "pageSize": _PAGE})
        answer = ask(f"{address}/organization/{DEMO_ORGANIZATION_ID}/events?{query}", headers)
        if answer.status != 200:
            raise CannotMeasure(f"the sandbox answered {answer.status}")
    return _PAGES * _PAGE / (time.monotonic() - begun)


def _env() -> dict[str, str]:
    return environment(QOVERY_API_KEY=DEMO_TOKEN)
