"""Loads Fairlead with callers of every kind for minutes, and watches whether its memory and descriptors stay flat."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import uvloop

from bench.callers import Tally, calling
from bench.coalesced import slow_upstream
from bench.gateways import fairlead_gateway, started
from bench.mcp_peers import SHIPPED_TOOL, mcp_peer
from bench.peers import FAIRLEAD, Peer, rest_peer
from bench.place import Place
from bench.processes import CannotMeasure, ask
from bench.resources import descriptors, resident_mb

_SAMPLES = 120
_WARM_UP = 0.2
_SETTLES = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What Fairlead held at a moment, in seconds since the load began."""

    at: float
    resident_mb: float
    descriptors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How one figure went after the warm-up: its median in the first and in the last fifth, and its slope an hour."""

    start: float
    end: float
    per_hour: float

    @property
    def growth(self) -> float:
        """By how much of itself it grew."""
        return self.end / self.start - 1


def trend(points: Sequence[tuple[float, float]]) -> Trend:
    """The trend of a figure over seconds, without the warm-up: the first fifth."""
    settled = points[int(len(points) * _WARM_UP) :]
    values = [value for _, value in settled]
    fifth = max(1, len(values) // 5)
    slope, _ = statistics.linear_regression([at for at, _ in settled], values)
    return Trend(
        start=statistics.median(values[:fifth]), end=statistics.median(values[-fifth:]), per_hour=slope * 3_600
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """What a soak saw: the calls, and what Fairlead held before them, meanwhile, and once the callers were gone."""

    seconds: float
    tally: Tally
    before: Held
    held: tuple[Held, ...]
    after: Held

    @property
    def memory(self) -> Trend:
        """The trend of resident MB."""
        return trend([(held.at, held.resident_mb) for held in self.held])

    @property
    def descriptors(self) -> Trend:
        """The trend of open descriptors."""
        return trend([(held.at, held.descriptors) for held in self.held])


def soak(place: Place, minutes: float) -> Soak:
    """Load Fairlead for so long."""
    with slow_upstream(place) as upstream:
        gateway = fairlead_gateway(FAIRLEAD, upstream)
        with started([gateway], upstream=upstream, core=place.gateway_core, folder=place.folder) as processes:
            rest = rest_peer(gateway, processes[FAIRLEAD].pid)
            mcp = mcp_peer(gateway, SHIPPED_TOOL, place.folder)
            ask(rest.url, rest.headers)  # the first call opens what the client keeps for good
            return _soak(rest, mcp, minutes * 60)


def _soak(rest: Peer, mcp: Peer, seconds: float) -> Soak:
    assert rest.process is not None
    began = time.monotonic()
    before = _held(rest.process, began)
    try:
        tally, held = uvloop.run(_under_load(rest, mcp, seconds))
    except ExceptionGroup as failures:
        raise CannotMeasure(f"Fairlead did not live through it: {failures.exceptions[0]!r}") from failures
    after = _after(rest.process, began, before.descriptors)
    return Soak(seconds=seconds, tally=tally, before=before, held=tuple(held), after=after)


async def _under_load(rest: Peer, mcp: Peer, seconds: float) -> tuple[Tally, list[Held]]:
    assert rest.process is not None
    began, held = time.monotonic(), []
    async with calling(rest, mcp) as tally:
        for number in range(1, _SAMPLES + 1):
            await asyncio.sleep(began + number * seconds / _SAMPLES - time.monotonic())
            held.append(_held(rest.process, began))
    return tally, held


def _after(process: int, began: float, descriptors_before: int) -> Held:
    """What is held once idle connections to the upstream are closed, or when that takes too long."""
    deadline = time.monotonic() + _SETTLES
    while (held := _held(process, began)).descriptors > descriptors_before and time.monotonic() < deadline:
        time.sleep(1)
    return held


def _held(process: int, began: float) -> Held:
    return Held(at=time.monotonic() - began, resident_mb=resident_mb(process), descriptors=descriptors(process))
