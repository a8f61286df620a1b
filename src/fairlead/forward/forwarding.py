"""Forwarding: batch after batch in the order of the log, each until it is delivered, or known to be undeliverable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from fairlead.archive.bookmark import START, bookmark_at, end_of_log
from fairlead.archive.store import Archive
from fairlead.errors import ConfigurationError
from fairlead.forward.batches import Batch, Deliver, Limits, next_batch
from fairlead.forward.notebook import Notebook, Place
from fairlead.forward.outcomes import Outcome, Verdict, delay_before

_MOST_REFUSED = 1_000
_TRIES_OF_A_HALF = 2
_WITHOUT_LIMIT = 1 << 62
_TRIED_AGAIN = {Verdict.AWAY, Verdict.FAILED}
_NOT_ABOUT_THE_BATCH = {Verdict.AWAY, Verdict.DENIED}


class Progress(NamedTuple):
    """How far forwarding is; while it waits, for how long and why."""

    delivered: int
    refused: int
    left: int
    waiting: float = 0.0
    reason: str = ""


class Summary(NamedTuple):
    """What came of a run; `trouble` is why it ended before the log did, or empty."""

    delivered: int
    refused: int
    left: int
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is forwarded (of the organizations named, or of all) to whom, and how.

    `start` sets the bookmark. `poll` is how often to look for new events, None to end with the log. `pause` waits for
    seconds and says whether to stop, at once when it is to; `rate` is how many events a second are sent at most.
    """

    archive: Archive
    deliver: Deliver
    notebook: Notebook
    limits: Limits
    pause: Callable[[float], Awaitable[bool]]
    wall: Callable[[], float]
    random: Callable[[], float]
    report: Callable[[Progress], None]
    organizations: tuple[str, ...] = ()
    tries: int = 10
    poll: float | None = None
    start: int | None = None
    rate: float | None = None


async def forward(job: Job) -> Summary:
    """Forward until the log ends, `pause` says to stop, or the receiver takes nothing; for one who has the notebook.

    An event is delivered at least once: the notebook moves on behind a batch, and remembers the one that was sent
    last, which is sent again as it was. Raises ConfigurationError and ArchiveError.
    """
    return await _Run(job, await asyncio.to_thread(_begin, job)).to_end()


def _begin(job: Job) -> Place:
    if job.start is None:
        return job.notebook.read() or Place()
    end = end_of_log(job.archive, START)
    if job.start > end:
        raise ConfigurationError(
            f"The log has {end:,} events, so that none has number {job.start:,}.", remedy="Take `--start now`."
        )
    return Place(bookmark=bookmark_at(job.archive, job.start))


class _Run:
    """One run: where it is, what it did, and why it cannot go on."""

    def __init__(self, job: Job, place: Place) -> None:
        self._job = job
        self._place = place
        self._end = 0
        self._delivered = self._refused = self._refused_in_a_row = 0
        self._trouble = ""
        self._written: Place | None = None

    async def to_end(self) -> Summary:
        """Batch after batch."""
        while not self._trouble and await self._has_more():
            await self._take_next()
        await self._remember()
        return Summary(self._delivered, self._refused, self._left, self._trouble)

    async def _has_more(self) -> bool:
        """Whether there is another batch, and nobody asked to stop; waits for events where that is wanted."""
        job = self._job
        if await job.pause(0):
            return False
        while True:
            if self._left == 0:
                self._end = await asyncio.to_thread(end_of_log, job.archive, self._place.bookmark)
            if self._left:
                return True
            await self._remember()
            if job.poll is None or await job.pause(job.poll):
                return False

    async def _take_next(self) -> None:
        """Hand over the next batch, and move on behind it."""
        job, start = self._job, self._place.bookmark.number
        batch = await asyncio.to_thread(_batch, job, self._place, self._end)
        if not job.organizations or batch.organization in job.organizations:
            # Whoever is interrupted from here on sends this very batch again, under the same name.
            self._place = replace(self._place, sent_to=batch.end)
            await self._remember()
            if not await self._hand_over(batch, job.tries):
                return
        self._place = Place(bookmark=await asyncio.to_thread(bookmark_at, job.archive, batch.end))
        self._tell()
        if self._refused_in_a_row >= _MOST_REFUSED:
            self._trouble = f"it refused {self._refused_in_a_row:,} events in a row, so nothing more is sent"
        if job.rate is not None:
            await job.pause((batch.end - start) / job.rate)

    async def _hand_over(self, batch: Batch, tries: int) -> bool:
        """Whether a batch is delivered, except for what is refused; false when that stays open."""
        outcome = await self._tried(batch, tries)
        if outcome is None:
            return False
        if outcome.verdict is Verdict.DELIVERED:
            self._delivered += len(batch.events)
            self._refused_in_a_row = 0
            return True
        if outcome.verdict in _NOT_ABOUT_THE_BATCH:
            self._trouble = outcome.reason
            return False
        if len(batch.events) == 1:
            await self._give_up(batch, outcome)
            return True
        # One event that cannot be taken must not keep the others back.
        for half in batch.halves():
            if not await self._hand_over(half, min(tries, _TRIES_OF_A_HALF)):
                return False
        return True

    async def _tried(self, batch: Batch, tries: int) -> Outcome | None:
        """What comes of a batch in the end; None when it is to stop before that."""
        attempt = 0
        while True:
            attempt += 1
            outcome = await self._job.deliver(batch)
            # Who follows waits for a receiver that is away, however long.
            waited_for = outcome.verdict is Verdict.AWAY and self._job.poll is not None
            if outcome.verdict not in _TRIED_AGAIN or (attempt >= tries and not waited_for):
                return outcome
            delay = delay_before(attempt, outcome.asked, self._job.random())
            self._tell(delay, outcome.reason)
            if await self._job.pause(delay):
                return None

    async def _give_up(self, batch: Batch, outcome: Outcome) -> None:
        keep = self._job.notebook.keep_refused
        await asyncio.to_thread(keep, batch.events[0], outcome.reason, int(self._job.wall()))
        self._refused += 1
        self._refused_in_a_row += 1

    async def _remember(self) -> None:
        if self._place != self._written:
            await asyncio.to_thread(self._job.notebook.write, self._place)
            self._written = self._place

    def _tell(self, waiting: float = 0.0, reason: str = "") -> None:
        self._job.report(Progress(self._delivered, self._refused, self._left, waiting, reason))

    @property
    def _left(self) -> int:
        return max(0, self._end - self._place.bookmark.number)


def _batch(job: Job, place: Place, end: int) -> Batch:
    """The next batch, or the one that was sent already and may have arrived."""
    start = place.bookmark.number
    if start < place.sent_to <= end:
        return next_batch(job.archive, start, place.sent_to, Limits(events=place.sent_to - start, size=_WITHOUT_LIMIT))
    return next_batch(job.archive, start, end, job.limits)
