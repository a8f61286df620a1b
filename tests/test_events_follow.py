"""`fairlead events follow`: nothing that happens to it for a while makes it lose events or keep quiet."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from time import time as wall_clock
from typing import Any

import click
import httpx2
import pytest
from structlog.testing import capture_logs

import serving
from command import environment
from fairlead.app.following import follow_syncing, following_of
from fairlead.app.syncing import Syncing, SyncOptions, open_syncing
from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import Archived, Batch, Gap, Kept, OrganizationState, Query
from fairlead.archive.retention import headroom
from fairlead.archive.sqlite.archive import SqliteArchive
from fairlead.archive.store import Archive
from fairlead.cli.choice import Choice
from fairlead.cli.commands import commands
from fairlead.cli.documents import runnable_plans
from fairlead.errors import BudgetSpent, UpstreamUnreachable
from fairlead.ingest.follow import follow
from fairlead.ingest.follower import Means
from fairlead.ingest.pace import back_off, deep_is_due, interval, patience, rest
from fairlead.ingest.progress import Progress, Report, Summary
from fairlead.ingest.reading import BUDGET
from fairlead.ingest.standing import Following, FollowState
from fairlead.ingest.sync import Wish
from fairlead.ingest.writing import written
from fairlead.sandbox.app import Application, Receive, Scope, Send, create_app
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN, SandboxOptions
from fairlead.upstream.request import UpstreamRequest, UpstreamResponse
from server_process import DEADLINE
from serving import NOW
from test_telemetry import value
from virtual_clock import VirtualClock, run_virtually

ORGANIZATION = DEMO_ORGANIZATION_ID
HOUR, DAY = 3_600.0, 86_400.0

# Policy


@pytest.mark.parametrize(
    ("failures", "asked", "chance", "seconds"),
    [(1, 0, 1, 15), (1, 0, 0, 7.5), (2, 0, 1, 30), (4, 0, 1, 120), (7, 0, 1, 900), (999, 0, 1, 900), (1, 40, 1, 55)],
)
def test_after_failures_a_run_waits_longer_and_longer(
    failures: int, asked: float, chance: float, seconds: float
) -> None:
    """From a quarter of a minute to a quarter of an hour, by chance down to a half; what is asked for comes on top."""
    assert back_off(60, failures, asked, chance) == seconds


def test_the_back_off_never_runs_more_often_than_was_wished_for_long() -> None:
    """Who looks every second begins with a second, who looks every hour ends with one."""
    assert [back_off(1, n, 0, 1) for n in (1, 2, 3)] == [1, 2, 4]
    assert back_off(HOUR, 99, 0, 1) == HOUR


@pytest.mark.parametrize(("every", "requests", "hourly", "seconds"), [(60, 3, 500, 60), (60, 30, 500, 216)])
def test_runs_are_spaced_so_that_an_hours_budget_lasts(
    every: float, requests: int, hourly: float, seconds: float
) -> None:
    """One organization is looked at as often as was wished, ten less often, and never none for half an hour."""
    assert interval(every, requests, hourly) == seconds
    assert (rest(100, 0), rest(100, 1)) == pytest.approx((90, 110))


@pytest.mark.parametrize(
    ("age", "tried", "took", "due"),
    [
        (None, None, 0, True),
        (DAY - 1, None, 0, False),
        (DAY * 1.04, None, 0, False),
        (DAY * 1.06, None, 0, True),
        (2 * DAY, HOUR - 1, 0, False),
        (2 * DAY, HOUR, 0, True),
        (2 * DAY, HOUR, DAY, False),
    ],
)
def test_everything_is_read_again_once_a_day(age: float | None, tried: float | None, took: float, due: bool) -> None:
    """Not in step with others, not soon after a try, and not all the time where it takes most of a day."""
    assert deep_is_due(age, tried, took, 0.5) is due


@pytest.mark.parametrize(
    ("every", "retention", "seconds"), [(60, None, 900), (600, 30 * DAY, 3_000), (DAY, 3 * DAY, 0.75 * DAY)]
)
def test_a_follower_is_given_time_but_not_the_retention(every: float, retention: float | None, seconds: float) -> None:
    """Five rounds, a quarter of an hour at least, a quarter of the retention at most."""
    assert patience(every, retention) == seconds


def test_headroom_is_what_is_left_of_the_retention() -> None:
    """Known only when both are: how long events are kept, and since when none was read."""
    known = OrganizationState(organization="o", retention_days=3, tail_read_at=int(1_000 * NANOS_PER_SECOND))
    assert headroom(known, 1_000 + DAY) == 2 * DAY
    assert headroom(known, 1_000 + 4 * DAY) == -DAY
    assert headroom(replace(known, retention_days=None), 1_000) is None
    assert headroom(replace(known, tail_read_at=None), 1_000) is None


# The loop, with runs that are scripted

Script = Callable[[Wish, Report], Awaitable[Kept]]


@dataclass
class Scripted:
    """A follower whose runs do what a test says; when each began, and how often the log was signed."""

    time: VirtualClock
    archive: Archive
    holder: str = "this"
    every: float = 60.0
    hourly: float = 1_000.0
    script: Script | None = None
    began: list[float] = field(default_factory=list)
    wishes: list[Wish] = field(default_factory=list)
    signed: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.following = Following(self.time.clock, self.every)
        self.stop = asyncio.Event()

    @property
    def state(self) -> FollowState:
        """How following stands."""
        (state,) = self.following.states()
        return state

    def means(self) -> Means:
        """What the follower works with; chance is always 1, so that every time is known."""

        async def organizations() -> tuple[str, ...]:
            return (ORGANIZATION,)

        async def sign() -> None:
            self.signed.append(self.time.elapsed)

        return Means(
            clock=self.time.clock,
            random=lambda: 1.0,
            archive=self.archive,
            holder=self.holder,
            organizations=organizations,
            run=self._run,
            sign=sign,
            hourly=lambda: self.hourly,
        )

    async def _run(self, wish: Wish, report: Report) -> Summary:
        self.began.append(self.time.elapsed)
        self.wishes.append(wish)
        at = int(self.time.clock.wall() * NANOS_PER_SECOND)
        kept = await self.script(wish, report) if self.script else Kept()
        known = self.archive.state(ORGANIZATION).deep_read_at
        deep_at = at if wish.deep or known is None else None
        batch = Batch(
            organization=ORGANIZATION, holder=self.holder, fetched_at=at, retention_days=7.0, tail_read_at=at
        )  # fmt: skip
        self.archive.keep(replace(batch, deep_read_at=deep_at))
        report(progress(kept))
        return Summary(
            organization=ORGANIZATION, kept=kept, requests=3, seconds=0.0, gaps=(), covered=(), events=0
        )  # fmt: skip


def progress(kept: Kept, *, waiting: float = 0.0, reason: str = "") -> Progress:
    """What a run reports."""
    return Progress(
        organization=ORGANIZATION, done=sum(kept), whole=1, kept=kept, requests=1, waiting=waiting, reason=reason
    )  # fmt: skip


@asynccontextmanager
async def followed(follower: Scripted) -> AsyncIterator[Scripted]:
    """Follow while the context lasts, then stop in good order."""
    async with asyncio.TaskGroup() as group:
        group.create_task(follow(follower.means(), follower.following, follower.stop))
        yield follower
        follower.stop.set()


@contextmanager
def kept_in(folder: Path) -> Iterator[SqliteArchive]:
    """An archive in a folder."""
    archive = SqliteArchive(folder / "a.db")
    try:
        yield archive
    finally:
        archive.close()


def holders(archive: Path) -> list[str]:
    """Who holds leases in an archive."""
    with sqlite3.connect(archive) as connection:
        found = [row[0] for row in connection.execute("SELECT holder FROM lease")]
    connection.close()
    return found


def test_a_run_that_fails_is_made_again_with_patience_that_ends_with_success(tmp_path: Path) -> None:
    """Upstream errors and faults of our own alike: told, waited for, survived; after a good run all is forgotten."""
    failures = [UpstreamUnreachable("No answer."), ValueError("secret"), BudgetSpent("Spent.", retry_after=100)]
    script = [*failures, None, UpstreamUnreachable("No answer."), None]

    async def run(_wish: Wish, _report: Report) -> Kept:
        failure = script.pop(0) if script else None
        if failure is not None:
            raise failure
        return Kept()

    async def scenario() -> None:
        time = VirtualClock(NOW)
        with kept_in(tmp_path) as archive, capture_logs() as told:
            async with followed(Scripted(time, archive, script=run)) as follower:
                await time.until(lambda: len(follower.began) == 2)
                assert (follower.state.failure, follower.state.failed) == ("A fault of Fairlead itself.", 2)
                await time.until(lambda: len(follower.began) == 6)
                assert (follower.state.failure, follower.state.failed) == ("", 4)
        waits = [after - before for before, after in pairwise(follower.began)]
        assert waits == [15, 30, 160, 66, 15]
        failed = [each for each in told if each["event"] == "sync failed"]
        assert [each["kind"] for each in failed] == [
            "UpstreamUnreachable", "ValueError", "BudgetSpent", "UpstreamUnreachable"
        ]  # fmt: skip
        assert [each["event"] for each in told].count("sync recovered") == 2
        assert "secret" not in str(told)

    run_virtually(scenario())


def test_a_follower_stands_by_until_a_lease_expires(tmp_path: Path) -> None:
    """A process that was killed holds its lease for two minutes; then this one takes over, and both are told once."""

    async def scenario() -> None:
        time = VirtualClock(NOW)
        with kept_in(tmp_path) as archive, capture_logs() as told:
            now = int(NOW * NANOS_PER_SECOND)
            archive.take_lease(ORGANIZATION, "killed", now, now + 120 * NANOS_PER_SECOND)
            async with followed(Scripted(time, archive)) as follower:
                await time.advance(100)
                assert (follower.began, follower.state.standing_by, follower.state.stalled) == ([], True, False)
                await time.advance(30)
                assert (follower.began, follower.state.standing_by) == ([120], False)
                assert holders(tmp_path / "a.db") == ["this"]
            assert holders(tmp_path / "a.db") == []
        assert [each["event"] for each in told] == ["standing by", "taking over"]

    run_virtually(scenario())


def test_of_two_followers_exactly_one_syncs(tmp_path: Path) -> None:
    """However long they run side by side; when the first one ends in good order, the other goes on at once."""

    async def scenario() -> None:
        time = VirtualClock(NOW)
        with kept_in(tmp_path) as archive:
            first, second = (Scripted(time, archive, holder=name, every=300.0) for name in ("first", "second"))
            async with followed(second), followed(first):
                await time.advance(HOUR)
                leads, waits = (first, second) if first.began else (second, first)
                assert (len(leads.began), waits.began) == (11, [])
                # Who stands by tells what the archive knows, not what it did itself.
                assert waits.state.tail_read_at == leads.state.tail_read_at
                leads.stop.set()
                await time.until(lambda: waits.began, most=31)

    run_virtually(scenario())


def test_a_follower_that_keeps_failing_lets_another_try(tmp_path: Path) -> None:
    """One whose network or token is broken does not hold the lease for ever."""

    async def broken(_wish: Wish, _report: Report) -> Kept:
        raise UpstreamUnreachable("No answer.")

    async def scenario() -> None:
        time = VirtualClock(NOW)
        with kept_in(tmp_path) as archive:
            bad, good = Scripted(time, archive, "bad", script=broken), Scripted(time, archive, "good")
            async with followed(bad):
                await time.until(lambda: bad.began)
                async with followed(good):
                    await time.until(lambda: len(good.began) > 3)
                    assert len(bad.began) == 3
                    assert bad.state.standing_by

    run_virtually(scenario())


def test_once_a_day_everything_is_read_again_after_the_newest(tmp_path: Path) -> None:
    """The tail first; when the deep run fails, the tail goes on and the deep one is tried again an hour later."""
    refused = [True]

    async def run(wish: Wish, _report: Report) -> Kept:
        if wish.deep and refused.pop() if refused else False:
            raise UpstreamUnreachable("No answer.")
        return Kept()

    async def scenario() -> None:
        time = VirtualClock(NOW)
        with kept_in(tmp_path) as archive:
            async with followed(Scripted(time, archive, every=600.0, script=run)) as follower:
                await time.until(lambda: len(follower.wishes) == 2)
                time.jump(1.2 * DAY)
                await time.until(lambda: sum(wish.deep for wish in follower.wishes) == 2)
        assert [wish.deep for wish in follower.wishes[:4]] == [False, False, False, True]
        deep = [began for began, wish in zip(follower.began, follower.wishes, strict=True) if wish.deep]
        assert HOUR <= deep[1] - deep[0] <= HOUR + 660
        assert len([wish for wish in follower.wishes[4:] if not wish.deep]) > 4

    run_virtually(scenario())


def test_a_run_that_hangs_is_told_as_stalled(tmp_path: Path) -> None:
    """Alive, without an error and without a result is the worst failure; a wait for the budget is none."""

    async def scenario() -> None:
        time, opened = VirtualClock(NOW), asyncio.Event()

        async def run(_wish: Wish, report: Report) -> Kept:
            report(progress(Kept(known=1), waiting=2_000.0, reason=BUDGET))
            await time.clock.sleep(2_000)
            report(progress(Kept(known=1)))
            await opened.wait()
            return Kept()

        with kept_in(tmp_path) as archive, capture_logs() as told:
            async with followed(Scripted(time, archive, script=run)) as follower:
                await time.advance(1_990)
                assert (follower.state.waiting_for_budget, follower.following.stalled) == (True, False)
                await time.advance(890)
                assert not follower.following.stalled
                await time.advance(60)
                assert follower.following.stalled
                assert [each["event"] for each in told].count("archive stalled") == 1
                opened.set()
                await time.advance(60)
                assert not follower.following.stalled
            assert [each["event"] for each in told][-1] == "archive goes on"

    run_virtually(scenario())


def test_a_follower_whose_runs_all_fail_is_stalled_after_a_while(tmp_path: Path) -> None:
    """Reading the same page again before each failure is no sign of life."""

    async def run(_wish: Wish, report: Report) -> Kept:
        report(progress(Kept()))
        report(progress(Kept(known=100)))
        raise UpstreamUnreachable("No answer.")

    async def scenario() -> None:
        time = VirtualClock(NOW)
        with kept_in(tmp_path) as archive:
            async with followed(Scripted(time, archive, script=run)) as follower:
                await time.advance(890)
                assert not follower.following.stalled
                await time.advance(60)
                assert (follower.following.stalled, follower.state.failure) == (True, "No answer.")

    run_virtually(scenario())


def test_the_headroom_shrinks_while_nothing_is_read(tmp_path: Path) -> None:
    """By whoever asks, at the moment of asking: a loop that hangs need not do anything for it."""

    async def scenario() -> None:
        time = VirtualClock(NOW)
        with kept_in(tmp_path) as archive:
            async with followed(Scripted(time, archive)) as follower:
                await time.until(lambda: follower.state.headroom_seconds)
                assert follower.state.headroom_seconds == pytest.approx(7 * DAY)
                time.jump(5 * DAY)
                assert follower.state.headroom_seconds == pytest.approx(2 * DAY)
                assert follower.following.stalled

    run_virtually(scenario())


def test_the_log_is_signed_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    """Every checkpoint is kept for ever, so a run that keeps an event a minute makes six an hour; none is left out."""

    async def run(_wish: Wish, _report: Report) -> Kept:
        return Kept(new=1)

    async def scenario() -> None:
        time = VirtualClock(NOW)
        with kept_in(tmp_path) as archive:
            async with followed(Scripted(time, archive, script=run)) as follower:
                await time.advance(HOUR)
            runs, signed = len(follower.began), follower.signed
        assert runs > 50
        assert len(signed) == 7
        assert min(after - before for before, after in pairwise(signed[:-1])) >= 600
        assert signed[-1] == HOUR

    run_virtually(scenario())


def test_followers_with_little_budget_look_less_often(tmp_path: Path) -> None:
    """Evenly, rather than every minute at first and then not at all until the hour is over."""

    async def scenario() -> None:
        time = VirtualClock(NOW)
        with kept_in(tmp_path) as archive:
            async with followed(Scripted(time, archive, hourly=10.0)) as follower:
                await time.until(lambda: len(follower.began) == 4)
                assert not follower.following.stalled
        assert follower.began == pytest.approx([0, 1_188, 2_376, 3_564])

    run_virtually(scenario())


async def test_a_write_that_is_interrupted_is_finished_first() -> None:
    """Whoever signs or gives the lease back afterwards does so after the transaction."""
    begun, go_on, done = threading.Event(), threading.Event(), []

    def change() -> None:
        begun.set()
        go_on.wait(DEADLINE)
        done.append(True)

    task = asyncio.ensure_future(written(change))
    await asyncio.to_thread(begun.wait, DEADLINE)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [True]


# Against the sandbox, in virtual time


@asynccontextmanager
async def opened(time: VirtualClock, folder: Path, app: Application) -> AsyncIterator[Syncing]:
    """Syncing from a sandbox, all of it by one virtual clock that holds still while a request is on its way."""
    with serving.upstream(app) as url:
        chosen = SyncOptions(
            plans=runnable_plans(Choice()),
            settings=serving.settings_for_tests(data_home=folder),
            archive=str(folder / "a.db"),
            upstream=url,
            budget=1.0,
        )
        async with open_syncing(chosen) as syncing:
            call = syncing.way.ready.call

            async def counted(request: UpstreamRequest) -> UpstreamResponse:
                time.busy += 1
                try:
                    return await call(request)
                finally:
                    time.busy -= 1

            ready = replace(syncing.way.ready, call=counted)
            yield replace(syncing, way=replace(syncing.way, ready=ready, clock=time.clock, random=lambda: 0.5))


@asynccontextmanager
async def following_sandbox(
    time: VirtualClock, folder: Path, app: Application, every: float
) -> AsyncIterator[tuple[Syncing, Following]]:
    """Follow a sandbox while the context lasts."""
    async with opened(time, folder, app) as syncing, asyncio.TaskGroup() as group:
        following, stop = following_of(syncing, every), asyncio.Event()
        group.create_task(follow_syncing(syncing, following, stop))
        yield syncing, following
        stop.set()


def events_of(archive: Archive) -> dict[str, Archived]:
    """The events of an archive by id."""
    return {event.id: event for event in archive.events(Query(organization=ORGANIZATION))}


def test_events_that_come_late_are_found(tmp_path: Path) -> None:
    """What appears up to a quarter of an hour after its own timestamp is not passed by."""
    punctual = SandboxOptions(events=10_000, live=True, now=NOW, retention_days=1, rate_limit=0)
    every, latest = 300.0, 900.0

    async def scenario() -> None:
        time = VirtualClock(NOW)
        late, truth = (
            create_app(replace(punctual, faults=frozenset(faults)), time.clock.wall)
            for faults in (["late-arrivals"], [])
        )
        async with following_sandbox(time, tmp_path, late, every) as (syncing, _following):
            await time.advance(1.5 * HOUR)
            await time.until(lambda: not time.busy)
            came = events_of(syncing.target.archive)
        async with opened(time, tmp_path / "apart", truth) as syncing:
            await syncing.run(Wish(organization=ORGANIZATION), lambda _progress: None)
            happened = events_of(syncing.target.archive)
        end = (time.clock.wall() - every - latest) * NANOS_PER_SECOND
        due = {name for name, event in happened.items() if event.position < end}
        assert due - came.keys() == set()
        new = [came[name] for name in due if came[name].position > NOW * NANOS_PER_SECOND]
        belated = [each for each in new if each.fetched_at - each.position > 1.2 * every * NANOS_PER_SECOND]
        assert len(new) > len(belated) > 2

    run_virtually(scenario())


def test_an_outage_longer_than_the_retention_is_a_gap_that_everybody_hears_of(tmp_path: Path) -> None:
    """In the records, in the state, in the metrics; and values that nobody knows are counted by the way."""
    options = SandboxOptions(
        events=500, live=True, now=NOW, rate_limit=0, retention_days=3, faults=frozenset({"unknown-enum"})
    )

    async def scenario() -> None:
        time = VirtualClock(NOW)
        app = create_app(options, time.clock.wall)
        async with following_sandbox(time, tmp_path, app, every=60.0) as (syncing, following):
            await time.until(lambda: following.states() and following.states()[0].tail_read_at)
            begun, metrics = time.clock.wall(), syncing.metrics
            assert value(metrics, "fairlead_archive_gaps_total", organization=ORGANIZATION) == 0
            assert value(metrics, "fairlead_archive_retention_seconds", organization=ORGANIZATION) == 3 * DAY
            assert value(metrics, "fairlead_archive_unseen_values_total", field="event_type") == 1
        time.jump(5 * DAY)
        with capture_logs() as told:
            async with following_sandbox(time, tmp_path, app, every=60.0) as (syncing, following):
                await time.until(lambda: (following.states()[0].tail_read_at or 0) / NANOS_PER_SECOND > begun + DAY)
                (state,) = following.states()
                metrics = syncing.metrics
                assert value(metrics, "fairlead_archive_gaps_total", organization=ORGANIZATION) == 1
                found = value(metrics, "fairlead_archive_last_gap_timestamp_seconds", organization=ORGANIZATION)
                assert found == pytest.approx(begun + 5 * DAY, abs=60)
                assert value(metrics, "fairlead_archive_stalled", organization=ORGANIZATION) == 0
        assert (state.gaps, state.headroom_seconds) == (1, pytest.approx(3 * DAY, abs=60))
        (gap,) = [each for each in told if each["event"] == "events missing for ever"]
        assert (gap["reason"], gap["log_level"]) == ("not-read-in-time", "warning")
        assert gap["until"] - gap["since"] == pytest.approx(2 * DAY, abs=HOUR)

    run_virtually(scenario())


# The command


@contextmanager
def follower_process(archive: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`fairlead events follow` with JSON records; killed on exit."""
    command = [sys.executable, "-m", "fairlead", "events", "follow", "--archive", str(archive), *arguments]
    known = {"PYTHONUNBUFFERED": "1", "FAIRLEAD_LOG_FORMAT": "json", "QOVERY_API_KEY": DEMO_TOKEN}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(known)
    ) as process:
        guard = threading.Timer(2 * DEADLINE, process.kill)
        guard.start()
        try:
            yield process
        finally:
            guard.cancel()
            process.kill()


def heard(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """The next record of an event."""
    assert process.stderr is not None
    for line in process.stderr:
        found: dict[str, Any] = json.loads(line) if line.startswith("{") else {}
        if found.get("event") == event:
            return found
    raise AssertionError(f"no record {event!r}")


@contextmanager
def locked(archive: Path) -> Iterator[None]:
    """Let nobody else write to an archive."""
    connection = sqlite3.connect(archive, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.close()


def test_a_signal_ends_it_in_good_order(tmp_path: Path) -> None:
    """It exits with 0, its lease given back, all signed; a second process stood by, and two signals ended that one."""
    archive, app = tmp_path / "a.db", create_app(SandboxOptions(events=300, rate_limit=0), wall_clock)
    with serving.upstream(app) as url, follower_process(archive, "--upstream", url, "--metrics-port", "0") as first:
        assert heard(first, "events kept")["new"] == 300
        (holder,) = holders(archive)
        with follower_process(archive, "--upstream", url) as second:
            assert first.stdout is not None
            found = re.search(r"Metrics are at (\S+)/metrics", first.stdout.readline())
            assert found
            assert httpx2.get(f"{found[1]}/readyz").json() == {"status": "following"}
            numbers = httpx2.get(f"{found[1]}/metrics").text
            assert f'fairlead_archive_events_total{{organization="{ORGANIZATION}"}} 300\n' in numbers
            statuses = [httpx2.get(f"{found[1]}{path}").status_code for path in ("/healthz", "/v1")]
            assert statuses == [200, 404]
            assert httpx2.get(f"{found[1]}/metrics", headers={"host": "evil.example"}).status_code == 403
            heard(second, "standing by")
            assert holders(archive) == [holder]
            with locked(archive):
                # It cannot give anything back now, and is told twice: that ends it at once.
                second.send_signal(signal.SIGTERM)
                second.send_signal(signal.SIGINT)
                assert second.wait(DEADLINE) in {128 + signal.SIGTERM, 128 + signal.SIGINT}
        first.send_signal(signal.SIGTERM)
        assert first.wait(DEADLINE) == 0
    assert holders(archive) == []
    assert [path.name for path in Path(f"{archive}.checkpoints").glob("*.checkpoint")] == [f"{300:020d}.checkpoint"]


def test_a_signal_in_the_middle_of_a_run_keeps_what_was_read(tmp_path: Path) -> None:
    """A run that waits for an answer is ended; what it kept so far is signed, and the lease is free."""
    archive, asked = tmp_path / "a.db", threading.Event()
    app = create_app(SandboxOptions(rate_limit=0, retention_days=7), wall_clock)
    answers = [30]

    async def hanging(scope: Scope, receive: Receive, send: Send) -> None:
        if not answers[0]:
            asked.set()
            await receive()
            await receive()  # returns when the caller goes away
            return
        answers[0] -= 1
        await app(scope, receive, send)

    with serving.upstream(hanging) as url, follower_process(archive, "--upstream", url) as process:
        assert asked.wait(DEADLINE)
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    assert holders(archive) == []
    with kept_in(tmp_path) as left:
        size = left.frontier().size
        assert 0 < size < 10_000
        assert [int(text.split("\n")[1]) for text in left.checkpoints()] == [size]


@pytest.mark.parametrize("span", ["soon", "0s", "60", "-1m", "1.5h"])
def test_a_span_that_is_none_is_refused(span: str, tmp_path: Path) -> None:
    """Before anything is opened, with what could be written instead."""
    place = tmp_path / "a.db"
    with pytest.raises(click.BadParameter, match="write `90s`, `5m` or `1h`"):
        commands.main(["events", "follow", "--sandbox", f"--every={span}", f"--archive={place}"], standalone_mode=False)
    assert not place.exists()


def test_a_gap_before_the_archive_began_is_told_apart() -> None:
    """What retention had cut off when the archive began is no alarm; every later gap is."""
    time = VirtualClock(NOW)
    following = Following(time.clock, 60.0)
    course = following.course(ORGANIZATION)
    gaps = (Gap(None, 5, "beyond-retention", 7), Gap(8, 9, "not-read-in-time", 11))
    following.keep(replace(course, known=replace(course.known, gaps=gaps)))
    (state,) = following.states()
    assert (state.gaps, state.lost_before, state.last_gap_at) == (1, True, 11)
