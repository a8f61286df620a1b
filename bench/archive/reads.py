"""Times pages and counts of an archive, the first time after its file has left memory, and then many times."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.archive.building import ORGANIZATION
from bench.archive.questions import Kind, Question, questions
from bench.archive.timing import Spent, Timing, spent_by, timing_of
from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import Dimension, Filter, Query, Tally, Turn
from fairlead.archive.sqlite.archive import SqliteArchive
from fairlead.archive.store import Archive

PAGE = 100
BUCKETS = 60
FACETS: tuple[Dimension, ...] = ("event_type", "target_type", "sub_target_type", "origin", "triggered_by")
_HOUR = 3_600 * NANOS_PER_SECOND
_DAY = 24 * _HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRead:
    """Pages of a question: how many events the newest has, its first time, more times, and at random places."""

    kind: Kind
    name: str
    found: int
    cold: Spent
    newest: Timing
    anywhere: Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRead:
    """A histogram with facets: of how many events, its first time, and more times."""

    name: str
    filtered: bool
    events: int
    cold: Spent
    warm: Timing


def page_reads(path: Path, rounds: int, say: Callable[[str], None]) -> list[PageRead]:
    """Time every question."""
    with closing(SqliteArchive(path)) as archive:
        asked = questions(archive)
    return [_page_read(path, question, rounds, say) for question in asked]


def count_reads(path: Path, rounds: int, say: Callable[[str], None]) -> list[CountRead]:
    """Time histograms of all time, of 30 days and of a week from no full hour, without and with conditions."""
    with closing(SqliteArchive(path)) as archive:
        state = archive.state(ORGANIZATION)
    oldest, newest = state.oldest or 0, (state.newest or 0) + 1
    spans = {
        "all time": (oldest, newest),
        "30 days": (newest - 30 * _DAY, newest),
        "a week from no full hour": (newest - 17 * _DAY, newest - 10 * _DAY),
    }
    conditions: dict[str, tuple[Filter, ...]] = {
        "everything": (),
        "`UPDATE`": (Filter("event_type", ("UPDATE",)),),
        "`UPDATE` by `CONSOLE`": (Filter("event_type", ("UPDATE",)), Filter("origin", ("CONSOLE",))),
    }
    reads = []
    for what, filters in conditions.items():
        for span, (since, until) in spans.items():
            say(f"counts: {what}, {span}")
            query = Query(organization=ORGANIZATION, since=since, until=until, filters=filters)
            reads.append(_count_read(path, f"{what}, {span}", query, rounds))
    return reads


def _page_read(path: Path, question: Question, rounds: int, say: Callable[[str], None]) -> PageRead:
    say(f"pages: {question.name}")
    _forget(path)
    with closing(SqliteArchive(path)) as archive:
        newest = partial(archive.page, question.query, Turn(limit=PAGE))
        cold = spent_by(newest)
        return PageRead(
            kind=question.kind,
            name=question.name,
            found=len(newest().events),
            cold=cold,
            newest=timing_of([newest] * rounds),
            anywhere=timing_of(_anywhere(archive, question.query, rounds)),
        )


def _anywhere(archive: Archive, query: Query, rounds: int) -> Iterator[Callable[[], object]]:
    """Pages onwards and backwards from random instants, the same in every run."""
    state = archive.state(ORGANIZATION)
    chance = random.Random(rounds)
    for number in range(rounds):
        place = chance.randrange(state.oldest or 0, (state.newest or 0) + 1)
        turn = Turn(limit=PAGE, above=place) if number % 3 == 2 else Turn(limit=PAGE, below=place)
        yield partial(archive.page, query, turn)


def _count_read(path: Path, name: str, query: Query, rounds: int) -> CountRead:
    assert query.since is not None
    assert query.until is not None
    # As a histogram on a screen does: buckets of a width that people read, about as many as asked for.
    width = next(width for width in _widths() if width * BUCKETS >= query.until - query.since)
    tally = Tally(width=width, origin=query.since // width * width, dimensions=FACETS)
    _forget(path)
    with closing(SqliteArchive(path)) as archive:
        count = partial(archive.statistics, query, tally)
        cold = spent_by(count)
        events = count().total
        # What takes long is not made to take minutes.
        times = max(3, min(rounds, int(5_000 / max(cold.core, 1.0))))
        warm = timing_of([count] * times)
    return CountRead(name=name, filtered=bool(query.filters), events=events, cold=cold, warm=warm)


def _widths() -> Iterator[int]:
    yield from (hours * _HOUR for hours in (1, 3, 6, 12))
    yield from (days * _DAY for days in range(1, 10_000))


def _forget(path: Path) -> None:
    """Let the system drop the file from its memory, as far as it does that for an ordinary user."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
