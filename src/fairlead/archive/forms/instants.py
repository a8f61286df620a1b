"""Instants, as the forms write them."""

from __future__ import annotations

from fairlead.archive.contract import NANOS_PER_MICRO, instant_text
from fairlead.archive.events import nanos_of

NANOS_PER_MILLI = 1_000_000
EPOCH = "1970-01-01T00:00:00Z"


def millis_of(timestamp: str | None) -> int | None:
    """A timestamp as whole milliseconds since 1970; None for one that cannot be read."""
    nanos = nanos_of(timestamp)
    return None if nanos is None else nanos // NANOS_PER_MILLI


def utc(timestamp: str | None, *, most_digits: int = 9) -> str | None:
    """A timestamp in UTC with 0, 3, 6 or 9 digits of a second; None for one that cannot be read."""
    nanos = nanos_of(timestamp)
    if nanos is None:
        return None
    micros, rest = divmod(nanos, NANOS_PER_MICRO)
    text = instant_text(micros)
    if not rest or most_digits < 9:
        return text
    return f"{text[:19]}.{micros % 1_000_000:06d}{rest:03d}Z"
