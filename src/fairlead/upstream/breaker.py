"""Leaves an upstream alone that fails, and tries it again after a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fairlead.errors import UpstreamResting
from fairlead.telemetry.metrics import BreakerState

_NOT_IMPLEMENTED = 501


def is_failure(status: int) -> bool:
    """Whether an answer says that the upstream is unwell; 501 says that it never knew how."""
    return status >= 500 and status != _NOT_IMPLEMENTED


@dataclass(slots=True, kw_only=True)
class Breaker:
    """Opens after `threshold` failures in a row (0: never), and after `pause` seconds lets one trial call through.

    A call that `admit` let through ends with `succeeded`, `failed` or `abandoned`, and says whether it was the
    trial; only the trial decides what becomes of an open breaker.
    """

    threshold: int
    pause: float
    note: Callable[[BreakerState], None]
    closed: bool = True
    failures: int = 0
    _resumes_at: float = field(default=0.0, init=False)
    _trying: bool = field(default=False, init=False)

    def check(self, now: float) -> None:
        """Raise UpstreamResting unless a call may be sent now."""
        if self.closed:
            return
        left = self._resumes_at - now
        if left > 0 or self._trying:
            raise UpstreamResting(
                "The upstream failed too often just now and is left alone for a while.",
                retry_after=max(left, 1.0),
            )

    def admit(self, now: float) -> bool:
        """Let a call through and say whether it is the trial; raises UpstreamResting."""
        if self.closed:
            return False
        self.check(now)
        self._trying = True
        self.note("half-open")
        return True

    def succeeded(self, *, trial: bool) -> None:
        """The upstream answered as one that is well."""
        if trial:
            self._trying = False
            self.closed = True
            self.note("closed")
        if self.closed:
            self.failures = 0

    def failed(self, now: float, *, trial: bool) -> None:
        """The upstream failed."""
        if trial:
            self._trying = False
            self._open(now)
        elif self.closed:
            self.failures += 1
            if self.failures >= self.threshold > 0:
                self._open(now)

    def abandoned(self, *, trial: bool) -> None:
        """The call ended without a word about the upstream's health; the next one may be the trial."""
        if trial:
            self._trying = False
            self.note("open")

    def _open(self, now: float) -> None:
        self.closed = False
        self._resumes_at = now + self.pause
        self.note("open")
