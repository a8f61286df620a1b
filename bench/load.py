"""Loads peers with wrk, and keeps what was seen."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.peers import Peer
from bench.place import Effort
from bench.processes import CannotMeasure, on_core, program

CONNECTIONS = 32
_WARM_UP = 2
_SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What one run saw; times are milliseconds, `failures` counts errors of any kind and broken connections."""

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
    def per_second(self) -> float:
        """The median of requests per second."""
        return self.median(lambda sample: sample.per_second)

    @property
    def p50(self) -> float:
        """The median of the rounds' median latencies, in milliseconds."""
        return self.median(lambda sample: sample.p50)

    @property
    def p99(self) -> float:
        """The median of the rounds' 99th percentiles, in milliseconds."""
        return self.median(lambda sample: sample.p99)

    @property
    def failures(self) -> int:
        """Requests that failed in any round."""
        return sum(sample.failures for sample in self.samples)


Measured = dict[tuple[str, int], Series]


def measure(
    peers: Sequence[Peer], *, connections: Sequence[int] = (CONNECTIONS,), effort: Effort, core: int
) -> Measured:
    """Every peer at every number of connections, round by round; each round visits all of them."""
    for peer in peers:
        sample(peer, connections=max(connections), seconds=min(_WARM_UP, effort.seconds), core=core)
    seen: dict[tuple[str, int], list[Sample]] = {}
    for number in range(effort.rounds):
        print(f"  round {number + 1} of {effort.rounds}", flush=True)
        for peer, count in _visits(peers, connections):
            taken = sample(peer, connections=count, seconds=effort.seconds, core=core)
            seen.setdefault((peer.name, count), []).append(taken)
    return {key: Series(tuple(samples)) for key, samples in seen.items()}


def _visits(peers: Sequence[Peer], connections: Sequence[int]) -> Iterable[tuple[Peer, int]]:
    return ((peer, count) for count in connections for peer in peers)


def sample(peer: Peer, *, connections: int, seconds: int, core: int) -> Sample:
    """Run wrk once, with one thread on one core."""
    headers = [part for name, value in peer.headers.items() for part in ("-H", f"{name}: {value}")]
    posted = ["--", str(peer.posted)] if peer.posted else []
    command = [
        wrk_program(), "-t1", f"-c{connections}", f"-d{seconds}s", "--latency",
        "-s", str(_SCRIPT), *headers, peer.url, *posted,
    ]  # fmt: skip
    with on_core(core):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines or not lines[-1].startswith("{"):
        raise CannotMeasure(f"wrk failed at {peer.name}: {done.stdout}{done.stderr}")
    return read_summary(lines[-1])


def wrk_program() -> str:
    """The path of wrk."""
    return program("wrk", "sudo apt-get install wrk")


def read_summary(line: str) -> Sample:
    """The sample in the line `load.lua` prints."""
    seen = json.loads(line)
    return Sample(
        per_second=seen["requests"] / (seen["microseconds"] / 1e6),
        p50=seen["p50"] / 1e3,
        p99=seen["p99"] / 1e3,
        failures=seen["failed"],
    )
