"""What one run measures, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.coalesced import Coalesced, measure_coalesced
from bench.load import CONNECTIONS, Measured, Series, measure
from bench.many import many_peers
from bench.mcp_peers import mcp_peers
from bench.paced import at_rate
from bench.peers import DIRECT, FAIRLEAD, Peer, peers
from bench.place import Effort, Place
from bench.resources import resident_mb
from bench.startup import StartUp, measure_start_up
from bench.upstream import upstream
from bench.workers import worker_peers


@dataclass(frozen=True, slots=True)
class Rest:
    """REST at 1 and at 32 connections, and the MB each gateway holds after it."""

    measured: Measured
    resident_mb: dict[str, float]


@dataclass(frozen=True, slots=True)
class HalfLoad:
    """Fairlead, and the upstream for comparison, at half of the rate that Fairlead reached."""

    rate: float
    series: dict[str, Series]


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything one run measured."""

    start: StartUp
    rest: Rest
    half_load: HalfLoad
    mcp: Measured
    coalesced: list[Coalesced]
    workers: Measured
    many: Measured

    def fairlead_failures(self) -> int:
        """Requests to Fairlead that failed, over all measurements."""
        return sum(series.failures for series in self._of_fairlead())

    def _of_fairlead(self) -> Iterator[Series]:
        yield from (series for (name, _), series in self.rest.measured.items() if name == FAIRLEAD)
        yield self.half_load.series[FAIRLEAD]
        yield from (series for (name, _), series in self.mcp.items() if name.startswith(FAIRLEAD))
        yield from (each.series for each in self.coalesced)
        yield from self.workers.values()
        yield from self.many.values()


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times faster one is: medians over medians, and the extremes of single rounds."""

    value: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.value:.2f} × ({self.lowest:.2f}–{self.highest:.2f})"


def ratio(ours: Series, theirs: Series) -> Ratio:
    """Our requests per second over theirs."""
    rounds = [a.per_second / b.per_second for a, b in zip(ours.samples, theirs.samples, strict=True)]
    return Ratio(ours.per_second / theirs.per_second, min(rounds), max(rounds))


def added_p50(measured: Measured, peer: str) -> float:
    """Milliseconds a gateway adds to the median call, at one connection."""
    return measured[peer, 1].p50 - measured[DIRECT, 1].p50


def measure_everything(place: Place, effort: Effort, say: Callable[[str], None]) -> Results:
    """Every measurement once; `say` hears which one begins."""
    say("start-up")
    start = measure_start_up(runs=effort.starts, core=place.gateway_core, folder=place.folder)
    with upstream(place.page, place.load_core, place.folder) as address:
        with peers(address, place) as everyone:
            say("REST")
            rest = _rest(everyone, place, effort)
            say("REST at half load")
            half_load = _half_load(everyone, rest, effort)
        say("MCP")
        with mcp_peers(address, place) as everyone:
            mcp = measure(everyone, effort=effort, core=place.load_core)
        say("workers")
        with worker_peers(address, place) as everyone:
            workers = measure(everyone, effort=effort, core=place.load_core)
        say("many documents")
        with many_peers(address, place) as everyone:
            many = measure(everyone, effort=effort, core=place.load_core)
    say("coalescing")
    coalesced = measure_coalesced(place, effort)
    return Results(
        start=start, rest=rest, half_load=half_load, mcp=mcp, coalesced=coalesced, workers=workers, many=many
    )


def _rest(everyone: list[Peer], place: Place, effort: Effort) -> Rest:
    measured = measure(everyone, connections=(1, CONNECTIONS), effort=effort, core=place.load_core)
    return Rest(measured, {peer.name: resident_mb(peer.process) for peer in everyone if peer.process})


def _half_load(everyone: list[Peer], rest: Rest, effort: Effort) -> HalfLoad:
    rate = rest.measured[FAIRLEAD, CONNECTIONS].per_second / 2
    compared = [peer for peer in everyone if peer.name in {DIRECT, FAIRLEAD}]
    return HalfLoad(rate, {peer.name: at_rate(peer, rate=rate, effort=effort) for peer in compared})
