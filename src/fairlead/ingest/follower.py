"""Follows one organization: by one process at a time, its runs in turn, everything that goes wrong told."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import Gap, Kept
from fairlead.archive.store import Archive
from fairlead.errors import Deferred, FairleadError
from fairlead.ingest.follow_records import public_text, record_failure, record_gap, record_kept
from fairlead.ingest.pace import YIELDING, back_off, deep_is_due, interval, rest
from fairlead.ingest.progress import Progress, Report, Summary
from fairlead.ingest.reading import BUDGET
from fairlead.ingest.signing import Signer
from fairlead.ingest.standing import Course, Following, completed, failed
from fairlead.ingest.sync import LEASE, RENEWAL, Wish
from fairlead.ingest.writing import written
from fairlead.telemetry.records import record
from fairlead.upstream.clock import Clock

_REQUESTS = 3
"""What a run without news takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What following works with: the archive and the name its leases are held under, runs, and who signs the log.

    `organizations` says whom to follow, `hourly` how many requests an hour all runs together may make.
    """

    clock: Clock
    random: Callable[[], float]
    archive: Archive
    holder: str
    organizations: Callable[[], Awaitable[tuple[str, ...]]]
    run: Callable[[Wish, Report], Awaitable[Summary]]
    sign: Callable[[], Awaitable[None]]
    hourly: Callable[[], float]


class Usual:
    """How many requests a run of each organization usually takes: the least of its last few.

    One that had to catch up does not slow down those after it.
    """

    def __init__(self, organizations: int) -> None:
        self._organizations = organizations
        self._taken: dict[str, deque[int]] = {}

    def requests(self, organization: str, taken: int) -> int:
        """The requests of a round of all organizations, now that a run of this one took so many."""
        self._taken.setdefault(organization, deque((_REQUESTS,), maxlen=3)).append(taken)
        unknown = self._organizations - len(self._taken)
        return sum(map(min, self._taken.values())) + unknown * _REQUESTS


class Follower:
    """Follows one organization."""

    def __init__(self, means: Means, following: Following, signer: Signer, usual: Usual, organization: str) -> None:
        self._means, self._following, self._signer, self._usual = means, following, signer, usual
        self._organization = organization
        self._every = self._between = following.every
        self._spread = means.random()
        self._deep_tried: float | None = None
        self._deep_took = 0.0
        self._leading = False
        self._read: tuple[int, Kept] | None = None
        self._told: frozenset[Gap] | None = None

    async def go(self) -> None:
        """Run after run, for ever."""
        try:
            while True:
                seconds = await self._turn()
                await self._signer.sign(now=False)
                await self._rest(seconds)
        finally:
            with contextlib.suppress(FairleadError):
                await written(self._give_up_lease)

    async def _turn(self) -> float:
        """Run, or stand by while another process does; seconds to the next turn."""
        try:
            if not await self._leads():
                await self._refresh()
                return min(self._every, RENEWAL)
        except Exception as failure:  # noqa: BLE001 - the follow loop goes on whatever happens
            return self._failed(self._course, failure)
        before = self._course
        try:
            await self._refresh()
            before = self._course
            await self._run(deep=False)
            if self._deep_is_due():
                await self._run(deep=True)
        except Exception as failure:  # noqa: BLE001 - as above
            with contextlib.suppress(FairleadError):
                await self._refresh()
            return self._failed(before, failure)
        return rest(self._between, self._means.random())

    async def _leads(self) -> bool:
        """Whether this process has the lease; who has to stand by, and who takes over, is told once."""
        leads = await written(self._take_lease)
        course = self._course
        if not leads and not course.standing_by:
            record("standing by", level="info", organization=self._organization)
            self._following.keep(replace(course, standing_by=True, failure="", in_a_row=0, excused_until=0.0))
        if leads and course.standing_by:
            record("taking over", level="info", organization=self._organization)
            now = self._means.clock.now()
            self._following.keep(replace(course, standing_by=False, alive_at=now, complete_at=now))
        # Whoever led before may have left something unsigned.
        self._signer.grew |= leads and not self._leading
        self._leading = leads
        return leads

    async def _run(self, *, deep: bool) -> None:
        began = self._means.clock.now()
        if deep:
            self._deep_tried = began
        wish = Wish(organization=self._organization, deep=deep, keeps_lease=True)
        summary = await self._means.run(wish, self._report)
        now = self._means.clock.now()
        if deep:
            self._deep_took = now - began
        else:
            self._space(self._usual.requests(self._organization, summary.requests))
        await self._refresh()
        if self._course.in_a_row:
            record("sync recovered", level="info", organization=self._organization)
        self._following.keep(completed(self._course, now, self._between))
        if summary.kept.new or summary.kept.revisions:
            record_kept(summary)
        if deep:
            await self._signer.sign(now=True)

    def _space(self, requests: int) -> None:
        between = interval(self._every, requests, self._means.hourly())
        if between > self._between * 1.5:
            record(
                "runs spaced for the budget",
                level="info",
                organization=self._organization,
                every=round(between),
                wished=round(self._every),
            )
        self._between = between

    def _deep_is_due(self) -> bool:
        now, known = self._means.clock.now(), self._course.known
        age = None if known.deep_read_at is None else self._means.clock.wall() - known.deep_read_at / NANOS_PER_SECOND
        tried = None if self._deep_tried is None else now - self._deep_tried
        return deep_is_due(age, tried, self._deep_took, self._spread)

    def _failed(self, before: Course, failure: Exception) -> float:
        course = failed(self._course, before, public_text(failure))
        self._following.keep(course)
        seconds = back_off(self._between, course.in_a_row, asked_wait(failure), self._means.random())
        record_failure("sync failed", failure, organization=self._organization, again_in=round(seconds))
        return seconds

    async def _rest(self, seconds: float) -> None:
        """Wait, and stay the one who syncs; after many failures let another process try."""
        course = self._course
        if course.in_a_row >= YIELDING:
            with contextlib.suppress(FairleadError):
                await written(self._give_up_lease)
        until = self._means.clock.now() + seconds
        while (left := until - self._means.clock.now()) > 0:
            await self._means.clock.sleep(min(left, RENEWAL))
            if course.in_a_row < YIELDING and not course.standing_by:
                # Whether it is still ours is asked again before the next run.
                with contextlib.suppress(FairleadError):
                    await written(self._take_lease)

    async def _refresh(self) -> None:
        """Learn how the archive stands, and tell of gaps that were not there before."""
        known = await written(lambda: self._means.archive.state(self._organization))
        self._following.keep(replace(self._course, known=known))
        told, self._told = self._told, frozenset(known.gaps)
        if told is None or self._course.standing_by:
            return
        for gap in known.gaps:
            if gap not in told:
                record_gap(self._organization, gap)

    def _report(self, progress: Progress) -> None:
        now, course = self._means.clock.now(), self._course
        read = (progress.done, progress.kept)
        if read != self._read and (progress.done or any(progress.kept)):
            course = replace(course, alive_at=now)
        self._read = read
        self._signer.grew |= bool(progress.kept.new or progress.kept.revisions)
        waits = progress.waiting and progress.reason == BUDGET
        excused_until = now + progress.waiting if waits else min(now, course.excused_until)
        self._following.keep(replace(course, excused_until=excused_until))

    @property
    def _course(self) -> Course:
        return self._following.course(self._organization)

    def _take_lease(self) -> bool:
        now = int(self._means.clock.wall() * NANOS_PER_SECOND)
        return self._means.archive.take_lease(self._organization, self._means.holder, now, now + LEASE)

    def _give_up_lease(self) -> None:
        self._means.archive.give_up_lease(self._organization, self._means.holder)


def asked_wait(failure: Exception) -> float:
    """How long a failure asks to wait."""
    return failure.retry_after if isinstance(failure, Deferred) else 0.0
