"""How long an upstream asks its callers to wait."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache

# Nobody means more; a longer wait is a mistake, or a duration where a date was expected.
LONGEST_WAIT = 86_400.0
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_WHOLE = re.compile(r"[0-9]+")
_LONGEST_NUMBER = 15


def whole(text: str | None) -> int | None:
    """A whole number of a header, or None for anything else."""
    return None if text is None or len(text) > _LONGEST_NUMBER else _whole(text)


# Most of what headers say they say again: the same limit, the same reset.
@lru_cache(maxsize=4_096)
def _whole(text: str) -> int | None:
    return int(text) if _WHOLE.fullmatch(text) else None


def asked_wait(status: int, headers: Mapping[str, str], wall: float) -> float | None:
    """The seconds an answer asks to wait before the next call, or None when it asks for nothing sensible.

    `Retry-After` is seconds or a date. `X-RateLimit-Reset` is a time since 1970, never a number of seconds, and
    counts for a 429 only: on other answers it is the end of a window with room in it.
    """
    wait = _retry_after(headers.get("retry-after"), wall)
    if wait is None and status == 429:
        reset = whole(headers.get("x-ratelimit-reset"))
        wait = None if reset is None else reset - wall
    return wait if wait is not None and 0 <= wait <= LONGEST_WAIT else None


def _retry_after(text: str | None, wall: float) -> float | None:
    if text is None:
        return None
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # A date that has passed asks for no wait; one without a zone is UTC, as all of HTTP's are.
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - wall)
