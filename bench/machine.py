"""Where and with what a measurement was made, and whether it can be made here."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.processes import CannotMeasure, program

_PACKAGES = ("fairlead", "uvicorn", "uvloop", "httptools", "pyreqwest", "fastapi", "pydantic", "httpx", "aiohttp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The cores the measurement uses, and what it ran on."""

    gateway_core: int
    load_core: int
    description: str
    versions: str
    load_before: float


def this_machine() -> Machine:
    """This machine; raises CannotMeasure when it lacks two cores, nginx or wrk."""
    if sys.platform != "linux":
        raise CannotMeasure("The bench binds programs to cores, which needs Linux.")
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise CannotMeasure("The bench needs two cores: one for the gateway, one for the load and the upstream.")
    description = f"{_processor()}, {len(cores)} cores, Linux {platform.release()}"
    return Machine(
        gateway_core=cores[0],
        load_core=cores[1],
        description=description,
        versions=_versions(),
        load_before=os.getloadavg()[0],
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _versions() -> str:
    nginx = _first_line(program("nginx", "nginx-light"), "-v").rpartition("/")[2]
    wrk = _first_line(program("wrk", "wrk"), "-v").split()[1]
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"Python {platform.python_version()}, {packages}, nginx {nginx}, wrk {wrk}"


def _first_line(command: str, flag: str) -> str:
    done = subprocess.run([command, flag], capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()[0]
