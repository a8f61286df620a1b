"""Everything between an operation and its upstream, put together once for each upstream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairlead.errors import Deferred
from fairlead.settings import Settings
from fairlead.telemetry.metrics import UpstreamMetrics
from fairlead.upstream.attempts import Attempts
from fairlead.upstream.breaker import Breaker
from fairlead.upstream.budget import Budget
from fairlead.upstream.cache import Cache, Keeper
from fairlead.upstream.clock import Clock
from fairlead.upstream.coalesce import Coalescer
from fairlead.upstream.guard import Guard
from fairlead.upstream.limit import Limit
from fairlead.upstream.request import Call, UpstreamRequest, UpstreamResponse
from fairlead.upstream.retry import RetryBudget, RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamCalls:
    """The ways to call one upstream, by what a call does to the world; they share limits, breaker and budget."""

    safe: Call
    """For calls that change nothing: cached when that is asked for, shared while in flight, repeated."""
    idempotent: Call
    """For calls that may be made twice: repeated."""
    once: Call
    """For all others: sent once at most."""

    def call_for(self, *, safe: bool, idempotent: bool) -> Call:
        """The way for an operation of these semantics; chosen once, when it is made ready to run."""
        if safe:
            return self.safe
        return self.idempotent if idempotent else self.once


def upstream_calls(
    send: Call, settings: Settings, *, clock: Clock, random: Callable[[], float], metrics: UpstreamMetrics
) -> UpstreamCalls:
    """The calls of one upstream and credential; `send` makes one request, `random` is within 0 and 1."""
    guard = Guard(
        send=send,
        clock=clock,
        metrics=metrics,
        breaker=Breaker(threshold=settings.breaker_failures, pause=settings.breaker_pause, note=metrics.breaker),
        budget=Budget(),
        limit=Limit(settings.max_calls, settings.max_waiting_calls, metrics.running),
        max_calls=settings.max_calls,
        total_timeout=settings.total_timeout,
    )
    attempts = Attempts(guard=guard, policy=RetryPolicy(settings.retries), retry_budget=RetryBudget(), random=random)
    cache = Cache()
    if settings.cache_ttl > 0:
        keeper = Keeper(cache=cache, ttl=settings.cache_ttl, now=clock.now, note=metrics.cached)
        coalescer = Coalescer(keeper.renewed(attempts.repeated), metrics.coalesced)
        safe = keeper.fresh(coalescer.shared)
    else:
        coalescer = Coalescer(attempts.repeated, metrics.coalesced)
        safe = coalescer.shared

    def forget() -> None:
        cache.clear()
        coalescer.detach()

    return UpstreamCalls(
        safe=safe,
        idempotent=_changing(attempts.repeated, forget),
        once=_changing(attempts.once, forget),
    )


def _changing(call: Call, forget: Callable[[], None]) -> Call:
    """A call after which no answer from before it is given: what a caller wrote, the next call must see."""

    async def changing(request: UpstreamRequest) -> UpstreamResponse:
        try:
            response = await call(request)
        except Deferred:
            raise  # Nothing was sent.
        except BaseException:
            forget()
            raise
        forget()
        return response

    return changing
