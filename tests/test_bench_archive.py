"""The bench of the archive measures what it says, on an archive that is small enough for a test."""

from __future__ import annotations

from contextlib import closing
from datetime import date

import pytest
from bench import document
from bench.archive.building import ORGANIZATION, Built, build
from bench.archive.reads import count_reads, page_reads
from bench.archive.report import Circumstances, Measured, render, targets
from bench.archive.rest import rest_reads
from bench.archive.streams import export_stream, verify_stream
from bench.archive.syncing import Synced
from bench.archive.timing import percentile, timing_of

from fairlead.archive.sqlite.archive import SqliteArchive

EVENTS = 2_000
CIRCUMSTANCES = Circumstances(today=date(2026, 11, 23), hardware="a machine", versions="SQLite 3", others=0.5)


def silently(_: str) -> None:
    """Nobody is told."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """One archive, measured as often as needed to see that it can be; its sync is made up."""
    path = tmp_path_factory.mktemp("bench") / "archive.db"
    with closing(SqliteArchive(path)) as archive:
        built = build(archive, EVENTS, silently)
        assert archive.state(ORGANIZATION).events == EVENTS
    return Measured(
        events=EVENTS,
        size=path.stat().st_size,
        rounds=1,
        built=built,
        synced=Synced(events=100_000, seconds=16.0, cpu=14.0, offered=9_000.0),
        pages=page_reads(path, 1, silently),
        counts=count_reads(path, 1, silently),
        export=export_stream(path, 500),
        verify=verify_stream(path, jobs=1),
        rest=rest_reads(path, 1),
    )


def test_every_kind_of_read_finds_what_it_stands_for(measured: Measured) -> None:
    """A figure of a query that finds nothing by mistake would say nothing."""
    assert isinstance(measured.built, Built)
    found = {read.name: read.found for read in measured.pages}
    nothing = {name for name, events in found.items() if not events}
    assert found["everything"] == 100
    assert {"all but every type", "`SHELL` by `GIT`, which never is", "a word that none has"} <= nothing
    assert len(nothing) < len(found) / 2
    assert {read.events for read in measured.counts if read.name == "everything, all time"} == {EVENTS}
    assert (measured.export.events, measured.verify.events) == (500, EVENTS)


def test_the_report_tells_every_figure_and_a_missed_target(measured: Measured) -> None:
    """Whoever reads it sees what was promised, what came of it, and that a busy machine lengthens times."""
    report = render(measured, CIRCUMSTANCES)
    assert "2026-11-23: a machine; other programs took 50% of the cores" in report
    assert "not quiet" in report
    assert all(read.name in report for read in (*measured.pages, *measured.counts))
    sync = next(target for target in targets(measured) if "sync" in target.name)
    assert (sync.measured, sync.reached) == ("6,250", True)
    slow = Measured(**{name: getattr(measured, name) for name in Measured.__slots__} | {"synced": _slow()})
    assert "| **missed** |" in render(slow, CIRCUMSTANCES).replace("  ", "")


def _slow() -> Synced:
    return Synced(events=100, seconds=1.0, cpu=1.0, offered=100.0)


def test_the_document_has_a_place_for_the_report() -> None:
    """`--write` needs its two markers."""
    text = document.ARCHIVE_DOCUMENT.read_text()
    assert "figures\n" in document.with_report(text, "archive", "figures")


def test_a_percentile_is_one_of_the_values() -> None:
    """Of a hundred calls one may be slower than p99."""
    assert percentile([float(each) for each in range(100)], 99) == 99.0
    assert percentile([3.0, 1.0, 2.0], 50) == 2.0
    assert timing_of([lambda: None] * 3).p99 >= 0.0
