"""What a server with an archive does beside answering: it keeps the archive fresh, and knows how that stands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from fairlead.app.archive_standing import ArchiveStanding
from fairlead.app.background import Start
from fairlead.app.equipment import Equipment
from fairlead.app.following import follow_syncing, following_of
from fairlead.app.options import ServeOptions
from fairlead.app.syncing import Syncing, SyncOptions, open_syncing
from fairlead.errors import FairleadError
from fairlead.expose.readiness import ArchiveReadiness
from fairlead.ingest.standing import Following
from fairlead.telemetry.records import record

EVERY = 60.0
"""Seconds between two looks at the newest events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """An archive that is looked after; `syncing` is None where it is only read."""

    standing: ArchiveStanding
    syncing: Syncing | None
    following: Following | None

    @property
    def readiness(self) -> Callable[[], ArchiveReadiness]:
        """How the archive stands, for probes and the page."""
        return self.standing.readiness

    def begin(self, start: Start) -> None:
        """Begin to follow and to look; both end with the server."""
        start(self.standing.follow())
        if self.syncing is not None and self.following is not None:
            start(follow_syncing(self.syncing, self.following, asyncio.Event()))


@asynccontextmanager
async def keeping(options: ServeOptions, equipment: Equipment) -> AsyncIterator[Keeping | None]:
    """What looks after the archive of a server; None for one without.

    Of several workers the first follows. A follower that cannot begin is told, and the archive answers as it is.
    """
    if equipment.archive is None:
        yield None
        return
    async with contextlib.AsyncExitStack() as stack:
        syncing = None
        if options.followed and options.worker == 0:
            try:
                opened = await stack.enter_async_context(open_syncing(_sync_options(options, equipment)))
                syncing = replace(opened, metrics=equipment.instruments.metrics)
            except FairleadError as failure:
                record("archive not followed", reason=str(failure), detail=failure.detail)
        following = following_of(syncing, EVERY) if syncing is not None else None
        stalled = (lambda: following.stalled) if following is not None else None
        standing = ArchiveStanding(equipment.archive, stalled)
        await asyncio.to_thread(standing.look)
        yield Keeping(standing=standing, syncing=syncing, following=following)


def _sync_options(options: ServeOptions, equipment: Equipment) -> SyncOptions:
    return SyncOptions(
        plans=options.followed,
        settings=options.settings,
        place=options.archive,
        organizations=options.organizations,
        sandbox=options.sandbox is not None,
        sandbox_url=equipment.sandbox_url,
        upstream=None if options.sandbox else options.upstream,
    )
