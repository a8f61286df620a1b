"""Measures how Fairlead starts: the cost of `check`, and the time and memory until `serve` is ready."""

from __future__ import annotations

import http.client
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from bench.capability import write_capability
from bench.gateways import fairlead_command
from bench.many import INPUTS, LARGEST, write_documents
from bench.processes import START_TIMEOUT, CannotMeasure, ask, environment, free_port, last_words, spawn, stop
from bench.resources import resident_mb

_POLL = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class StartUp:
    """CPU seconds of `fairlead check`, seconds until `fairlead serve --sandbox` is ready, and its memory then.

    Of the shipped document; of the largest that is published, and of many in one server.
    """

    check_cpu: tuple[float, ...]
    largest_check_cpu: tuple[float, ...]
    ready: tuple[float, ...]
    many_ready: tuple[float, ...]
    resident_mb: float


def measure_start_up(*, runs: int, core: int, folder: Path) -> StartUp:
    """Start each command `runs` times, after one start that is not counted (it may compile bytecode)."""
    check_cpu(core, folder)
    checks = tuple(check_cpu(core, folder) for _ in range(runs))
    serves = [ready_after(core, folder) for _ in range(runs)]
    largest, many = str(write_capability(LARGEST, folder, inputs=INPUTS)), str(write_documents(folder))
    return StartUp(
        check_cpu=checks,
        largest_check_cpu=tuple(check_cpu(core, folder, largest) for _ in range(runs)),
        ready=tuple(seconds for seconds, _ in serves),
        many_ready=tuple(ready_after(core, folder, many)[0] for _ in range(runs)),
        resident_mb=statistics.median(size for _, size in serves),
    )


def check_cpu(core: int, folder: Path, *documents: str) -> float:
    """User and system CPU seconds of one `fairlead check`."""
    output = folder / "check.out"
    process = spawn([fairlead_command(), "check", *documents], core=core, env=environment(), output=output)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise CannotMeasure(f"{last_words(output)}\n`fairlead check` failed.")
    return used.ru_utime + used.ru_stime


def ready_after(core: int, folder: Path, *documents: str) -> tuple[float, float]:
    """Seconds from the start of `fairlead serve --sandbox` until /readyz answers 200, and its MB then."""
    output = folder / "serve.out"
    rest, mcp, sandbox = free_port(), free_port(), free_port()
    ports = ["--rest-port", str(rest), "--mcp-port", str(mcp), "--sandbox-port", str(sandbox)]
    command = [fairlead_command(), "serve", "--sandbox", *ports, *documents]
    started = time.monotonic()
    process = spawn(command, core=core, env=environment(), output=output)
    try:
        while time.monotonic() - started < START_TIMEOUT and process.poll() is None:
            if _is_ready(f"http://127.0.0.1:{rest}/readyz"):
                return time.monotonic() - started, resident_mb(process.pid)
            time.sleep(_POLL)
    finally:
        stop(process)
    raise CannotMeasure(f"{last_words(output)}\n`fairlead serve --sandbox` did not become ready.")


def _is_ready(url: str) -> bool:
    try:
        return ask(url, {}).status == 200
    except (OSError, http.client.HTTPException):
        return False
