"""How the archive of a server stands: looked up now and then, and told to probes and to the page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import OrganizationState
from fairlead.archive.store import Archive
from fairlead.errors import ArchiveError
from fairlead.expose.readiness import ArchiveReadiness
from fairlead.ingest.pace import headroom, patience, retention_of

LOOKS = 2.0
"""Seconds between two looks at the archive."""


@dataclass(slots=True)
class ArchiveStanding:
    """What was seen of an archive at the last look; `every` is how often it is to be read anew, in seconds."""

    archive: Archive
    every: float
    stalled: Callable[[], bool]
    """Whether whoever follows in this process says so."""

    _states: tuple[OrganizationState, ...] = ()
    _failure: str = ""
    _begun: float = field(default_factory=time.time)

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
            stalled=self.stalled() or self._is_late(wall),
            failure=self._failure,
        )

    def _is_late(self, wall: float) -> bool:
        """Whether nobody, here or elsewhere, read the newest events for too long."""
        return any(
            wall - max((state.tail_read_at or 0) / NANOS_PER_SECOND, self._begun)
            > patience(self.every, retention_of(state))
            for state in self._states
        )
