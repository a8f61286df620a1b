"""One bounded run: everything the upstream still holds and the archive lacks, oldest first, resumable at any point."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice, holes, joined
from fairlead.archive.model import Batch, Gap, GapReason, Kept, Prepared
from fairlead.archive.preparation import Incoming
from fairlead.archive.store import Archive
from fairlead.errors import ArchiveBusy, FairleadError, UpstreamRejected
from fairlead.ingest.api import Ask
from fairlead.ingest.found import Found, incoming, read_events
from fairlead.ingest.progress import Progress, Report, Summary
from fairlead.ingest.reading import Reader, Way
from fairlead.ingest.walk import walk
from fairlead.ingest.windows import DAY, HOUR, WIDEST, Task, next_width, next_window, task
from fairlead.ingest.writing import written

LEASE = 120 * NANOS_PER_SECOND
RENEWAL = 30.0
_UNKNOWN_RETENTION = 30.0
_FAR = 100 * 365 * 86_400
_WAITING_STEPS = 16


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


class _Step(NamedTuple):
    """What a page of a window brought."""

    found: Found
    window: Slice


class _Run:
    """A run in progress, and what it has counted so far."""

    def __init__(self, way: Way, target: Target, wish: Wish, report: Report) -> None:
        self._clock, self._target, self._wish, self._report = way.clock, target, wish, report
        self._reader = Reader(way, wish.organization, self._waiting)
        self._begun = way.clock.now()
        self._retention: float | None = None
        self._gaps = 0
        self._progress = Progress(organization=wish.organization, done=0, whole=1, kept=Kept(), requests=0)

    async def go(self) -> None:
        """Read and keep until nothing is missing."""
        facts = await self._reader.facts()
        state = await asyncio.to_thread(self._target.archive.state, self._wish.organization)
        self._retention = facts.retention_days or state.retention_days
        now = self._now()
        edge = max(self._edge(now), self._wish.since or 0)
        work = task(state.covered, edge=edge, now=now, again=self._wish.deep)
        lost = tuple(Gap(each.start, each.end, "not-read-in-time", now) for each in work.lost)
        await self._keep(retention_days=self._retention, gaps=lost)
        if not state.covered:
            await self._look_before(edge)
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
        queue: asyncio.Queue[_Step | None] = asyncio.Queue(_WAITING_STEPS)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._fill(queue, work))
            while steps := await _drained(queue):
                await self._keep_steps(steps, work)

    async def _fill(self, queue: asyncio.Queue[_Step | None], work: Task) -> None:
        width = HOUR
        while True:
            window = next_window(work, width)
            before = self._reader.requests
            async for found in walk(self._reader.page, window, self._reader.size):
                await queue.put(_Step(found, window))
            if window.end > work.settled:
                break
            work = work._replace(missing=tuple(hole for each in work.missing for hole in holes([window], each)))
            width = next_width(width, self._reader.requests - before)
        await queue.put(None)

    async def _keep_steps(self, steps: list[_Step], work: Task) -> None:
        covered: list[Slice] = []
        gaps: list[Gap] = []
        for step, window in steps:
            if step.torn is not None:
                gaps.append(self._gap(*step.torn, "tie-longer-than-pages"))
            begin = self._begin(step, window)
            if begin > step.covered.start and step.cut_at is not None:
                gaps.append(self._gap(step.covered.start, min(begin, step.covered.end), "beyond-retention"))
            covered.append(Slice(max(begin, step.covered.start), min(step.covered.end, work.settled)))
        kept = tuple(each for each in covered if each.start < each.end)
        done = min(self._progress.whole, self._progress.done + sum(map(_length, kept)))
        self._progress = replace(self._progress, done=done)
        events = tuple(event for step, _ in reversed(steps) for event in step.events)
        await self._keep(events=events, covered=kept, gaps=tuple(gaps))

    def _begin(self, step: Found, window: Slice) -> int:
        """From when on a step could see everything: retention moved on while its pages were read."""
        edge = self._edge(_nanos(step.read_at)) if self._retention else 0
        near_edge = bool(edge) and window.start <= edge + DAY
        # A cut nowhere near the retention that was told says that less is kept than that.
        return edge if step.cut_at is None or near_edge else max(edge, step.cut_at)

    async def _look_before(self, edge: int) -> None:
        """Find out whether there was a history that retention has cut off before anything was kept."""
        ask = Ask(max(0, (edge - WIDEST) // NANOS_PER_SECOND), edge // NANOS_PER_SECOND, 1)
        if (await self._reader.page(ask)).limit_reached:
            await self._keep(gaps=(self._gap(None, edge, "beyond-retention"),))

    async def _look_ahead(self, now: int) -> None:
        """Keep events of a future that no window reaches; they cover nothing and move nothing."""
        ahead = now // NANOS_PER_SECOND + 3_600
        with contextlib.suppress(UpstreamRejected):
            page = await self._reader.page(Ask(ahead, ahead + _FAR, self._reader.size))
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
        return _nanos(self._clock.wall())


async def _drained(queue: asyncio.Queue[_Step | None]) -> list[_Step]:
    """What is in the queue, at least one step; nothing at its end."""
    steps: list[_Step] = []
    item = await queue.get()
    while item is not None:
        steps.append(item)
        if queue.empty():
            return steps
        item = queue.get_nowait()
    if steps:
        await queue.put(None)
    return steps


def _nanos(seconds: float) -> int:
    return int(seconds * NANOS_PER_SECOND)


def _length(each: Slice) -> int:
    return each.end - each.start
