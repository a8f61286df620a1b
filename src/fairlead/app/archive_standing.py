"""How the archive of a server stands: looked up now and then, and told to probes and to the page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import OrganizationState
from fairlead.archive.retention import headroom, retention_of
from fairlead.archive.store import Archive
from fairlead.errors import ArchiveError
from fairlead.expose.readiness import ArchiveReadiness

LOOKS = 2.0
"""Seconds between two looks at the archive."""


@dataclass(slots=True)
class ArchiveStanding:
    """What was seen of an archive at the last look."""

    archive: Archive
    stalled: Callable[[], bool] | None
    """What the follower of this process says of it; None in one that only reads."""

    _states: tuple[OrganizationState, ...] = ()
    _failure: str = ""

    async def follow(self) -> None:
        """Look at the archive again and again, until it is cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOKS)

    def look(self) -> None:
        """Look at the archive."""
        try:
            self._states = tuple(self.archive.state(each) for each in self.archive.organizations())
            self._failure = ""
        except ArchiveError as failure:
            self._failure = failure.public

    def readiness(self) -> ArchiveReadiness:
        """How the archive stands, without the name of any organization: probes show no credential."""
        wall = time.time()
        rooms = [room for state in self._states if (room := headroom(state, wall)) is not None]
        read = [state.tail_read_at for state in self._states if state.tail_read_at is not None]
        return ArchiveReadiness(
            organizations=len(self._states),
            events=sum(state.events for state in self._states),
            gaps=sum(gap.start is not None for state in self._states for gap in state.gaps),
            newest_read_seconds_ago=int(wall - min(read) / NANOS_PER_SECOND) if read else None,
            headroom_seconds=int(min(rooms)) if rooms else None,
            stalled=self.stalled() if self.stalled else any(_is_late(state, wall) for state in self._states),
            failure=self._failure,
        )


def _is_late(state: OrganizationState, wall: float) -> bool:
    """Whether nobody, here or elsewhere, read the newest events for half of the time that the upstream keeps them.

    For a process that does not follow: a follower knows better, of a long first reading and of waits for the budget.
    """
    retention, left = retention_of(state), headroom(state, wall)
    return retention is not None and left is not None and left < retention / 2
