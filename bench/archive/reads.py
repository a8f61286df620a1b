"""Times pages and counts of an archive: each once with its file out of memory, then many times with it there."""

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
from fairlead.archive.model import Dimension, Filter, Page, Query, Statistics, Tally, Turn
from fairlead.archive.sqlite.archive import SqliteArchive
from fairlead.archive.store import Archive

PAGE = 100
BUCKETS = 60
FACETS: tuple[Dimension, ...] = ("event_type", "target_type", "sub_target_type", "origin", "triggered_by")
_MEGABYTE = 1 << 20
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
    say("first pages, cold")
    cold = [_cold(path, partial(_newest, question.query)) for question in asked]
    _recall(path)
    return [_page_read(path, question, first, rounds, say) for question, first in zip(asked, cold, strict=True)]


def count_reads(path: Path, rounds: int, say: Callable[[str], None]) -> list[CountRead]:
    """Time histograms of all time, of 30 days and of a week from no full hour, without and with conditions."""
    asked = list(_counts(path))
    say("first counts, cold")
    cold = [_cold(path, partial(_count, query, tally)) for _, query, tally in asked]
    _recall(path)
    reads = []
    for (name, query, tally), first in zip(asked, cold, strict=True):
        say(f"counts: {name}")
        with closing(SqliteArchive(path)) as archive:
            events = _count(query, tally, archive).total
            # What takes long is not made to take minutes.
            once = spent_by(partial(_count, query, tally, archive))
            times = max(3, min(rounds, int(5_000 / max(once.core, 1.0))))
            warm = timing_of([partial(_count, query, tally, archive)] * times)
        reads.append(CountRead(name=name, filtered=bool(query.filters), events=events, cold=first, warm=warm))
    return reads


def _counts(path: Path) -> Iterator[tuple[str, Query, Tally]]:
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
    for what, filters in conditions.items():
        for span, (since, until) in spans.items():
            query = Query(organization=ORGANIZATION, since=since, until=until, filters=filters)
            # As a histogram on a screen does: buckets of a width that people read, about as many as asked for.
            width = next(width for width in _widths() if width * BUCKETS >= until - since)
            tally = Tally(width=width, origin=since // width * width, dimensions=FACETS)
            yield f"{what}, {span}", query, tally


def _page_read(path: Path, question: Question, cold: Spent, rounds: int, say: Callable[[str], None]) -> PageRead:
    say(f"pages: {question.name}")
    with closing(SqliteArchive(path)) as archive:
        newest = partial(_newest, question.query, archive)
        return PageRead(
            kind=question.kind,
            name=question.name,
            found=len(newest().events),
            cold=cold,
            newest=timing_of([newest] * rounds),
            anywhere=timing_of(_anywhere(archive, question.query, rounds)),
        )


def _newest(query: Query, archive: Archive) -> Page:
    return archive.page(query, Turn(limit=PAGE))


def _count(query: Query, tally: Tally, archive: Archive) -> Statistics:
    return archive.statistics(query, tally)


def _anywhere(archive: Archive, query: Query, rounds: int) -> Iterator[Callable[[], object]]:
    """Pages onwards and backwards from random instants, the same in every run."""
    state = archive.state(ORGANIZATION)
    chance = random.Random(rounds)
    for number in range(rounds):
        place = chance.randrange(state.oldest or 0, (state.newest or 0) + 1)
        turn = Turn(limit=PAGE, above=place) if number % 3 == 2 else Turn(limit=PAGE, below=place)
        yield partial(archive.page, query, turn)


def _widths() -> Iterator[int]:
    yield from (hours * _HOUR for hours in (1, 3, 6, 12))
    yield from (days * _DAY for days in range(1, 10_000))


def _cold(path: Path, call: Callable[[Archive], object]) -> Spent:
    """The first call of a new connection, once the system has dropped the file as far as it does for anybody."""
    with path.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with closing(SqliteArchive(path)) as archive:
        return spent_by(partial(call, archive))


def _recall(path: Path) -> None:
    """Bring the file back into the system's memory, as far as it fits."""
    with path.open("rb") as file:
        while file.read(_MEGABYTE):
            pass
