"""One bounded run: everything the upstream still holds and the archive lacks, oldest first, resumable at any point."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice, holes, joined
from fairlead.archive.model import Batch, Gap, GapReason, Kept, Prepared
from fairlead.archive.preparation import Incoming
from fairlead.archive.store import Archive
from fairlead.errors import ArchiveBusy, FairleadError, UpstreamError, UpstreamRejected
from fairlead.ingest.api import Ask
from fairlead.ingest.found import Found, incoming, read_events, second_of, told_page
from fairlead.ingest.progress import Progress, Report, Summary
from fairlead.ingest.reading import Reader, Way
from fairlead.ingest.walk import walk
from fairlead.ingest.windows import DAY, HOUR, WIDEST, Task, next_width, next_window, task
from fairlead.ingest.writing import written

LEASE = 120 * NANOS_PER_SECOND
RENEWAL = 30.0
"""Seconds between two times that a run says it still holds its organization."""
_UNKNOWN_RETENTION = 30.0
# The last second of 64 bits of nanoseconds.
_END_OF_TIME = (1 << 63) // NANOS_PER_SECOND
_WAITING_STEPS = 16
# Seconds around the edge of retention in which the upstream and we may not agree where it is.
_DOUBTFUL = 2
# A difference of seconds is the network's; one of more than a day is a `Date` that some cache made.
_TELLING, _INCREDIBLE = 60.0, 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where events go: the archive, what makes them ready for it, and the name that its lease is held under."""

    archive: Archive
    prepare: Callable[[Incoming], Prepared]
    holder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which run is asked for: of which organization, how far back at most, and whether all is read again.

    With `keeps_lease` nobody else may sync the organization when the run is over, for as long as a lease lasts.
    """

    organization: str
    since: int | None = None
    deep: bool = False
    keeps_lease: bool = False


async def sync(way: Way, target: Target, wish: Wish, report: Report) -> Summary:
    """Bring an organization's events up to date, and say what was kept and what is lost.

    Raises ArchiveBusy while another process syncs the organization, UpstreamError when the upstream fails for longer
    than can be waited, ArchiveError when the archive does; what was kept before stays, and the next run goes on.
    """
    now = _nanos(way.clock.wall())
    if not await asyncio.to_thread(target.archive.take_lease, wish.organization, target.holder, now, now + LEASE):
        raise ArchiveBusy(
            "Another process syncs this organization.",
            remedy="Wait for it, or stop it; its hold ends two minutes after it does.",
        )
    run = _Run(way, target, wish, report)
    try:
        async with asyncio.TaskGroup() as group:
            renewal = group.create_task(_renewed(way, target, wish.organization))
            await run.go()
            renewal.cancel()
    except BaseExceptionGroup as failures:
        raise _first(failures) from None
    finally:
        if not wish.keeps_lease:
            with contextlib.suppress(FairleadError):
                await asyncio.to_thread(target.archive.give_up_lease, wish.organization, target.holder)
    return await asyncio.to_thread(run.summary)


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The failure that the others followed from."""
    failure: BaseException = failures
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return failure


async def _renewed(way: Way, target: Target, organization: str) -> None:
    while True:
        await way.clock.sleep(RENEWAL)
        now = _nanos(way.clock.wall())
        await asyncio.to_thread(target.archive.take_lease, organization, target.holder, now, now + LEASE)


_Steps: TypeAlias = asyncio.Queue[Found | UpstreamError | None]


class _Run:
    """A run in progress, and what it has counted so far."""

    def __init__(self, way: Way, target: Target, wish: Wish, report: Report) -> None:
        self._clock, self._target, self._wish, self._report = way.clock, target, wish, report
        self._reader = Reader(way, wish.organization, self._waiting)
        self._begun = way.clock.now()
        self._retention: float | None = None
        self._ahead = 0.0
        self._progress = Progress(organization=wish.organization, done=0, whole=1, kept=Kept(), requests=0)

    async def go(self) -> None:
        """Read and keep until nothing is missing."""
        facts = await self._reader.facts()
        state = await asyncio.to_thread(self._target.archive.state, self._wish.organization)
        self._retention = facts.retention_days or state.retention_days
        self._ahead = _ahead(self._clock.wall(), facts.wall)
        now = self._now()
        edge = self._edge(now)
        if not state.covered:
            edge = await self._look_before(edge)
        covered = state.covered
        if self._retention is None and covered:
            # Nobody says from when on something is lost, so whatever is missing is asked for until it is told.
            edge = min(edge, covered[0].start)
            covered = joined((*covered, *(Slice(gap.start or 0, gap.end) for gap in state.gaps)))
        work = task(covered, edge=edge, since=self._wish.since or 0, now=now, again=self._wish.deep)
        lost = tuple(Gap(each.start, each.end, "not-read-in-time", now) for each in work.lost)
        await self._keep(retention_days=self._retention, gaps=lost)
        self._progress = replace(self._progress, whole=max(1, sum(_length(each) for each in work.missing)))
        await self._read_windows(work)
        await self._look_ahead(now)
        is_deep = self._wish.deep or not state.covered
        await self._keep(tail_read_at=now, deep_read_at=now if is_deep else None)

    def summary(self) -> Summary:
        """What the run brought about."""
        state = self._target.archive.state(self._wish.organization)
        return Summary(
            organization=self._wish.organization,
            kept=self._progress.kept,
            requests=self._reader.requests,
            seconds=self._clock.now() - self._begun,
            gaps=state.gaps,
            covered=state.covered,
            events=state.events,
        )

    async def _read_windows(self, work: Task) -> None:
        """Read window after window; while pages are kept, the next ones are on their way."""
        queue: _Steps = asyncio.Queue(_WAITING_STEPS)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fill(queue, work))
            while steps := await _drained(queue):
                await self._keep_steps(steps, work)

    async def _fill(self, queue: _Steps, work: Task) -> None:
        """Put in all there is to keep, and then the end; a failure is one, so that what was read before it is kept."""
        try:
            await self._walk_windows(queue, work)
        except UpstreamError as failure:
            await queue.put(failure)
        else:
            await queue.put(None)

    async def _walk_windows(self, queue: _Steps, work: Task) -> None:
        width = HOUR
        while True:
            window = next_window(work, width)
            before = self._reader.requests
            async for found in walk(self._reader.page, window, self._reader.size):
                await queue.put(found if found.cut_at is None else await self._placed(found, window))
            if window.end > work.settled:
                return
            work = work._replace(missing=tuple(hole for each in work.missing for hole in holes([window], each)))
            width = next_width(width, self._reader.requests - before)

    async def _keep_steps(self, steps: list[Found], work: Task) -> None:
        covered: list[Slice] = []
        gaps: list[Gap] = []
        for step in steps:
            if step.torn is not None:
                gaps.append(self._gap(*step.torn, "tie-longer-than-pages"))
            begin = max(self._edge_when(step.read_at), step.cut_at or 0)
            if begin > step.covered.start and step.cut_at is not None:
                gaps.append(self._gap(step.covered.start, min(begin, step.covered.end), "beyond-retention"))
            covered.append(Slice(max(begin, step.covered.start), min(step.covered.end, work.settled)))
        kept = tuple(each for each in covered if each.start < each.end)
        done = min(self._progress.whole, self._progress.done + sum(map(_length, kept)))
        self._progress = replace(self._progress, done=done)
        events = tuple(event for step in reversed(steps) for event in step.events)
        await self._keep(events=events, covered=kept, gaps=tuple(gaps))

    def _edge_when(self, wall: float) -> int:
        """From when on a page read then could show everything: retention moves on while pages are read."""
        return self._edge(_nanos(wall - self._ahead)) if self._retention else 0

    async def _placed(self, found: Found, window: Slice) -> Found:
        """A step at whose end the upstream hides events, with the place where these end.

        A window is asked for a second early, so that they may all lie before it; else less is kept than was told.
        """
        begin = max(self._edge_when(found.read_at), window.start)
        inside, cut = second_of(begin) + _DOUBTFUL, second_of(found.cut_at or 0)
        if inside < cut:
            page = await told_page(self._reader.page, Ask(inside, cut, self._reader.size))
            if page.limit_reached:
                return found
        at_edge = bool(self._retention) and begin - self._edge_when(found.read_at) < _DOUBTFUL * NANOS_PER_SECOND
        return found._replace(cut_at=begin if at_edge else min(inside * NANOS_PER_SECOND, found.cut_at or 0))

    async def _look_before(self, edge: int) -> int:
        """Find out whether there was a history that retention has cut off before anything was kept.

        Returns from when on there is something to read: further back when nobody says how long events are kept.
        """
        while edge > 0:
            since = max(0, edge - WIDEST)
            ask = Ask(since // NANOS_PER_SECOND, edge // NANOS_PER_SECOND, self._reader.size)
            page = await told_page(self._reader.page, ask)
            if page.limit_reached:
                await self._keep(gaps=(self._gap(None, edge, "beyond-retention"),))
            if self._retention or not page.events:
                break
            edge = since
        return edge

    async def _look_ahead(self, now: int) -> None:
        """Keep events of a future that no window reaches; they cover nothing and move nothing."""
        ahead = now // NANOS_PER_SECOND + 3_600
        with contextlib.suppress(UpstreamRejected):
            page = await self._reader.page(Ask(ahead, _END_OF_TIME, self._reader.size))
            await self._keep(events=incoming(read_events(page), now))

    async def _keep(
        self, *, events: tuple[Incoming, ...] = (), covered: tuple[Slice, ...] = (), gaps: tuple[Gap, ...] = (),
        retention_days: float | None = None, tail_read_at: int | None = None, deep_read_at: int | None = None,
    ) -> None:  # fmt: skip
        def keep() -> Kept:
            return self._target.archive.keep(
                Batch(
                    organization=self._wish.organization,
                    holder=self._target.holder,
                    fetched_at=self._now(),
                    events=tuple(map(self._target.prepare, events)),
                    covered=covered,
                    gaps=gaps,
                    retention_days=retention_days,
                    tail_read_at=tail_read_at,
                    deep_read_at=deep_read_at,
                )
            )

        kept = await written(keep)
        total = Kept._make(map(sum, zip(self._progress.kept, kept, strict=True)))
        read = joined((*self._progress.covered, *covered))
        self._progress = replace(self._progress, kept=total, requests=self._reader.requests, covered=read)
        self._report(self._progress)

    def _waiting(self, seconds: float, reason: str) -> None:
        self._report(replace(self._progress, waiting=seconds, reason=reason, requests=self._reader.requests))

    def _gap(self, start: int | None, end: int, reason: GapReason) -> Gap:
        return Gap(start, end, reason, self._now())

    def _edge(self, now: int) -> int:
        """From when on the upstream still has events."""
        return max(0, now - int((self._retention or _UNKNOWN_RETENTION) * DAY))

    def _now(self) -> int:
        return _nanos(self._clock.wall() - self._ahead)


async def _drained(queue: _Steps) -> list[Found]:
    """What is in the queue, at least one step; nothing at its end, or the failure that it ends with is raised."""
    steps: list[Found] = []
    item = await queue.get()
    while isinstance(item, Found):
        steps.append(item)
        if queue.empty():
            return steps
        item = queue.get_nowait()
    if steps:
        await queue.put(item)
    elif item is not None:
        raise item
    return steps


def _ahead(wall: float, told: float | None) -> float:
    """Seconds that our clock is before the upstream's: what has not happened there must not count as read."""
    ahead = 0.0 if told is None else wall - told
    return ahead if _TELLING < ahead < _INCREDIBLE else 0.0


def _nanos(seconds: float) -> int:
    return int(seconds * NANOS_PER_SECOND)


def _length(each: Slice) -> int:
    return each.end - each.start
