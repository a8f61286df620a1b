"""Where and with what a measurement was made, and whether it can be made here."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.load import wrk_program
from bench.nginx import nginx_program
from bench.processes import CannotMeasure

_PACKAGES = (
    "fairlead", "uvicorn", "uvloop", "httptools", "granian", "ry", "mcp", "fastmcp", "fastapi", "pydantic",
    "httpx", "httpx2", "aiohttp",
)  # fmt: skip

_PROC_STAT = Path("/proc/stat")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The cores the measurement uses, and what it ran on."""

    gateway_core: int
    load_core: int
    description: str
    versions: str


def this_machine() -> Machine:
    """This machine; raises CannotMeasure when it lacks two cores, nginx or wrk."""
    if sys.platform != "linux":
        raise CannotMeasure("The bench binds programs to cores, which needs Linux.")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise CannotMeasure("The bench needs two cores: one for the gateway, one for the load and the upstream.")
    return Machine(
        gateway_core=cores[0],
        load_core=cores[1],
        description=hardware(),
        versions=_versions(),
    )


@dataclass(frozen=True, slots=True)
class CpuSeconds:
    """CPU seconds so far: all there were, those anyone used, and those of this process and the programs it ended."""

    all: float
    used: float
    ours: float


def cpu_seconds() -> CpuSeconds:
    """The machine's clock of work, to be read before and after."""
    fields = (_PROC_STAT.read_text().partition("\n")[0]).split()[1:9]
    user, nice, system, idle, waiting, irq, softirq, stolen = (int(ticks) / _TICKS for ticks in fields)
    used = user + nice + system + stolen
    ours = sum(os.times()[:4])
    return CpuSeconds(used + idle + waiting + irq + softirq, used, ours)


def share_of_others(before: CpuSeconds, after: CpuSeconds) -> float:
    """The part of the machine's time that other programs took in between, or that its host withheld."""
    others = (after.used - before.used) - (after.ours - before.ours)
    return max(0.0, others / (after.all - before.all))


def hardware() -> str:
    """The processor, the cores and the system."""
    return f"{_processor()}, {len(os.sched_getaffinity(0))} cores, Linux {platform.release()}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _versions() -> str:
    nginx = _first_line(nginx_program(), "-v").rpartition("/")[2]
    wrk = _first_line(wrk_program(), "-v").split()[1]
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"Python {platform.python_version()}, {packages}, nginx {nginx}, wrk {wrk}"


def _first_line(command: str, flag: str) -> str:
    done = subprocess.run([command, flag], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()[0]
