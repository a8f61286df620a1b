"""Whether the archive has all that the upstream could answer, of a stretch of time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice, covers
from fairlead.archive.model import OrganizationState
from fairlead.archive.retention import retention_of
from fairlead.archive.store import Archive

FRESH = 120 * NANOS_PER_SECOND
"""How old the newest events of the archive may be for it to answer about the present."""

_LOOKED_AGAIN = NANOS_PER_SECOND


def answers(state: OrganizationState, window: Slice, now: int, fresh: int = FRESH) -> bool:
    """Whether the archive answers about a window as well as the upstream, or better.

    What the upstream has forgotten nobody can ask it for, so only the time it still holds has to be covered. The last
    stretch before the newest events were read counts as covered, though more may come late.
    """
    if not state.covered:
        return False
    retention = retention_of(state)
    begin = max(window.start, 0 if retention is None else now - int(retention * NANOS_PER_SECOND))
    tail = state.tail_read_at
    covered = state.covered if tail is None else (*state.covered, Slice(state.covered[-1].end, tail))
    end = min(window.end, now)
    if tail is not None and end > tail and end - tail <= fresh:
        end = tail
    # Before the first covered instant the archive has nothing; that it is no loss only the retention says.
    return begin < end and covers(covered, Slice(begin, end))


@dataclass(slots=True)
class Standing:
    """What the archive covers, looked up at most once a second; safe to share between threads."""

    archive: Archive
    wall: Callable[[], float]
    _known: dict[str, tuple[int, OrganizationState]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, organization: str) -> tuple[OrganizationState, int]:
        """What is known of an organization, and what time it is."""
        now = int(self.wall() * NANOS_PER_SECOND)
        with self._lock:
            found = self._known.get(organization)
        if found is None or now - found[0] > _LOOKED_AGAIN:
            found = (now, self.archive.state(organization))
            with self._lock:
                self._known[organization] = found
        return found[1], now
