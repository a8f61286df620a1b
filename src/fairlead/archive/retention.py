"""How long the upstream keeps events, and what of that is left to read them in; in seconds."""

from __future__ import annotations

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import OrganizationState

DAY = 24 * 3_600.0


def retention_of(known: OrganizationState) -> float | None:
    """How long the upstream keeps events; None when it did not say."""
    return known.retention_days * DAY if known.retention_days else None


def headroom(known: OrganizationState, wall: float) -> float | None:
    """How long events may still stay unread before the upstream forgets some; below 0 it has.

    None when the retention is unknown, or nothing was ever read to its end.
    """
    retention = retention_of(known)
    if retention is None or known.tail_read_at is None:
        return None
    return retention - (wall - known.tail_read_at / NANOS_PER_SECOND)
