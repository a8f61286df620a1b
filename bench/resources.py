"""What a running program holds, its children included: resident memory and open descriptors."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


def resident_mb(process: int) -> float:
    """Resident memory in MB."""
    pages = (int((_PROC / str(one) / "statm").read_text().split()[1]) for one in _family(process))
    return sum(pages) * _PAGE / 1e6


def descriptors(process: int) -> int:
    """Open files and sockets."""
    return sum(len(os.listdir(_PROC / str(one) / "fd")) for one in _family(process))


def _family(process: int) -> Iterator[int]:
    """The process and all its descendants."""
    children: dict[int, list[int]] = defaultdict(list)
    for stat in _PROC.glob("[0-9]*/stat"):
        try:
            # The name stands in brackets and may hold anything; the parent is the second field after it.
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # It ended meanwhile.
        children[parent].append(int(stat.parent.name))
    found = [process]
    while found:
        one = found.pop()
        yield one
        found += children[one]
