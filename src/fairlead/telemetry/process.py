"""What the system says of this process, under the names every Prometheus client gives it; Linux only."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping
from pathlib import Path

from fairlead.telemetry.families import CPU

_PROC = Path("/proc")


def process_numbers() -> Mapping[str, float]:
    """The numbers of this process by metric; none where the system has no /proc."""
    try:
        # The name of the program, in parentheses, may hold anything; 22 fields and more follow it.
        fields = (_PROC / "self/stat").read_bytes().rpartition(b")")[2].split()
        started = _boot_time() + int(fields[19]) / os.sysconf("SC_CLK_TCK")
        descriptors = len(os.listdir(_PROC / "self/fd"))
    except OSError:
        return {}
    return {
        CPU: (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
        "process_resident_memory_bytes": int(fields[21]) * resource.getpagesize(),
        "process_virtual_memory_bytes": int(fields[20]),
        "process_open_fds": descriptors,
        "process_max_fds": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        "process_start_time_seconds": started,
    }


def _boot_time() -> int:
    lines = (_PROC / "stat").read_bytes().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith(b"btime ")), 0)
