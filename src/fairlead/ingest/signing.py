"""Signs the log of a follower now and then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from fairlead.ingest.follow_records import record_failure
from fairlead.ingest.pace import signing_is_due


class Signer:
    """Signs the log of all organizations: now and then, because every checkpoint is kept for ever."""

    def __init__(self, sign: Callable[[], Awaitable[None]], now: Callable[[], float]) -> None:
        self._sign, self._now = sign, now
        self._signed_at: float | None = None
        self._turn = asyncio.Lock()
        self.grew = False
        """Whether there is something to sign."""

    async def sign(self, *, now: bool) -> None:
        """Sign if the log grew, at once or when it is time; what prevents it is told, and tried again later."""
        async with self._turn:
            moment = self._now()
            since = None if self._signed_at is None else moment - self._signed_at
            if not self.grew or not (now or signing_is_due(since)):
                return
            self.grew, self._signed_at = False, moment
            try:
                await self._sign()
            except asyncio.CancelledError:
                self.grew = True
                raise
            except Exception as failure:  # noqa: BLE001 - the follow loop goes on whatever happens
                self.grew = True
                record_failure("log not signed", failure)
