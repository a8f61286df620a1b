"""What is counted, in Prometheus' terms; labels are names of the documents, never values of a caller.

Counting is an addition to a plain number in the event loop's thread: no lock, half a microsecond for each call.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

from fairlead.errors import UpstreamError
from fairlead.telemetry import families
from fairlead.telemetry.families import BUCKETS
from fairlead.telemetry.series import Histogram, Labels, Series

BreakerState = Literal["closed", "half-open", "open"]
Refusal = Literal["busy", "resting", "budget"]
Adapter = Literal["rest", "mcp"]

OTHER = "other"
"""The label for what would make a label of its own without bound."""


def _names(kind: type[UpstreamError]) -> Iterator[str]:
    yield kind.__name__
    for narrower in kind.__subclasses__():
        yield from _names(narrower)


_STATUSES = {status: str(status) for status in range(100, 600)}
_OUTCOMES = frozenset({*_STATUSES.values(), "ok", "error", "cancelled"})
_KINDS = frozenset(_names(UpstreamError))


@dataclass(slots=True, eq=False)
class UpstreamMetrics:
    """What is counted of one upstream; one made by itself counts for nobody, which is what a test may want."""

    namespace: str
    series: Series = field(default_factory=Series, repr=False)
    _own: Labels = field(init=False, repr=False)
    _answers: dict[Labels, float] = field(init=False, repr=False)
    _seconds: Histogram = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._own = (self.namespace,)
        self._answers = self.series.numbers[families.ANSWERS]
        self._seconds = self.series.histogram(families.ANSWER_SECONDS, self._own)
        # A counter that is there from the start shows its first increase.
        for family in (families.RETRIES, families.COALESCED, families.CACHED):
            self._add(family, self._own, 0)
        for reason in get_args(Refusal):
            self._add(families.REFUSED, (self.namespace, reason), 0)
        self.breaker("closed")
        self.running(0, 0)

    def answered(self, status: int, seconds: float) -> None:
        """Count an answer by status, and its time."""
        self._answers[self.namespace, _STATUSES.get(status, OTHER)] += 1
        cells = self._seconds
        cells[bisect_left(BUCKETS, seconds)] += 1
        cells[-1] += seconds

    def failed(self, kind: str) -> None:
        """Count an attempt that got no answer, by the name of the error's class (one of UpstreamError's)."""
        self._add(families.FAILURES, (self.namespace, kind if kind in _KINDS else OTHER))

    def retried(self) -> None:
        """Count an attempt that repeats a failed one."""
        self._add(families.RETRIES, self._own)

    def coalesced(self) -> None:
        """Count a call that shared the answer of another one in flight."""
        self._add(families.COALESCED, self._own)

    def cached(self) -> None:
        """Count a call that was answered from the cache."""
        self._add(families.CACHED, self._own)

    def refused(self, reason: Refusal) -> None:
        """Count a call that was not sent."""
        self._add(families.REFUSED, (self.namespace, reason))

    def breaker(self, state: BreakerState) -> None:
        """Note the breaker's state."""
        for each in get_args(BreakerState):
            self._set(families.BREAKER, (self.namespace, each), int(each == state))

    def running(self, calls: int, waiting: int) -> None:
        """Note how many calls run and wait."""
        self._set(families.RUNNING, self._own, calls)
        self._set(families.WAITING, self._own, waiting)

    def budget(self, remaining: int, limit: int, resets_at: float) -> None:
        """Note what the upstream's rate limit leaves; `resets_at` in seconds since 1970."""
        self._set(families.BUDGET_REMAINING, self._own, remaining)
        self._set(families.BUDGET_LIMIT, self._own, limit)
        self._set(families.BUDGET_RESET, self._own, resets_at)

    def _add(self, family: str, labels: Labels, number: int = 1) -> None:
        self.series.numbers[family][labels] += number

    def _set(self, family: str, labels: Labels, number: float) -> None:
        self.series.numbers[family][labels] = number


@dataclass(slots=True, eq=False)
class OperationMetrics:
    """What is counted of one operation behind one adapter (rate, errors, duration)."""

    operation: str
    adapter: Adapter
    series: Series = field(default_factory=Series, repr=False)
    _requests: dict[Labels, float] = field(init=False, repr=False)
    _seconds: Histogram = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._requests = self.series.numbers[families.REQUESTS]
        self._seconds = self.series.histogram(families.REQUEST_SECONDS, (self.adapter, self.operation))

    def finished(self, outcome: str, seconds: float) -> None:
        """Count a call by outcome: a status on REST, `ok` or `error` on MCP, `cancelled` when the caller left."""
        self._requests[self.adapter, self.operation, outcome if outcome in _OUTCOMES else OTHER] += 1
        cells = self._seconds
        cells[bisect_left(BUCKETS, seconds)] += 1
        cells[-1] += seconds
