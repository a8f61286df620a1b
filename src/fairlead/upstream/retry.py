"""When a call that failed is made again: pure decisions, with chance and time passed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from fairlead.errors import UpstreamInvalid, UpstreamTimeout, UpstreamUnreachable

# Failures and statuses that the next attempt may not have; what is refused for good is not asked again.
RETRIED_FAILURES: Final = (UpstreamUnreachable, UpstreamTimeout, UpstreamInvalid)
RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 2.0
# Whoever has to wait longer is told so instead: many callers give up sooner than we would.
LONGEST_PAUSE: Final = 5.0
# An attempt with less time than this would only be a second failure.
LEAST_TIME = 0.1


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most `retries` further attempts, each after a delay of full jitter."""

    retries: int

    def delay_before(self, retry: int, *, asked: float | None, left: float, chance: float) -> float | None:
        """Seconds to wait before this retry (the first is 1), or None when it is not to be made.

        `asked` is what the upstream asks to wait at least, `left` the time to the caller's deadline, `chance` is
        within 0 and 1. A delay that does not fit the deadline, or is longer than callers wait, is not begun.
        """
        if retry > self.retries or (asked or 0) > LONGEST_PAUSE:
            return None
        jitter: float = chance * min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** (retry - 1))
        # The jitter comes on top, so that those who were asked to wait do not come back at one moment.
        delay = jitter if asked is None else asked + jitter
        return delay if delay + LEAST_TIME <= left else None


@dataclass(slots=True)
class RetryBudget:
    """Keeps retries to a tenth of the calls, so that they cannot double the load of an upstream that struggles."""

    share: float = 0.1
    # Traffic of an hour ago does not pay for a storm of retries now.
    most: float = 10.0
    # A server that just started may still repeat one call.
    credit: float = 1.0

    def deposit(self) -> None:
        """Count a call."""
        self.credit = min(self.most, self.credit + self.share)

    def withdraw(self) -> bool:
        """Whether there is credit for a retry; it is taken."""
        if self.credit < 1.0:
            return False
        self.credit -= 1.0
        return True
