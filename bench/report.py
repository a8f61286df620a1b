"""Turns what was measured into Markdown: the figures, the ratios, and whether each target is reached."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from bench.load import Measured, Series
from bench.machine import Machine
from bench.peers import AIOHTTP, DIRECT, FAIRLEAD, HTTPX, NGINX
from bench.startup import StartUp

_ORDER = (DIRECT, NGINX, HTTPX, AIOHTTP, FAIRLEAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A figure that was promised: what it is, what was promised, what was measured."""

    name: str
    promised: str
    measured: str
    reached: bool


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times faster Fairlead is: medians over medians, and the extremes of single rounds."""

    value: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.value:.2f} × ({self.lowest:.2f}–{self.highest:.2f})"


def ratio_to(measured: Measured, peer: str, connections: int = 32) -> Ratio:
    """Fairlead's requests per second over a peer's."""
    ours, theirs = measured[FAIRLEAD, connections], measured[peer, connections]
    rounds = [a.per_second / b.per_second for a, b in zip(ours.samples, theirs.samples, strict=True)]
    return Ratio(_per_second(ours) / _per_second(theirs), min(rounds), max(rounds))


def added_p50(measured: Measured, peer: str) -> float:
    """Milliseconds a gateway adds to the median call, at one connection."""
    return _p50(measured[peer, 1]) - _p50(measured[DIRECT, 1])


def targets(measured: Measured, start: StartUp) -> list[Target]:
    """Every target with what was measured."""
    httpx, aiohttp = ratio_to(measured, HTTPX), ratio_to(measured, AIOHTTP)
    added = added_p50(measured, FAIRLEAD)
    check, ready = statistics.median(start.check_cpu), statistics.median(start.ready)
    failures = sum(measured[FAIRLEAD, count].failures for count in (1, 32))
    return [
        _target("requests per second over FastAPI + httpx", "at least 12 ×", str(httpx), httpx.value >= 12),
        _target("requests per second over FastAPI + aiohttp", "at least 1.5 ×", str(aiohttp), aiohttp.value >= 1.5),
        _target("added p50 at one connection", "at most 0.5 ms", f"{added:.2f} ms", added <= 0.5),
        _target("failed requests", "none", str(failures), failures == 0),
        _target("CPU of `fairlead check`", "at most 0.3 s", _seconds(start.check_cpu), check <= 0.3),
        _target("`fairlead serve --sandbox` ready", "within 2 s", _seconds(start.ready), ready <= 2),
    ]


def render(measured: Measured, start: StartUp, machine: Machine, *, today: date, method: str) -> str:
    """The whole report."""
    parts = [
        f"Measured on {today.isoformat()}: {machine.description}; load average before: {machine.load_before:.2f}. "
        f"{method}",
        _table(_FIGURES, [_figures(measured, peer) for peer in _ORDER]),
        _table(_RATIOS, [_ratios(measured, peer) for peer in _ORDER[:-1]]),
        _table(_TARGETS, [_row(target) for target in targets(measured, start)]),
        f"`fairlead serve --sandbox` holds {start.resident_mb:.0f} MB once it is ready.",
        f"Versions: {machine.versions}.",
    ]
    return "\n\n".join(parts)


_FIGURES = (
    "", "req/s, 32 conn.", "(rounds)", "p50 ms", "p99 ms", "req/s, 1 conn.", "p50 ms", "p99 ms", "added p50 ms",
    "failed",
)  # fmt: skip
_RATIOS = ("Fairlead's requests per second over", "32 connections (rounds)", "1 connection (rounds)")
_TARGETS = ("target", "promised", "measured", "")


def _figures(measured: Measured, peer: str) -> list[str]:
    many, one = measured[peer, 32], measured[peer, 1]
    low, high = many.spread(lambda sample: sample.per_second)
    return [
        peer,
        f"{_per_second(many):,.0f}",
        f"{low:,.0f}–{high:,.0f}",
        f"{_p50(many):.2f}",
        f"{_p99(many):.2f}",
        f"{_per_second(one):,.0f}",
        f"{_p50(one):.2f}",
        f"{_p99(one):.2f}",
        "" if peer == DIRECT else f"{added_p50(measured, peer):.2f}",
        str(many.failures + one.failures),
    ]


def _ratios(measured: Measured, peer: str) -> list[str]:
    return [peer, str(ratio_to(measured, peer, 32)), str(ratio_to(measured, peer, 1))]


def _row(target: Target) -> list[str]:
    return [target.name, target.promised, target.measured, "reached" if target.reached else "**missed**"]


def _target(name: str, promised: str, measured: str, reached: bool) -> Target:
    return Target(name=name, promised=promised, measured=measured, reached=reached)


def _seconds(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.2f} s (best {min(values):.2f})"


def _per_second(series: Series) -> float:
    return series.median(lambda sample: sample.per_second)


def _p50(series: Series) -> float:
    return series.median(lambda sample: sample.p50)


def _p99(series: Series) -> float:
    return series.median(lambda sample: sample.p99)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *others = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return "| " + " | ".join([first, *others]) + " |"

    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([line(head), rule, *(line(row) for row in rows)])
