"""What is counted, in Prometheus' terms; labels are names of the documents, never values of a caller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BreakerState = Literal["closed", "half-open", "open"]


@dataclass(frozen=True, slots=True)
class UpstreamMetrics:
    """What is counted of one upstream."""

    namespace: str

    def answered(self, status: int, seconds: float) -> None:
        """Count an answer by status, and its time."""

    def failed(self, kind: str) -> None:
        """Count an attempt that got no answer, by the name of the error's class."""

    def retried(self) -> None:
        """Count an attempt that repeats a failed one."""

    def coalesced(self) -> None:
        """Count a call that shared the answer of another one in flight."""

    def cached(self) -> None:
        """Count a call that was answered from the cache."""

    def refused(self, reason: Literal["busy", "resting", "budget"]) -> None:
        """Count a call that was not sent."""

    def breaker(self, state: BreakerState) -> None:
        """Note the breaker's state."""

    def running(self, calls: int, waiting: int) -> None:
        """Note how many calls run and wait."""

    def budget(self, remaining: int, limit: int, resets_at: float) -> None:
        """Note what the upstream's rate limit leaves; `resets_at` in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class OperationMetrics:
    """What is counted of one operation behind one adapter (rate, errors, duration)."""

    operation: str
    adapter: Literal["rest", "mcp"]

    def finished(self, outcome: str, seconds: float) -> None:
        """Count a call by outcome: a status on REST, `ok` or `error` on MCP."""
