"""Makes a call again when the policy says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairlead.errors import Deferred, UpstreamError
from fairlead.upstream.guard import Guard
from fairlead.upstream.request import UpstreamRequest, UpstreamResponse
from fairlead.upstream.retry import RETRIED_FAILURES, RETRIED_STATUSES, RetryBudget, RetryPolicy
from fairlead.upstream.retry_after import asked_wait


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """The ways to run one call to its end: with retries for those that may be repeated, else once."""

    guard: Guard
    policy: RetryPolicy
    retry_budget: RetryBudget
    random: Callable[[], float]

    async def once(self, request: UpstreamRequest) -> UpstreamResponse:
        """One attempt before the deadline."""
        return await self.guard.attempt(request, self.guard.clock.now() + self.guard.total_timeout)

    async def repeated(self, request: UpstreamRequest) -> UpstreamResponse:
        """The first answer that is worth giving, or the last failure; all attempts share one deadline."""
        deadline = self.guard.clock.now() + self.guard.total_timeout
        self.retry_budget.deposit()
        try:
            response = await self.guard.attempt(request, deadline)
        except RETRIED_FAILURES as failure:
            return await self._again(request, deadline, failure)
        if response.status not in RETRIED_STATUSES:
            return response
        return await self._again(request, deadline, response)

    async def _again(
        self, request: UpstreamRequest, deadline: float, outcome: UpstreamResponse | UpstreamError
    ) -> UpstreamResponse:
        for retry in range(1, self.policy.retries + 1):
            delay = self._delay_before(retry, outcome, deadline)
            # An open breaker would refuse the retry, so nobody waits for it.
            if delay is None or not self.guard.breaker.closed or not self.retry_budget.withdraw():
                break
            await self.guard.clock.sleep(delay)
            self.guard.metrics.retried()
            try:
                outcome = await self.guard.attempt(request, deadline)
            except Deferred:
                break  # Nothing was sent; the failure before it says more.
            except RETRIED_FAILURES as failure:
                outcome = failure
            if isinstance(outcome, UpstreamResponse) and outcome.status not in RETRIED_STATUSES:
                return outcome
        try:
            if isinstance(outcome, UpstreamResponse):
                return outcome
            raise outcome
        finally:
            del outcome  # An error that its own traceback refers to would stay until the next collection.

    def _delay_before(self, retry: int, outcome: UpstreamResponse | UpstreamError, deadline: float) -> float | None:
        clock, asked = self.guard.clock, None
        if isinstance(outcome, UpstreamResponse):
            asked = asked_wait(outcome.status, dict(outcome.headers), clock.wall())
        return self.policy.delay_before(retry, asked=asked, left=deadline - clock.now(), chance=self.random())
