"""What the upstream's own rate limit leaves, as its answers tell it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from fairlead.errors import BudgetSpent
from fairlead.upstream.retry_after import LONGEST_WAIT, asked_wait, whole

# Windows whose ends are told as durations differ by a rounding.
_SAME_WINDOW = 2.0
_FIELD = re.compile(r"[;,]\s*(limit|remaining|reset|r|t)=(\d+)")


class Told(NamedTuple):
    """What one answer says of the rate limit: calls in a window (0: not said), calls left, when the window ends."""

    limit: int
    remaining: int
    resets_at: float


def told_by(headers: Mapping[str, str], wall: float) -> Told | None:
    """What an answer says of the rate limit, or None when it says nothing or nothing that makes sense.

    `X-RateLimit-Reset` is a time since 1970; the fields of the IETF's drafts (`RateLimit-Reset`, and `RateLimit` in
    its two forms) are seconds from now.
    """
    remaining = headers.get("x-ratelimit-remaining")
    if remaining is not None:
        reset = whole(headers.get("x-ratelimit-reset"))
        return _sensible(headers.get("x-ratelimit-limit"), remaining, reset, wall)
    remaining = headers.get("ratelimit-remaining")
    if remaining is not None:
        return _sensible(headers.get("ratelimit-limit"), remaining, _later(headers.get("ratelimit-reset"), wall), wall)
    if "ratelimit" in headers:
        said = dict(_FIELD.findall(f";{headers['ratelimit']}"))
        remaining, seconds = said.get("remaining", said.get("r")), said.get("reset", said.get("t"))
        return _sensible(said.get("limit"), remaining, _later(seconds, wall), wall)
    return None


def _later(seconds: str | None, wall: float) -> float | None:
    number = whole(seconds)
    return None if number is None else wall + number


def _sensible(limit: str | None, remaining: str | None, reset: float | None, wall: float) -> Told | None:
    """A window that is over, or ends after more than a day, is a mistake or another unit."""
    left = whole(remaining)
    if left is None or reset is None or not 0 < reset - wall <= LONGEST_WAIT:
        return None
    return Told(whole(limit) or 0, left, reset)


@dataclass(slots=True)
class Budget:
    """The rate limit of one upstream and credential; nothing is held back until an answer tells of one.

    Calls go out at full speed until none is left, and then wait for the reset or fail: whoever calls is better served
    by an answer now than by calls spread over an hour that may bring no others. Calls in flight count as made, so
    that many at once do not share the last one (`ceiling`).
    """

    told: Told | None = None
    # Whether `pause` need be asked at all.
    spent: bool = False
    _resumes_at: float = 0.0

    def hear(self, status: int, headers: Mapping[str, str], wall: float) -> Told | None:
        """What is known after an answer that told something, else None.

        A 429 that says how long ends all calls until then.
        """
        told = told_by(headers, wall)
        if told is not None:
            self._learn(told, wall)
        asked = asked_wait(status, headers, wall) if status == 429 else None
        if asked:
            self._spend(wall + asked)
        elif told is None:
            return None
        limit = self.told.limit if self.told else 0
        return Told(limit, 0, self._resumes_at) if self.spent else self.told

    def pause(self, wall: float) -> float:
        """Seconds until calls may be made again; 0 when they may be made now."""
        if not self.spent:
            return 0.0
        left = self._resumes_at - wall
        # More than the longest wait: the clock was set back.
        if 0 < left <= LONGEST_WAIT:
            return left
        self.spent, self._resumes_at = False, 0.0
        if self.told is not None and self.told.remaining == 0:
            # A new window, of which only the size is known.
            self.told = Told(self.told.limit, self.told.limit, wall) if self.told.limit else None
        return 0.0

    def ceiling(self, most: int) -> int:
        """How many calls may be in flight at once: no more than the rate limit leaves, but one at least."""
        # One may always wait at the head, to find out that the budget is spent.
        return most if self.told is None else max(1, min(most, self.told.remaining))

    def refusal(self, wall: float) -> BudgetSpent:
        """What a call is told that cannot wait for the reset."""
        reset = datetime.fromtimestamp(self._resumes_at, UTC).replace(microsecond=0, tzinfo=None)
        return BudgetSpent(
            f"The upstream's rate limit is used up until {reset.isoformat()}Z.",
            retry_after=self._resumes_at - wall,
            remedy="Call again after that.",
        )

    def _learn(self, told: Told, wall: float) -> None:
        known = self.told
        if known is not None and known.resets_at > wall and abs(known.resets_at - told.resets_at) < _SAME_WINDOW:
            # Answers overtake each other; within a window the count only falls.
            told = told if told.remaining <= known.remaining else known
        self.told = told
        if told.remaining == 0:
            self._spend(told.resets_at)

    def _spend(self, until: float) -> None:
        self.spent = True
        self._resumes_at = max(self._resumes_at, until)
