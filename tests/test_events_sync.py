"""`fairlead events sync` loses nothing and invents nothing, whatever the upstream does."""

from __future__ import annotations

import contextlib
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest

import serving
from command import fairlead
from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice, covers
from fairlead.archive.events import read_event
from fairlead.archive.model import Kept
from fairlead.archive.sqlite.archive import SqliteArchive
from fairlead.cli.archive.progress import telling
from fairlead.errors import ArchiveBusy, UpstreamRejected
from fairlead.ingest.progress import Progress
from fairlead.ingest.sync import LEASE, Wish
from fairlead.sandbox.app import create_app
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN, SandboxOptions
from listed_upstream import ListedUpstream
from syncing import DAY, NOW, SEED, Scene, happened, instant_of, scene, within

BOUNDARIES = ("exact", "exclusive", "inclusive")
BY_COUNT = (
    "duplicate-id", "repeated-page", "self-link", "empty-page", "html-ok", "truncated-gzip", "server-errors",
    "null-events",
)  # fmt: skip
BY_CONTENT = ("late-arrivals", "unknown-enum", "unknown-field", "huge-change", "broken-change", "clock-ahead")
TROUBLES = [
    *[(boundary, fault, 3) for boundary in BOUNDARIES for fault in ("", *BY_COUNT)],
    *[(boundary, fault, 2) for boundary in BOUNDARIES for fault in BY_COUNT[:4]],
    *[("exclusive", fault, 3) for fault in BY_CONTENT],
]
NANOS = int(NOW) * NANOS_PER_SECOND


@pytest.mark.parametrize(("boundary", "fault", "every"), TROUBLES)
async def test_every_event_is_kept_byte_for_byte(tmp_path: Path, boundary: str, fault: str, every: int) -> None:
    """With each rule of page tokens and each fault, the archive is the upstream's history and nothing else."""
    faults = frozenset({fault} - {""})
    async with scene(tmp_path / "a.db", boundary=boundary, faults=faults, fault_every=every) as stage:
        first = await stage.run()
        assert stage.kept() == stage.history()
        assert first.kept == Kept(new=600)
        again = await stage.run()
        assert (again.kept.new, again.kept.revisions, again.kept.gaps) == (0, 0, 0)
        assert again.requests < first.requests / 2


async def test_answers_that_stop_half_way_are_asked_for_again(tmp_path: Path) -> None:
    """A body that does not come costs time, and no event."""
    options = {"faults": frozenset({"slow-body"}), "fault_every": 7, "slow_seconds": 0.2}
    async with scene(tmp_path / "a.db", **options) as stage:
        await stage.run(settings={"read_timeout": 0.1})
        assert stage.kept() == stage.history()
        assert stage.hands.slept != []


@pytest.mark.parametrize(("boundary", "size"), [("exact", 9), ("exact", 40), ("exclusive", 80), ("inclusive", 80)])
async def test_the_page_size_changes_nothing(tmp_path: Path, boundary: str, size: int) -> None:
    """Borders between pages fall elsewhere, and hide nothing there either."""
    async with scene(tmp_path / "a.db", boundary=boundary) as stage:
        summary = await stage.run(page_size=size)
        assert stage.kept() == stage.history()
        assert summary.gaps == ()


@pytest.mark.parametrize("boundary", ["exclusive", "inclusive"])
async def test_a_tie_that_pages_cannot_show_is_told_as_a_gap(tmp_path: Path, boundary: str) -> None:
    """Where the upstream's tokens hide the middle of an instant, that second is told, once, and no other lacks any."""
    async with scene(tmp_path / "a.db", boundary=boundary) as stage:
        summary = await stage.run(page_size=40)
        lacking = stage.history().items() - stage.kept().items()
        assert [gap.reason for gap in summary.gaps] == ["tie-longer-than-pages"]
        assert len(lacking) == 148 - 2 * 40
        second = Slice(summary.gaps[0].start or 0, summary.gaps[0].end)
        assert within(dict(lacking), second) == dict(lacking)
        assert (await stage.run(page_size=40)).kept.gaps == 0


@pytest.mark.parametrize("boundary", BOUNDARIES)
async def test_what_slides_out_of_retention_while_pages_are_read_is_a_gap(tmp_path: Path, boundary: str) -> None:
    """Retention that overtakes the walk takes events; all of them lie in gaps, and no covered time lacks one."""
    options = {"boundary": boundary, "faults": frozenset({"sliding-retention"}), "fault_every": 3}
    async with scene(tmp_path / "a.db", **options) as stage:
        summary = await stage.run()
        lacking = dict(stage.history().items() - stage.kept().items())
        gaps = [Slice(gap.start or 0, gap.end) for gap in summary.gaps]
        assert len(lacking) == 346
        assert [gap.reason for gap in summary.gaps] == ["beyond-retention"]
        assert within(lacking, gaps[0]) == lacking
        assert not any(covers(summary.covered, Slice(at, at + 1)) for at in map(instant_of, lacking.values()))
        assert (await stage.run()).kept == Kept(known=149)


async def test_a_history_that_retention_has_cut_is_told_once(tmp_path: Path) -> None:
    """What was gone before the first run is one gap since always; later runs have nothing to add."""
    async with scene(tmp_path / "a.db", retention_days=1) as stage:
        first = await stage.run()
        edge = NANOS - int(DAY) * NANOS_PER_SECOND
        assert [(gap.start, gap.end, gap.reason) for gap in first.gaps] == [(None, edge, "beyond-retention")]
        assert stage.kept() == {name: raw for name, raw in stage.history().items() if instant_of(raw) >= edge}
        assert (await stage.run()).kept.gaps == 0


async def test_retention_that_is_shorter_than_told_is_a_gap(tmp_path: Path) -> None:
    """When the upstream hides what its plan promises, the flag on its pages is what counts."""
    hidden = create_app(SandboxOptions(events=600, seed=SEED, retention_days=1, rate_limit=0), lambda: NOW)
    listed = ListedUpstream(retention_days=2)

    async def promising(scope: Any, receive: Any, send: Any) -> None:
        await (hidden if scope["raw_path"].endswith(b"/events") else listed)(scope, receive, send)

    async with scene(tmp_path / "a.db", app=promising) as stage:
        summary = await stage.run()
        lacking = dict(stage.history().items() - stage.kept().items())
        assert {gap.reason for gap in summary.gaps} == {"beyond-retention"}
        assert not any(covers(summary.covered, Slice(at, at + 1)) for at in map(instant_of, lacking.values()))
        assert all(instant_of(raw) < NANOS - DAY * NANOS_PER_SECOND for raw in lacking.values())


async def test_an_absence_longer_than_retention_is_a_gap(tmp_path: Path) -> None:
    """What came and went while nobody read is told by the next run, and by no other."""
    async with scene(tmp_path / "a.db") as stage:
        end = (await stage.run()).covered[-1].end
        stage.hands.wall += 6 * DAY
        late = await stage.run()
        edge = int(stage.hands.wall - 4 * DAY) * NANOS_PER_SECOND
        assert [(gap.start, gap.end, gap.reason) for gap in late.gaps] == [(end, edge, "not-read-in-time")]
        assert late.kept.gaps == 1
        assert (await stage.run()).kept.gaps == 0


async def test_reading_back_less_far_declares_nothing_lost(tmp_path: Path) -> None:
    """`--since` leaves time out that the upstream still has; the next full run reads it."""
    async with scene(tmp_path / "a.db") as stage:
        recent = NANOS - int(DAY / 2) * NANOS_PER_SECOND
        first = await stage.run(since=recent)
        assert first.gaps == ()
        assert 0 < len(stage.kept()) < 600
        stage.hands.wall += DAY
        assert (await stage.run(since=int(stage.hands.wall) * NANOS_PER_SECOND - 10**12)).gaps == ()
        assert (await stage.run()).gaps == ()
        assert stage.kept() == stage.history()


async def test_late_events_are_found_by_the_next_runs(tmp_path: Path) -> None:
    """Events that appear up to 15 minutes after their timestamps are in no run's blind spot."""
    busy: dict[str, Any] = {"live": True, "events": 10_000, "retention_days": 1}
    async with scene(tmp_path / "a.db", faults=frozenset({"late-arrivals"}), **busy) as stage:
        for _ in range(9):
            await stage.run()
            stage.hands.wall += 420
        stage.hands.wall += 900
        await stage.run()
        awaited = happened(stage.options, NOW - 900, stage.hands.wall - 900)
        assert len(awaited) > 60
        assert awaited.items() <= stage.kept().items()


async def test_a_clock_that_is_ahead_of_the_upstreams_covers_no_future(tmp_path: Path) -> None:
    """Time counts as read only once it has passed where the events are made."""
    async with scene(tmp_path / "a.db", live=True, behind=3_600) as stage:
        for _ in range(4):
            await stage.run()
            stage.hands.wall += 1_500
        await stage.run()
        awaited = happened(stage.options, 0, stage.hands.wall - 3_600, start=NOW - 3_600)
        assert len(awaited) > 610
        assert awaited.items() <= stage.kept().items()


async def test_events_that_come_very_late_are_found_by_a_deep_run(tmp_path: Path) -> None:
    """A run reads on from where it was; `--deep` reads everything again, and adds what it finds."""
    upstream = ListedUpstream([written("a", 3_600), written("b", 7_200)])
    async with scene(tmp_path / "a.db", app=upstream) as stage:
        await stage.run()
        upstream.events.append(written("late", 5_000))
        assert (await stage.run()).kept.new == 0
        assert (await stage.run(deep=True)).kept.new == 1
        assert set(stage.kept()) == {"a", "b", "late"}
        assert stage.state().deep_read_at == NANOS


async def test_a_date_in_the_future_poisons_nothing(tmp_path: Path) -> None:
    """An event of the year 2190 is kept, and those that come after it are still read."""
    upstream = ListedUpstream([written("a", 3_600), written("far", -5_000_000_000), written("soon", -1_800)])
    async with scene(tmp_path / "a.db", app=upstream) as stage:
        await stage.run()
        assert set(stage.kept()) == {"a", "far", "soon"}
        upstream.events.append(written("next", -600))
        stage.hands.wall += 1_200
        assert (await stage.run()).kept.new == 1
        assert stage.state().span.end < NANOS + 1_200 * NANOS_PER_SECOND


async def test_events_without_an_id_or_a_time_are_kept_once(tmp_path: Path) -> None:
    """The bytes stand for a missing id, and the place in the page for a missing time."""
    odd = [
        b'{"timestamp":"%s","event_type":"CREATE"}' % stamp(3_600),
        b'{"timestamp":"%s","event_type":"DELETE"}' % stamp(3_600),
        b'{"id":null,"timestamp":"yesterday"}',
        b'{ "id" : "spaced",\n "timestamp":"%s", "n": 1.50e+3, "x": {"y":[ ]}, "u":"\\u00e9" }' % stamp(3_601),
        b'"not even an object"',
    ]
    async with scene(tmp_path / "a.db", app=ListedUpstream(list(odd), near=NANOS - 10**12)) as stage:
        assert (await stage.run()).kept.new == 5
        assert sorted(stage.kept().values()) == sorted(odd)
        assert (await stage.run(deep=True)).kept == Kept(known=5)


@pytest.mark.parametrize(
    "field",
    [b'"target_name":"a\\ud83d"', b'"user_agent":"\xff\xc3("', b'"\\udc00":1', b'"x":' + b"[" * 990 + b"]" * 990],
    ids=["half a surrogate pair", "no UTF-8", "a key of half a pair", "deep"],
)
async def test_an_event_that_strict_readers_refuse_is_kept_like_others(tmp_path: Path, field: bytes) -> None:
    """It hides neither itself nor the events beside it; byte for byte, with redaction and without."""
    odd = [b'{"id":"odd","timestamp":"%s",%b}' % (stamp(3_600), field), written("a", 60), written("b", 7_200)]
    for keep_secrets in (True, False):
        async with scene(tmp_path / f"{keep_secrets}.db", app=ListedUpstream(odd)) as stage:
            assert (await stage.run(keep_secrets=keep_secrets)).kept.new == 3
            assert sorted(stage.kept().values()) == sorted(odd)
            assert (await stage.run(deep=True, keep_secrets=keep_secrets)).kept == Kept(known=3)


async def test_an_event_that_changes_is_kept_beside_what_it_was(tmp_path: Path) -> None:
    """Other bytes for a known id are a revision; nothing is overwritten."""
    upstream = ListedUpstream([written("a", 3_600), written("b", 60)])
    async with scene(tmp_path / "a.db", app=upstream) as stage:
        await stage.run()
        upstream.events[1] = written("b", 60, origin="CLI")
        assert (await stage.run()).kept == Kept(revisions=1)
        assert read_event(stage.kept()["b"]).origin == "CLI"
        archive = SqliteArchive(stage.archive)
        assert [read_event(row.raw).origin for row in archive.revisions("b")] == ["API", "CLI"]
        archive.close()


async def test_whole_second_ties_longer_than_a_page_come_to_an_end(tmp_path: Path) -> None:
    """Timestamps without a fraction make every second a tie; the walk goes on below it."""
    listed = [written(f"{number}", 3_600 + number % 3) for number in range(450)]
    async with scene(tmp_path / "a.db", app=ListedUpstream(listed)) as stage:
        assert (await stage.run()).gaps == ()
        assert len(stage.kept()) == 450


@pytest.mark.parametrize("days", [None, 4])
async def test_an_upstream_that_hides_its_retention_is_read_as_far_as_it_answers(
    tmp_path: Path, days: float | None
) -> None:
    """A token that may not read the organization still gets all there is."""
    upstream = ListedUpstream([written(f"{day}", day * 86_400 + 60) for day in range(0, 100, 9)], retention_days=days)
    async with scene(tmp_path / "a.db", app=upstream) as stage:
        summary = await stage.run()
        assert len(stage.kept()) == (12 if days is None else 1)
        assert summary.gaps == ()
        assert (await stage.run()).gaps == ()


async def test_a_token_revoked_half_way_is_told_and_the_next_run_goes_on(tmp_path: Path) -> None:
    """A 401 ends the run with one clear error; what it kept stays, and is not read again."""
    async with scene(tmp_path / "a.db", faults=frozenset({"revoked-token"}), fault_every=9) as stage:
        with pytest.raises(UpstreamRejected, match=r"401.*token"):
            await stage.run()
        kept = stage.kept()
        assert 0 < len(kept) < 600
        assert_coverage_is_true(stage)
    async with scene(tmp_path / "a.db") as stage:
        summary = await stage.run()
        assert stage.kept() == stage.history()
        assert summary.kept.new == 600 - len(kept)
        assert summary.gaps == ()


@pytest.mark.parametrize("headers", [True, False])
async def test_a_run_uses_no_more_than_its_share_of_the_hour(tmp_path: Path, headers: bool) -> None:
    """The rest of the hourly requests is left to others with the same token; the run waits for the next hour."""
    limit, share, most = (40, 0.5, 20) if headers else (1_000, 0.015, 15)
    faults = frozenset({"server-errors"})
    async with scene(tmp_path / "a.db", rate_limit=limit, rate_headers=headers, faults=faults) as stage:
        summary = await stage.run(page_size=30, budget=share)
        assert stage.kept() == stage.history()
        assert summary.requests == sum(stage.asked.values()) > most
        assert max(stage.asked.values()) <= most
        assert max(stage.hands.slept) > 600


async def test_a_rate_limit_that_tells_nothing_ends_the_run_and_the_next_one_goes_on(tmp_path: Path) -> None:
    """A 429 without a word is tried again for a while; then the run ends, and nothing is lost by that."""
    async with scene(tmp_path / "a.db", rate_limit=9, rate_headers=False) as stage:
        with pytest.raises(UpstreamRejected, match="429"):
            await stage.run()
        assert_coverage_is_true(stage)
        for _ in range(6):
            stage.hands.wall += 3_600
            with contextlib.suppress(UpstreamRejected):
                await stage.run()
        assert stage.kept() == stage.history()
        assert stage.state().gaps == ()


async def test_a_second_syncer_is_refused(tmp_path: Path) -> None:
    """Two runs at once would each believe what the other has not kept; the second says so and changes nothing."""
    async with scene(tmp_path / "a.db") as stage, stage.open_run() as other:
        other.target.archive.take_lease(DEMO_ORGANIZATION_ID, "another", NANOS, NANOS + LEASE)
        with pytest.raises(ArchiveBusy, match="Another process syncs this organization"):
            await stage.run()
        assert stage.kept() == {}
        stage.hands.wall += LEASE // NANOS_PER_SECOND + 1
        assert (await stage.run()).kept.new == 600


async def test_a_lease_that_was_taken_over_fences_the_first(tmp_path: Path) -> None:
    """Whoever slept too long keeps nothing more, because another one has gone on meanwhile."""
    async with scene(tmp_path / "a.db") as stage, stage.open_run() as first, stage.open_run() as second:
        later = NANOS + 2 * LEASE
        taken: list[int] = []

        def take_over(progress: Progress) -> None:
            if progress.kept.new > 100 and not taken:
                second.target.archive.take_lease(DEMO_ORGANIZATION_ID, "another", later, later + LEASE)
                taken.append(progress.kept.new)

        with pytest.raises(ArchiveBusy, match="Another process syncs this organization now"):
            await first.run(Wish(organization=DEMO_ORGANIZATION_ID), take_over)
        assert [len(stage.kept())] == taken
        assert_coverage_is_true(stage)


async def test_secrets_are_taken_out_unless_they_are_to_be_kept(tmp_path: Path) -> None:
    """What a run stores has no secrets in it; only its ids and everything else stay as they were."""
    async with scene(tmp_path / "a.db") as stage:
        await stage.run(keep_secrets=False)
        kept, history = stage.kept(), stage.history()
        assert kept.keys() == history.keys()
        assert any(b"redacted:" in raw for raw in kept.values())
        assert sum(kept[name] != raw for name, raw in history.items()) > 10


def assert_coverage_is_true(stage: Scene) -> None:
    """What the archive calls covered has every event of the sandbox, and what it holds is the sandbox's."""
    kept, history = stage.kept(), stage.history()
    assert kept.items() <= history.items()
    for span in stage.state().covered:
        assert within(history, span).items() <= kept.items()


def written(name: str, age: float, origin: str = "API") -> bytes:
    """An event of so many seconds before NOW."""
    event = {"id": name, "timestamp": stamp(age).decode(), "event_type": "CREATE", "origin": origin}
    return json.dumps(event).encode()


def stamp(age: float) -> bytes:
    """The timestamp of so many seconds before NOW."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW - age)).encode()


def test_the_command_tells_what_it_did_and_what_is_lost(tmp_path: Path) -> None:
    """Exit status 3 and a line for the run that finds a gap; 0 for the next one, which finds nothing new."""
    options = SandboxOptions(events=600, seed=SEED, retention_days=1, rate_limit=0)
    with serving.upstream(create_app(options, time.time)) as url:
        arguments = ("events", "sync", "--archive", tmp_path / "a.db", "--upstream", url)
        first = fairlead(*arguments, env={"QOVERY_API_KEY": DEMO_TOKEN})
        again = fairlead(*arguments, "--keep-secrets", env={"QOVERY_API_KEY": DEMO_TOKEN})
    assert first.code == 3
    assert "new; " in first.out
    assert "Missing for ever: the beginning to" in first.out
    assert "beyond-retention" in first.out
    assert first.err == ""
    assert again.code == 0
    assert ": 0 new" in again.out
    assert again.err == "Secrets in events will be stored in clear (--keep-secrets).\n"


def test_progress_in_a_pipe_is_plain_lines() -> None:
    """Without a terminal there is no bar: a line now and then, and one for each wait and its reason."""
    stream = io.StringIO()
    progress = Progress(organization="o", done=1, whole=4, kept=Kept(new=3), requests=7)
    with telling(stream) as report:
        report(progress)
        report(
            Progress(
                organization="o", done=2, whole=4, kept=Kept(new=3), requests=7, waiting=90, reason="the hourly\x1b[2J"
            )
        )
    assert stream.getvalue().startswith(" 50% 3 events")
    assert stream.getvalue().endswith("7 requests, waiting 90 s: the hourly\\u001b[2J\n")
    assert stream.getvalue().count("\n") == 1
