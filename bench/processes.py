"""Starts programs on a chosen core, waits until they answer, and always ends them."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

START_TIMEOUT = 30.0
STOP_TIMEOUT = 15.0
_SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")


class CannotMeasure(Exception):
    """Nothing can be measured here; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def program(name: str, installed_by: str) -> str:
    """The path of a program; raises CannotMeasure, saying what installs it."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_SYSTEM_FOLDERS]))
    if found is None:
        raise CannotMeasure(f"`{name}` is missing. Install it: {installed_by}")
    return found


def free_port() -> int:
    """A loopback port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**variables: str) -> dict[str, str]:
    """Our environment without what would bend a measurement: proxies, settings of Fairlead, uncached bytecode."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and not name.startswith(("FAIRLEAD_", "PYTHON", "UVICORN_"))
    }
    return {**kept, **variables}


def spawn(command: Sequence[str], *, core: int | None, env: Mapping[str, str], output: Path) -> subprocess.Popen[bytes]:
    """Start a program on one core, or on every core, its output in a file."""
    with output.open("wb") as sink, on_core(core):
        return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT)


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Run on one core, or on every core; a program started meanwhile stays there, with all its threads."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1) if core is None else {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def running(
    command: Sequence[str], *, core: int | None, env: Mapping[str, str], output: Path, url: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that answers at `url`; ended on exit."""
    process = spawn(command, core=core, env=env, output=output)
    try:
        wait_until_connected(process, url, output)
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program: politely, then not."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_connected(process: subprocess.Popen[bytes], url: str, output: Path) -> None:
    """Return once something listens at the URL; raises CannotMeasure, with the program's last words."""
    place = urlsplit(url)
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((place.hostname or "", place.port or 80), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise CannotMeasure(f"{last_words(output)}\n`{process.args!r}` did not start.")


def last_words(output: Path) -> str:
    """The end of what a program wrote."""
    return output.read_text(errors="replace")[-2_000:]


def ask(url: str, headers: Mapping[str, str], posted: bytes | None = None) -> Answer:
    """One request on a connection of its own: a GET, or a POST when there is something to post."""
    place = urlsplit(url)
    target = f"{place.path}?{place.query}" if place.query else place.path
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    try:
        connection.request("GET" if posted is None else "POST", target, posted, dict(headers))
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())
    finally:
        connection.close()
