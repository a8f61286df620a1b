"""Turns what was measured into Markdown: the figures, the ratios, and whether each target is reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from bench.load import CONNECTIONS, Measured, Series
from bench.machine import Machine
from bench.markdown import table
from bench.peers import AIOHTTP, ASGI, DIRECT, FAIRLEAD, HTTPX, NGINX, RSGI
from bench.profile import Profile
from bench.results import Rest, Results, added_p50, ratio
from bench.soak import Soak, Trend
from bench.targets import Target, soak_targets, targets

_ORDER = (DIRECT, NGINX, RSGI, ASGI, HTTPX, AIOHTTP, FAIRLEAD)
_FUNCTIONS = 12
_QUIET = 0.05


@dataclass(frozen=True, slots=True)
class Conditions:
    """When and where something was measured, and the part of the machine's time that other programs took meanwhile."""

    today: date
    machine: Machine
    others: float

    def __str__(self) -> str:
        quiet = "" if self.others < _QUIET else " **The machine was not quiet: not to be quoted.**"
        return (
            f"Measured on {self.today.isoformat()}: {self.machine.description}; other programs took "
            f"{self.others:.1%} of the cores meanwhile.{quiet}"
        )


def render(results: Results, conditions: Conditions, method: str) -> str:
    """The report of the whole bench."""
    return "\n\n".join(
        [
            f"{conditions} {method}",
            _targets(targets(results)),
            f"### REST, at {CONNECTIONS} connections and at one",
            _rest(results.rest),
            _ratios(results.rest.measured),
            "### REST, at half load",
            _half_load(results),
            f"### MCP `tools/call`, {CONNECTIONS} connections",
            _series("", _named(results.mcp)),
            "### Identical requests in flight",
            _coalesced(results),
            f"### Workers, {CONNECTIONS} connections",
            _series("", _named(results.workers)),
            f"### Many documents, {CONNECTIONS} connections",
            _series("", _named(results.many)),
            f"`fairlead serve --sandbox` holds {results.start.resident_mb:.0f} MB once it is ready.",
            f"Versions: {conditions.machine.versions}.",
        ]
    )


def render_soak(soak: Soak, conditions: Conditions) -> str:
    """The report of a soak."""
    calls = soak.tally.expected
    rows = [[name, f"{calls[name]:,}", str(soak.tally.unexpected[name])] for name in sorted(calls)]
    held = [_held("resident MB", soak, soak.memory, 1), _held("descriptors", soak, soak.descriptors, 0)]
    return "\n\n".join(
        [
            f"{conditions} {soak.seconds / 60:g} minutes, {calls.total() / soak.seconds:,.0f} calls a second.",
            _targets(soak_targets(soak)),
            table(("Fairlead holds", "before", "start", "end", "slope an hour", "callers gone"), held),
            table(("calls", "as expected", "otherwise"), rows),
        ]
    )


def render_profile(profile: Profile, conditions: Conditions) -> str:
    """The report of a profile."""
    spent = sum(cpu.user + cpu.kernel for cpu in profile.threads.values())
    threads = [
        [f"`{name}`", f"{cpu.user / spent:.0%}", f"{cpu.kernel / spent:.0%}"] for name, cpu in profile.threads.items()
    ]
    stacks = profile.stacks
    everywhere = {name for name, count in stacks.within.items() if count > 0.99 * stacks.total}
    within = [(name, count) for name, count in stacks.within.most_common() if name not in everywhere]
    return "\n\n".join(
        [
            f"{conditions} {profile.seconds} s at {CONNECTIONS} connections.",
            table(("CPU time by thread", "own code", "kernel"), threads),
            _functions("the Python thread, by function: own time", stacks.own.most_common(_FUNCTIONS), stacks.total),
            _functions("the Python thread, by function: with what it calls", within[:_FUNCTIONS], stacks.total),
        ]
    )


def _targets(promised: list[Target]) -> str:
    rows = [
        [target.name, target.promised, target.measured, "reached" if target.reached else "**missed**"]
        for target in promised
    ]
    return table(("target", "promised", "measured", ""), rows)


def _rest(rest: Rest) -> str:
    head = (
        "", f"req/s, {CONNECTIONS} conn.", "(rounds)", "p50 ms", "p99 ms", "failed", "req/s, 1 conn.", "p50 ms",
        "p99 ms", "added p50 ms", "failed", "MB after",
    )  # fmt: skip
    return table(head, [[peer, *_rest_figures(rest, peer)] for peer in _ORDER])


def _rest_figures(rest: Rest, peer: str) -> Iterator[str]:
    one = rest.measured[peer, 1]
    yield from _figures(rest.measured[peer, CONNECTIONS])
    yield from (f"{one.per_second:,.0f}", f"{one.p50:.2f}", f"{one.p99:.2f}")
    yield "" if peer == DIRECT else f"{added_p50(rest.measured, peer):.2f}"
    yield str(one.failures)
    yield f"{rest.resident_mb[peer]:.0f}" if peer in rest.resident_mb else ""


def _ratios(measured: Measured) -> str:
    head = ("Fairlead's requests per second over", f"{CONNECTIONS} connections (rounds)", "1 connection (rounds)")
    rows = [
        [peer, *(str(ratio(measured[FAIRLEAD, count], measured[peer, count])) for count in (CONNECTIONS, 1))]
        for peer in _ORDER
        if peer != FAIRLEAD
    ]
    return table(head, rows)


def _half_load(results: Results) -> str:
    rows = [(f"{name}, {results.half_load.rate:,.0f} asked", one) for name, one in results.half_load.series.items()]
    return _series("", rows)


def _coalesced(results: Results) -> str:
    head = ("requests", "connections", "req/s", "(rounds)", "p50 ms", "p99 ms", "failed", "upstream calls/s")
    rows = [
        [one.requests, str(one.connections), *_figures(one.series), f"{one.calls_per_second:,.0f}"]
        for one in results.coalesced
    ]
    return table(head, rows)


def _series(title: str, rows: list[tuple[str, Series]]) -> str:
    head = (title, "req/s", "(rounds)", "p50 ms", "p99 ms", "failed")
    return table(head, [[name, *_figures(series)] for name, series in rows])


def _named(measured: Measured) -> list[tuple[str, Series]]:
    return [(name, series) for (name, _), series in measured.items()]


def _figures(series: Series) -> tuple[str, ...]:
    low, high = series.spread(lambda sample: sample.per_second)
    return (
        f"{series.per_second:,.0f}",
        f"{low:,.0f}–{high:,.0f}",
        f"{series.p50:.2f}",
        f"{series.p99:.2f}",
        str(series.failures),
    )


def _held(name: str, soak: Soak, trend: Trend, digits: int) -> list[str]:
    before, after = (
        (soak.before.resident_mb, soak.after.resident_mb)
        if digits
        else (soak.before.descriptors, soak.after.descriptors)
    )
    return [name, *(f"{value:,.{digits}f}" for value in (before, trend.start, trend.end, trend.per_hour, after))]


def _functions(title: str, counted: list[tuple[str, int]], total: int) -> str:
    return table((title, "share"), [[f"`{name}`", f"{count / total:.1%}"] for name, count in counted])
