"""Whatever is kept and asked, every store answers what looking through all events one by one would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_stores import HOLDER, NEVER, batch, opened, raw
from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import DIMENSIONS, Filter, Query, Tally, Turn
from fairlead.archive.store import Archive
from naive_archive import NaiveArchive
from postgres_server import Server

pytest_plugins = ("archive_fixtures",)

HOUR = 3_600 * NANOS_PER_SECOND
DAY = 24 * HOUR
WORDS = ("nginx", "nginx-2", "redis", "7", "")
VALUES = ("x", "y", None)

# Few ids, instants and values, so that they meet; borders of hours and days are among the instants.
instants = st.builds(
    lambda days, hours, near: 100 * DAY + days * DAY + hours * HOUR + near,
    st.integers(0, 3), st.sampled_from((0, 1, 23)), st.sampled_from((-2, -1, 0, 1, HOUR // 2)),
)  # fmt: skip
events = st.tuples(
    st.sampled_from("abcdefgh"), instants, st.sampled_from(WORDS), st.sampled_from(VALUES), st.sampled_from(VALUES)
)
batches = st.lists(st.lists(events, max_size=8), min_size=1, max_size=3)
bounds = st.none() | instants
filters = st.lists(
    st.builds(
        Filter,
        st.sampled_from(("origin", "target_id")),
        st.lists(st.sampled_from(("x", "y", "", "z")), max_size=2).map(tuple),
        st.booleans(),
    ),
    max_size=2,
).map(tuple)
texts = st.sampled_from(("", "", "nginx", "ngin*", "nginx 2", "redis 7", "*"))
tallies = st.builds(
    Tally, width=st.sampled_from((HOUR // 3, HOUR, 5 * HOUR, DAY, 7 * DAY)),
    origin=st.sampled_from((0, 101 * DAY, 101 * DAY + HOUR, 3)), dimensions=st.just(DIMENSIONS), most=st.just(99),
)  # fmt: skip

_organizations = (str(UUID(int=number)) for number in count(1))


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, postgres: Server) -> Iterator[tuple[Archive, Archive]]:
    """An archive of each kind, for every example an organization in it."""
    places = (str(tmp_path_factory.mktemp("answers") / "archive.db"), postgres.url(postgres.emptied("answers")))
    with closing(opened(places[0])) as sqlite, closing(opened(places[1])) as postgresql:
        yield sqlite, postgresql


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(batches=batches, since=bounds, until=bounds, filters=filters, text=texts, tally=tallies, limit=st.integers(1, 9))
def test_every_answer_is_the_naive_one(
    stores: tuple[Archive, Archive], batches: list[list[tuple[str, int, str, str | None, str | None]]],
    since: int | None, until: int | None, filters: tuple[Filter, ...], text: str, tally: Tally, limit: int,
) -> None:  # fmt: skip
    """Indexes, rollups and pages are short cuts: none of them may be seen in an answer."""
    organization = next(_organizations)
    shift = UUID(organization).int * 500 * DAY  # positions are unique in an archive, so no two examples share time
    naive = NaiveArchive()
    sqlite, postgresql = stores
    query = Query(
        organization=organization, filters=filters, text=text,
        since=None if since is None else since + shift, until=None if until is None else until + shift,
    )  # fmt: skip
    for store in stores:
        assert store.take_lease(organization, HOLDER, 0, NEVER)
    for each in batches:
        made = batch(*(_event(event, shift) for event in each), organization=organization)
        kept = naive.keep(made.events)
        assert [store.keep(made) for store in stores] == [kept, kept]
    # By time alone the rollups answer, with more than that the events.
    for asked in (query, replace(query, filters=(), text=""), Query(organization=organization)):
        for store in stores:
            _assert_naive(store, naive, asked, tally, limit)
        assert sqlite.statistics(asked, tally) == postgresql.statistics(asked, tally)
    assert sqlite.state(organization) == postgresql.state(organization)
    assert sqlite.frontier() == postgresql.frontier()


def _assert_naive(store: Archive, naive: NaiveArchive, query: Query, tally: Tally, limit: int) -> None:
    found = naive.found(query)
    streamed = list(store.events(query))
    assert [(each.position, each.revision, each.raw) for each in streamed] == [
        (row.position, row.revision, row.event.raw) for row in found
    ]
    statistics = store.statistics(query, tally)
    assert (statistics.total, statistics.buckets) == (len(found), naive.buckets(query, tally))
    assert store.statistics(query, Tally()).total == len(found)
    for dimension in DIMENSIONS:
        assert set(statistics.counts[dimension]) == naive.counts(query, dimension)
    page = store.page(query, Turn(limit=limit))
    assert list(page.events) == streamed[::-1][:limit]
    assert (page.has_older, page.has_newer) == (len(found) > limit, False)
    if len(found) > 1:
        above = store.page(query, Turn(limit=limit, above=found[0].position))
        assert list(above.events) == streamed[1 : limit + 1][::-1]
        assert (above.has_older, above.has_newer) == (True, len(found) - 1 > limit)


def _event(event: tuple[str, int, str, str | None, str | None], shift: int) -> bytes:
    name, at, word, origin, target = event
    return raw(f"{name}{shift}", at + shift, target_name=word, origin=origin, target_id=target)
