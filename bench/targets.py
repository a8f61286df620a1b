"""What was promised, and whether it is reached."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.load import CONNECTIONS
from bench.many import DOCUMENTS, LARGEST, MANY, ONE, OPERATIONS
from bench.mcp_peers import FAIRLEAD_MCP, FASTMCP, TOOLS, fairlead_with
from bench.peers import AIOHTTP, FAIRLEAD, HTTPX, NGINX
from bench.results import Ratio, Results, added_p50, ratio
from bench.soak import Soak

# libuv opens a descriptor to spare when it first accepts a connection.
_SPARE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A figure that was promised: what it is, what was promised, what was measured."""

    name: str
    promised: str
    measured: str
    reached: bool


def targets(results: Results) -> list[Target]:
    """Every target with what was measured."""
    rest, start, few, many = results.rest.measured, results.start, min(TOOLS), max(TOOLS)
    over = {peer: ratio(rest[FAIRLEAD, CONNECTIONS], rest[peer, CONNECTIONS]) for peer in (HTTPX, AIOHTTP, NGINX)}
    mcp = {
        name: results.mcp[name, CONNECTIONS]
        for name in (FAIRLEAD_MCP, FASTMCP, fairlead_with(few), fairlead_with(many))
    }
    failures = results.fairlead_failures()
    return [
        _at_least("REST over FastAPI + httpx", 20, over[HTTPX]),
        _at_least("REST over FastAPI + aiohttp", 2.5, over[AIOHTTP]),
        _at_least("REST over nginx `proxy_pass`", 0.35, over[NGINX]),
        _at_most("REST: added p50 at one connection", 0.3, added_p50(rest, FAIRLEAD)),
        _at_most("REST: p99 at half load", 5, results.half_load.series[FAIRLEAD].p99),
        _at_least("MCP over FastMCP", 2, ratio(mcp[FAIRLEAD_MCP], mcp[FASTMCP])),
        _at_least(f"MCP with {many} tools over {few}", 0.9, ratio(mcp[fairlead_with(many)], mcp[fairlead_with(few)])),
        _at_least(
            f"REST with {DOCUMENTS} documents over one",
            0.9,
            ratio(results.many[MANY, CONNECTIONS], results.many[ONE, CONNECTIONS]),
        ),
        Target(name="failed requests", promised="none", measured=str(failures), reached=failures == 0),
        _within("CPU of `fairlead check`", 0.3, start.check_cpu),
        _within(f"CPU of `fairlead check`, {LARGEST:,} operations", 3, start.largest_check_cpu),
        _within("`fairlead serve --sandbox` ready", 2, start.ready),
        _within(f"the same with {DOCUMENTS} documents, {OPERATIONS} operations", 3, start.many_ready),
    ]


def soak_targets(soak: Soak) -> list[Target]:
    """What a soak has to show."""
    failures, growth = soak.tally.unexpected.total(), soak.memory.growth
    return [
        Target(name="calls answered otherwise", promised="none", measured=str(failures), reached=failures == 0),
        Target(
            name="resident memory after the warm-up",
            promised="grows by less than 5 %",
            measured=f"{growth:+.1%}",
            reached=growth < 0.05,
        ),
        Target(
            name="descriptors once the callers are gone",
            promised=f"at most {soak.before.descriptors + _SPARE}",
            measured=str(soak.after.descriptors),
            reached=soak.after.descriptors <= soak.before.descriptors + _SPARE,
        ),
    ]


def _at_least(name: str, promised: float, measured: Ratio) -> Target:
    reached = measured.value >= promised
    return Target(name=name, promised=f"at least {promised:g} ×", measured=str(measured), reached=reached)


def _at_most(name: str, promised: float, measured: float) -> Target:
    return Target(
        name=name, promised=f"at most {promised:g} ms", measured=f"{measured:.2f} ms", reached=measured <= promised
    )


def _within(name: str, promised: float, seconds: Sequence[float]) -> Target:
    median = statistics.median(seconds)
    measured = f"{median:.2f} s (best {min(seconds):.2f})"
    return Target(name=name, promised=f"at most {promised:g} s", measured=measured, reached=median <= promised)
