"""How long a page is asked for again when the upstream fails: pure decisions."""

from __future__ import annotations

from fairlead.errors import (
    Deferred,
    FairleadError,
    UpstreamInvalid,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from fairlead.upstream.retry_after import asked_wait

MOST_TRIES = 8
_FIRST_DELAY = 0.1
_LONGEST_DELAY = 60.0


def wait_before(attempt: int, failure: FairleadError, wall: float, chance: float) -> float | None:
    """Seconds before the attempt after this many, or None when asking again is useless; `chance` is within 0 and 1.

    What the upstream asks to wait is waited, however long.
    """
    jittered = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(attempt - 1, MOST_TRIES * 2)) * (0.5 + chance / 2)
    if isinstance(failure, Deferred):
        return failure.retry_after + jittered
    if attempt >= MOST_TRIES:
        return None
    if isinstance(failure, UpstreamRejected):
        if failure.status != 429 and failure.status < 500:
            return None
        asked = asked_wait(failure.status, dict(failure.headers), wall)
        return (asked or 0.0) + jittered
    return jittered if isinstance(failure, UpstreamInvalid | UpstreamTimeout | UpstreamUnreachable) else None
