"""What came of handing over a batch, and how long to wait before it is tried again: pure decisions."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 60.0
# About what is sent, and so about these events and no others.
_ABOUT_CONTENT = frozenset({400, 406, 409, 411, 412, 413, 414, 415, 422, 431})
_LATER = frozenset({408, 425, 429, 502, 503, 504})


class Verdict(Enum):
    """What a receiver made of a batch."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    """It refuses what is in the batch, for good."""
    FAILED = "failed"
    """It failed over the batch: perhaps because of what is in it."""
    AWAY = "away"
    """It is not there, or too busy: nothing is wrong with the batch."""
    DENIED = "denied"
    """It wants nothing from us, or something is set up wrong: no batch would be taken."""


class Outcome(NamedTuple):
    """A verdict and what it rests on; `asked` is how many seconds the receiver asks to wait at least."""

    verdict: Verdict
    reason: str = ""
    asked: float | None = None


def verdict_of(status: int) -> Verdict:
    """What an HTTP status says. A redirect is none of our business: what is followed is what the operator named."""
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if status in _LATER:
        return Verdict.AWAY
    if status >= 500:
        return Verdict.FAILED
    return Verdict.REFUSED if status in _ABOUT_CONTENT else Verdict.DENIED


def delay_before(attempt: int, asked: float | None, chance: float) -> float:
    """Seconds before the attempt after this many; `chance` is within 0 and 1. What is asked is waited, and more."""
    jittered: float = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(attempt - 1, 20)) * (0.5 + chance / 2)
    return (asked or 0.0) + jittered
