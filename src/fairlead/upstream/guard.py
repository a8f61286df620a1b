"""One attempt of one call, within what the upstream and its limits allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fairlead.errors import (
    BudgetSpent,
    Deferred,
    UpstreamBusy,
    UpstreamError,
    UpstreamResting,
    UpstreamTooLarge,
)
from fairlead.telemetry.metrics import UpstreamMetrics
from fairlead.upstream.breaker import Breaker, is_failure
from fairlead.upstream.budget import Budget
from fairlead.upstream.clock import Clock
from fairlead.upstream.limit import Limit
from fairlead.upstream.request import Call, UpstreamRequest, UpstreamResponse
from fairlead.upstream.retry import LEAST_TIME, LONGEST_PAUSE, RETRIED_FAILURES

_REASONS: Mapping[type[Deferred], Literal["busy", "resting", "budget"]] = {
    UpstreamBusy: "busy",
    UpstreamResting: "resting",
    BudgetSpent: "budget",
}
# A clock that is read twice has moved on, which is no reason to give a request a deadline of its own.
_SAME_TIME = 0.001


@dataclass(slots=True, kw_only=True)
class Guard:
    """What every attempt passes: the breaker, the rate limit's budget and the limit of calls at once."""

    send: Call
    clock: Clock
    metrics: UpstreamMetrics
    breaker: Breaker
    budget: Budget
    limit: Limit
    max_calls: int
    total_timeout: float

    async def attempt(self, request: UpstreamRequest, deadline: float) -> UpstreamResponse:
        """The upstream's answer, whatever its status, or its failure.

        Raises UpstreamResting at once, and UpstreamBusy or BudgetSpent when there is no turn before the deadline;
        then nothing was sent.
        """
        limit, breaker = self.limit, self.breaker
        trial = False
        # The common case costs a few comparisons.
        if breaker.closed and not self.budget.spent and limit.running < limit.ceiling and not limit.queue:
            limit.running += 1
            self.metrics.running(limit.running, limit.apart)
        else:
            trial = await self._turn(deadline)
        began = self.clock.now()
        left = deadline - began
        if left < self.total_timeout - _SAME_TIME:
            request = request._replace(timeout=left)
        try:
            response = await self.send(request)
            self._answered(response, began, trial=trial)
            return response
        except UpstreamError as failure:
            self._failed(failure, trial=trial, cut_short=self._cut_short(request, began))
            raise
        except BaseException:
            breaker.abandoned(trial=trial)
            raise
        finally:
            limit.leave()

    def _answered(self, response: UpstreamResponse, began: float, *, trial: bool) -> None:
        now = self.clock.now()
        self.metrics.answered(response.status, now - began)
        if is_failure(response.status):
            self.breaker.failed(now, trial=trial)
        elif trial or self.breaker.failures:
            self.breaker.succeeded(trial=trial)
        told = self.budget.hear(response.status, dict(response.headers), self.clock.wall())
        if told is not None:
            self.limit.allow(self.budget.ceiling(self.max_calls))
            self.metrics.budget(told.remaining, told.limit, told.resets_at)

    def _failed(self, failure: UpstreamError, *, trial: bool, cut_short: bool) -> None:
        self.metrics.failed(type(failure).__name__)
        if isinstance(failure, RETRIED_FAILURES) and not cut_short:
            self.breaker.failed(self.clock.now(), trial=trial)
        elif isinstance(failure, UpstreamTooLarge):
            self.breaker.succeeded(trial=trial)  # it did answer
        else:
            self.breaker.abandoned(trial=trial)

    def _cut_short(self, request: UpstreamRequest, began: float) -> bool:
        """Whether an attempt had only what other waits left, and used it up: no fault of the upstream's."""
        return request.timeout is not None and self.clock.now() - began >= request.timeout - _SAME_TIME

    async def _turn(self, deadline: float) -> bool:
        """Wait for a turn and take it; whether it is the breaker's trial."""
        try:
            while True:
                self.breaker.check(self.clock.now())
                await self._wait_for_budget(deadline)
                # Who gets a turn has time to use it.
                await self.limit.enter(deadline - LEAST_TIME - self.clock.now())
                # What held before the wait need not hold after it.
                if not self._pause():
                    return self._admitted()
                self.limit.leave()
        except Deferred as refusal:
            self.metrics.refused(_REASONS[type(refusal)])
            raise

    def _admitted(self) -> bool:
        try:
            return self.breaker.admit(self.clock.now())
        except UpstreamResting:
            self.limit.leave()
            raise

    async def _wait_for_budget(self, deadline: float) -> None:
        while pause := self._pause():
            if pause > LONGEST_PAUSE or pause + LEAST_TIME > deadline - self.clock.now():
                raise self.budget.refusal(self.clock.wall())
            with self.limit.waiting_apart():
                await self.clock.sleep(pause)

    def _pause(self) -> float:
        if not self.budget.spent:
            return 0.0
        pause = self.budget.pause(self.clock.wall())
        if not pause:
            self.limit.allow(self.budget.ceiling(self.max_calls))
        return pause
