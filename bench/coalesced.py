"""Measures what identical calls in flight cost the upstream, beside calls that all differ."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import product

from bench.gateways import fairlead_gateway, started
from bench.load import Sample, Series, sample
from bench.peers import FAIRLEAD, Peer, rest_peer
from bench.place import Effort, Place
from bench.processes import ask, environment, free_port, running
from bench.upstream import DIFFERING

DELAY_MS = 20
IDENTICAL, DIFFERENT = "identical", "each different"
CONNECTIONS = (32, 256)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coalesced:
    """One kind of request at one number of connections, and the calls a second that reached the upstream."""

    requests: str
    connections: int
    series: Series
    calls_per_second: float


@contextmanager
def slow_upstream(place: Place) -> Iterator[str]:
    """The upstream that takes its time, on the load's core; yields its address."""
    port, page = free_port(), place.folder / "slow-page.json"
    page.write_bytes(place.page.body)
    command = [sys.executable, "-m", "bench.slow_upstream", str(port), str(page), str(DELAY_MS)]
    address, output = f"http://127.0.0.1:{port}", place.folder / "slow.out"
    with running(command, core=place.load_core, env=environment(), output=output, url=address):
        yield address


def measure_coalesced(place: Place, effort: Effort) -> list[Coalesced]:
    """Identical and different requests, at few and at many connections."""
    with slow_upstream(place) as upstream:
        gateway = fairlead_gateway(FAIRLEAD, upstream)
        with started([gateway], upstream=upstream, core=place.gateway_core, folder=place.folder) as processes:
            different = replace(rest_peer(gateway, processes[FAIRLEAD].pid), name=DIFFERENT)
            identical = replace(different, name=IDENTICAL, url=different.url.replace(DIFFERING, "1"))
            sample(different, connections=max(CONNECTIONS), seconds=1, core=place.load_core)
            return [
                _measure(peer, count, upstream, effort, place.load_core)
                for peer, count in product((identical, different), CONNECTIONS)
            ]


def _measure(peer: Peer, connections: int, upstream: str, effort: Effort, core: int) -> Coalesced:
    samples: list[Sample] = []
    calls: list[float] = []
    for _ in range(effort.rounds):
        before, began = _calls(upstream), time.monotonic()
        samples.append(sample(peer, connections=connections, seconds=effort.seconds, core=core))
        calls.append((_calls(upstream) - before) / (time.monotonic() - began))
    return Coalesced(
        requests=peer.name,
        connections=connections,
        series=Series(tuple(samples)),
        calls_per_second=statistics.median(calls),
    )


def _calls(upstream: str) -> int:
    return int(ask(f"{upstream}/calls", {}).body)
