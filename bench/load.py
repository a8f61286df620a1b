"""Loads one peer with wrk, and keeps what was seen."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.peers import Peer
from bench.processes import CannotMeasure, on_core, program

CONNECTIONS = (1, 32)
_SUMMARY = Path(__file__).with_name("summary.lua")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of wrk; times are milliseconds, `failures` counts error statuses and broken connections."""

    per_second: float
    p50: float
    p99: float
    failures: int


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one peer at one number of connections, one for each round."""

    samples: tuple[Sample, ...]

    def median(self, read: Callable[[Sample], float]) -> float:
        """The median of one figure."""
        return statistics.median(read(sample) for sample in self.samples)

    def spread(self, read: Callable[[Sample], float]) -> tuple[float, float]:
        """The smallest and the largest of one figure."""
        values = [read(sample) for sample in self.samples]
        return min(values), max(values)

    @property
    def failures(self) -> int:
        """Requests that failed in any round."""
        return sum(sample.failures for sample in self.samples)


Measured = dict[tuple[str, int], Series]


def measure(peers: Sequence[Peer], *, rounds: int, seconds: int, core: int) -> Measured:
    """Every peer at every number of connections, `rounds` times; each round visits all of them."""
    for peer in peers:
        sample(peer, connections=max(CONNECTIONS), seconds=min(2, seconds), core=core)
    seen: dict[tuple[str, int], list[Sample]] = {(peer.name, count): [] for peer in peers for count in CONNECTIONS}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", flush=True)
        for peer, count in _visits(peers):
            seen[peer.name, count].append(sample(peer, connections=count, seconds=seconds, core=core))
    return {key: Series(tuple(samples)) for key, samples in seen.items()}


def _visits(peers: Sequence[Peer]) -> Iterable[tuple[Peer, int]]:
    return ((peer, count) for count in CONNECTIONS for peer in peers)


def sample(peer: Peer, *, connections: int, seconds: int, core: int) -> Sample:
    """Run wrk once, with one thread on one core."""
    headers = [part for name, value in peer.headers.items() for part in ("-H", f"{name}: {value}")]
    command = [
        program("wrk", "wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
        "-s", str(_SUMMARY), *headers, peer.url,
    ]  # fmt: skip
    with on_core(core):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines or not lines[-1].startswith("{"):
        raise CannotMeasure(f"wrk failed at {peer.name}: {done.stdout}{done.stderr}")
    return read_summary(lines[-1])


def read_summary(line: str) -> Sample:
    """The sample in the line `summary.lua` prints."""
    seen = json.loads(line)
    return Sample(
        per_second=seen["requests"] / (seen["microseconds"] / 1e6),
        p50=seen["p50"] / 1e3,
        p99=seen["p99"] / 1e3,
        failures=seen["status"] + seen["socket"],
    )
