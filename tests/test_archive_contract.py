"""What every store of the archive promises, held to it through the Protocol alone: events and what finds them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from archive_stores import ORGANIZATION, OTHER, T, found, keep, names, page, raw
from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import DIMENSIONS, Bucket, Count, Filter, Kept, Query, Tally
from fairlead.archive.store import Archive

pytest_plugins = ("archive_fixtures",)

HOUR = 3_600 * NANOS_PER_SECOND
END_OF_TIME = "2262-04-11T23:47:16.854775807Z"


def test_an_event_is_kept_once_and_every_byte_of_it(archive: Archive) -> None:
    """Runs overlap on purpose; the second time nothing is new."""
    event = b'{ "id":"a", "timestamp":"2026-11-01T00:00:00Z", "change":"{\\"a\\": 1}", "x":1.50 }'
    assert keep(archive, event) == Kept(new=1)
    assert keep(archive, event, event) == Kept(known=2)
    (kept,) = found(archive)
    assert (kept.raw, kept.revision, kept.number, kept.superseded) == (event, 0, 0, False)
    assert (kept.organization, kept.fetched_at, kept.id) == (ORGANIZATION, T, "a")


def test_other_bytes_for_an_id_are_a_revision_and_the_first_ones_stay(archive: Archive) -> None:
    """What an upstream says later never replaces what it said before."""
    first, second, third = (raw("a", T + at, target_name=f"n{at}") for at in range(3))
    assert keep(archive, first) == Kept(new=1)
    assert keep(archive, second, third, raw("b", T)) == Kept(new=1, revisions=2)
    assert keep(archive, first) == Kept(known=1)
    revisions = archive.revisions("A")
    assert [(each.raw, each.revision, each.superseded) for each in revisions] == [
        (first, 0, True), (second, 1, True), (third, 2, False),
    ]  # fmt: skip
    assert names(archive) == ["b", "a"]
    assert archive.state(ORGANIZATION).events == 2
    assert archive.revisions("nobody") == archive.revisions("\ud800") == archive.revisions("a\0") == ()


def test_an_id_of_another_organization_is_another_event(archive: Archive) -> None:
    """Organizations share an archive and nothing else."""
    keep(archive, raw("a", T, target_name="nginx"))
    assert keep(archive, raw("a", T, target_name="nginx", origin="API"), organization=OTHER) == Kept(new=1)
    assert [each.organization for each in archive.revisions("a")] == [ORGANIZATION, OTHER]
    assert [len(found(archive, organization=each)) for each in (ORGANIZATION, OTHER, "x", "\ud800", "a\0b")] == [
        1, 1, 0, 0, 0,
    ]  # fmt: skip
    assert archive.organizations() == (ORGANIZATION, OTHER)
    for text, organization in product(("nginx", "ngin*"), (ORGANIZATION, OTHER)):
        assert [each.organization for each in found(archive, organization=organization, text=text)] == [organization]
        assert archive.statistics(Query(organization=organization, text=text), Tally()).total == 1


def test_events_without_an_id_are_told_apart_by_their_bytes(archive: Archive) -> None:
    """An upstream may leave the id out; nothing is kept twice and nothing is lost."""
    assert keep(archive, raw(None, T, origin="API"), raw(None, T, origin="CLI"), raw(None, T, origin="API")) == Kept(
        new=2, known=1
    )
    assert all(name.startswith("keyed:") for name in names(archive))
    (only,) = archive.revisions(names(archive)[0])
    assert b"API" in only.raw


def test_events_of_one_instant_keep_their_order_on_positions_of_their_own(archive: Archive) -> None:
    """Pages are cut at positions, so no two events share one, in whatever batches and organizations they came."""
    events = [raw(f"{number}", T + number % 2) for number in range(40)]
    keep(archive, *events[:30])
    keep(archive, raw("other", T), organization=OTHER)
    keep(archive, *events[30:])
    ordered = [f"{number}" for number in [*range(0, 30, 2), *range(1, 30, 2), *range(30, 40, 2), *range(31, 40, 2)]]
    assert names(archive) == ordered
    positions = [each.position for each in found(archive)]
    assert sorted(set(positions)) == positions
    assert positions[0] == T
    assert {each.position for each in found(archive, organization=OTHER)}.isdisjoint(positions)


@pytest.mark.parametrize("at", ["", "yesterday", "1969-12-31T23:59:59Z", "2263-01-01T00:00:00Z"])
def test_an_event_without_a_readable_instant_stands_where_it_was_found(archive: Archive, at: str) -> None:
    """It is kept like any other, beside the events that it came with."""
    keep(archive, raw("a", T), raw("odd", at), raw("b", T + 9))
    assert names(archive) == ["a", "odd", "b"]


def test_events_at_the_end_of_time_are_kept_and_found(archive: Archive) -> None:
    """The last instants that 64 bits hold are dates that an upstream may write."""
    keep(archive, *(raw(name, END_OF_TIME) for name in "abc"), raw("d", T))
    assert sorted(names(archive)) == ["a", "b", "c", "d"]
    assert len(page(archive, 9, above=T).events) == 3
    assert archive.statistics(Query(organization=ORGANIZATION), Tally(width=HOUR)).total == 4


@pytest.mark.parametrize(
    "event",
    [
        b'{"id":"a\\ud800","timestamp":"2026-11-01T00:00:00Z","triggered_by":"\\udfff x","target_name":"\\ud83d"}',
        b'{"id":"a\\u0000b","timestamp":"2026-11-01T00:00:00Z","triggered_by":"no\\u0000body","change":"\\"x\\u0000y\\""}',
        b'{"\\ud800":1,"id":"a","triggered_by":"\xff\xfe","target_name":"\\u0000"}',
        b'{"id":["a"],"timestamp":7,"event_type":{"a":[null]},"origin":true}',
        b'[1,2]', b'null', b'""', b"not even JSON", b"", b"\xff\0\xfe",
    ],
)  # fmt: skip
def test_whatever_an_upstream_sends_is_kept_and_comes_back(archive: Archive, event: bytes) -> None:
    """Databases refuse half surrogates, NUL or invalid UTF-8 in text; the archive refuses nothing."""
    assert keep(archive, event).new == 1
    assert keep(archive, event).known == 1
    (kept,) = found(archive)
    assert kept.raw == event
    assert [each.raw for each in archive.revisions(kept.id)] == [event]
    counted = archive.statistics(Query(organization=ORGANIZATION), Tally(dimensions=DIMENSIONS))
    for dimension in DIMENSIONS:
        (only,) = counted.counts[dimension]
        assert names(archive, filters=(Filter(dimension, (only.value or "",)),)) == [kept.id]


def test_a_change_of_megabytes_is_kept_whole(archive: Archive) -> None:
    """And once, however many events have it; what of it is searched has an end."""
    change = "head " + "".join(f"{number:x} " for number in range(450_000))
    events = [raw(f"{number}", T + number, change=change, original_change=change) for number in range(2)]
    assert len(events[0]) >= 5_000_000
    keep(archive, *events)
    assert [each.raw for each in found(archive, text="head")] == events


def test_long_values_and_words_are_kept_and_found(archive: Archive) -> None:
    """Neither an index nor a word has a length that an upstream could not exceed."""
    actor, word = "x" * 50_000, "w" * 9_000
    keep(archive, raw("a", T, triggered_by=actor, change=word), raw("b", T))
    assert names(archive, filters=(Filter("triggered_by", (actor,)),)) == ["a"]
    assert names(archive, text=word) == ["a"]


def test_pages_go_both_ways_at_any_depth(archive: Archive) -> None:
    """Every event is on one page, newest first, and each page knows whether there are others."""
    keep(archive, *(raw(f"{number}", T + number // 3) for number in range(23)))
    down = [page(archive, 5)]
    while down[-1].has_older:
        down.append(page(archive, 5, below=down[-1].events[-1].position))
    assert [each.id for part in down for each in part.events] == names(archive)[::-1]
    assert [part.has_newer for part in down] == [False, True, True, True, True]
    up = [down[-1]]
    while up[-1].has_newer:
        up.append(page(archive, 5, above=up[-1].events[0].position))
    assert [len(part.events) for part in up] == [3, 5, 5, 5, 5]
    assert [each for part in reversed(up) for each in part.events] == [each for part in down for each in part.events]
    assert [part.has_older for part in up] == [False, True, True, True, True]


@pytest.mark.parametrize("beyond", [-1, 0, -(1 << 70), 1 << 63, 1 << 70])
def test_times_out_of_all_bounds_are_only_far_away(archive: Archive, beyond: int) -> None:
    """A caller may ask for any integer."""
    keep(archive, raw("a", T))
    expected = ["a"] if beyond <= 0 else []
    assert names(archive, since=beyond) == expected
    assert names(archive, until=beyond) == ["a"][len(expected) :]
    assert [each.id for each in page(archive, 2, above=beyond).events] == expected
    assert [each.id for each in page(archive, 2, below=beyond).events] == ["a"][len(expected) :]
    assert archive.statistics(Query(organization=ORGANIZATION, since=beyond), Tally(width=HOUR)).total == len(expected)


def test_a_page_of_time_is_half_open(archive: Archive) -> None:
    """From the first instant on, up to and not including the last."""
    keep(archive, *(raw(f"{number}", T + number) for number in range(5)))
    assert names(archive, since=T + 1, until=T + 4) == ["1", "2", "3"]
    middle = page(archive, 2, since=T + 1, until=T + 4)
    assert [[each.id for each in middle.events], middle.has_older, middle.has_newer] == [["3", "2"], True, False]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ((Filter("event_type", ("CREATE",)),), "ab"),
        ((Filter("event_type", ("CREATE", "DELETE", "nothing")),), "abc"),
        ((Filter("event_type", ("nothing",)),), ""),
        ((Filter("event_type", ()),), ""),
        ((Filter("event_type", (), negated=True),), "abcd"),
        ((Filter("event_type", ("CREATE", "nothing"), negated=True),), "cd"),
        ((Filter("origin", ("",)),), "bd"),
        ((Filter("origin", ("", "API")),), "abd"),
        ((Filter("origin", ("",), negated=True),), "ac"),
        ((Filter("event_type", ("CREATE",)), Filter("origin", ("API", "CLI"))), "a"),
        ((Filter("target_id", ("'; DROP TABLE event; --", "\ud800", "a\0", "%s", "?")),), ""),
        (tuple(Filter(dimension, ("", "x")) for dimension in DIMENSIONS[4:]), "abcd"),
        ((Filter("origin", tuple(f"{number}" for number in range(20_000))),), ""),
    ],
)
def test_filters_are_values_or_their_absence(archive: Archive, filters: tuple[Filter, ...], expected: str) -> None:
    """Several values are alternatives, several filters all hold, and "" stands for none."""
    keep(
        archive, raw("a", T, event_type="CREATE", origin="API"), raw("b", T, event_type="CREATE", origin=None),
        raw("c", T, event_type="DELETE", origin="CLI"), raw("d", T, event_type=None, origin=""),
    )  # fmt: skip
    assert "".join(names(archive, filters=filters)) == expected
    assert archive.statistics(Query(organization=ORGANIZATION, filters=filters), Tally()).total == len(expected)
    assert "".join(each.id for each in page(archive, 9, filters=filters).events[::-1]) == expected


WORDS = (
    ("nginx", "a"), ("NGINX", "a"), ("ngin", ""), ("ngin*", "a"), ("ngin* frontend", "a"), ("nginx backend", ""),
    ("café", "b"), ("cafe", "b"), ("CAFÉ", "b"), ("Straße", "b"), ("日本*", "b"), ("alice@example.com", "b"),
    ("6f9619ff-8b86-d011-b42d-00cf4fc964ff", "a"), ("6f9619ff8b86d011b42d00cf4fc964ff", "a"), ("6f9619ff*", "a"),
    ("6f9619ff-8b86", ""), ("secret", "b"), ("key", ""), ("", "ab"), ("  ", "ab"), ("-- !!! ()", "ab"),
)  # fmt: skip


def test_words_are_found_in_names_actors_ids_and_changes(archive: Archive) -> None:
    """All words have to be there, in any case and with any accents; `*` stands for the rest of one."""
    keep(
        archive,
        raw("a", T, target_name="nginx-frontend", target_id="6f9619ff-8b86-d011-b42d-00cf4fc964ff"),
        raw("b", T, triggered_by="alice@example.com", project_name="café Straße", change='{"key":["secret","日本語"]}'),
    )
    for text, expected in WORDS:
        assert (text, "".join(names(archive, text=text))) == (text, expected)
        assert archive.statistics(Query(organization=ORGANIZATION, text=text), Tally()).total == len(expected)


HOSTILE = (
    "'", '"', "''", "';--", "a' OR '1'='1", 'a" OR "b', "a AND b", "NOT a", "NEAR(a b)", "a:*", "facets : 1z", "^a",
    "a & !b | c <-> d", "\\", "%s %(x)s ? :a $1", "\0", "a\0b", "\ud800 a", "ᦰ", "aᦰb", "x" * 100_000, "a " * 3_000,
    "*", "a**", "_", "İ", "ﬁ", "e\u0301\u0301", "\u200f", "١٢٣*", "{text} {0}",
)  # fmt: skip


def test_a_hostile_text_finds_nothing_it_should_not_and_breaks_nothing(archive: Archive) -> None:
    """What people type is words, never a part of the question to the database."""
    keep(archive, raw("other", T), organization=OTHER)
    keep(archive, raw("plain", T, target_name="plain"))
    for text in HOSTILE:
        assert set(names(archive, text=text)) <= {"plain"}
        assert archive.statistics(Query(organization=ORGANIZATION, text=text), Tally(width=HOUR)).total <= 1
    assert names(archive) == ["plain"]


def test_counts_and_pages_follow_a_revision_at_once(archive: Archive) -> None:
    """What a later revision took away is not counted, not even as nothing."""
    keep(archive, raw("a", T, origin="CLI"), raw("b", T + 3 * HOUR, origin="CLI"))
    keep(archive, raw("b", T + 9 * HOUR, origin="API", event_type="DELETE"))
    everything = Query(organization=ORGANIZATION)
    for query in (everything, Query(organization=ORGANIZATION, filters=(Filter("target_id", ("",)),))):
        counted = archive.statistics(query, Tally(width=HOUR, dimensions=("origin", "event_type")))
        assert counted.total == 2
        assert counted.counts["origin"] == (Count("API", 1), Count("CLI", 1))
        assert counted.counts["event_type"] == (Count("DELETE", 1), Count("UPDATE", 1))
        start = T - T % HOUR
        assert counted.buckets == (Bucket(start, 1), Bucket(start + 9 * HOUR, 1))
    assert names(archive, filters=(Filter("origin", ("CLI",)),)) == ["a"]


def test_equal_counts_are_in_the_order_of_their_values(archive: Archive) -> None:
    """Whatever came first, and whatever was cut off: two stores, or two moments, give one answer."""
    keep(archive, *(raw(f"{at}", T + at, origin=origin) for at, origin in enumerate("cbda")), raw("e", T + 9))
    keep(archive, raw("f", T + 10, origin="d"))
    for query in (Query(organization=ORGANIZATION), Query(organization=ORGANIZATION, text="*", since=T)):
        counted = archive.statistics(query, Tally(dimensions=("origin",), most=3)).counts["origin"]
        assert counted == (Count("d", 2), Count(None, 1), Count("a", 1))
    assert archive.statistics(Query(organization=ORGANIZATION), Tally(dimensions=("origin",), most=0)).counts == {
        "origin": ()
    }


def test_buckets_reach_back_before_their_origin(archive: Archive) -> None:
    """An origin says where buckets are cut, not where counting begins."""
    keep(archive, *(raw(f"{at}", T + at) for at in (-11, -10, -1, 0, 9, 10)))
    for origin in (T, T + 1_000, T - 70, -(1 << 65) // 10 * 10 + T % 10):
        buckets = archive.statistics(Query(organization=ORGANIZATION), Tally(width=10, origin=origin)).buckets
        assert buckets == (Bucket(T - 20, 1), Bucket(T - 10, 2), Bucket(T, 2), Bucket(T + 10, 1))
    assert archive.statistics(Query(organization=ORGANIZATION), Tally(width=1 << 80)).buckets == (Bucket(0, 6),)


def test_events_stream_while_others_are_kept_and_read(archive: Archive) -> None:
    """An export reads for minutes: it takes no lock, may end at any time, and never sees an event twice."""
    keep(archive, *(raw(f"{number}", T + number) for number in range(1_200)))
    stream = archive.events(Query(organization=ORGANIZATION))
    begun = [next(stream).id for _ in range(600)]
    keep(archive, raw("early", T - 1), raw("late", T + 5_000))
    assert len(page(archive, 3).events) == 3
    with ThreadPoolExecutor(1) as other:
        rest = other.submit(lambda: [each.id for each in stream]).result()
    assert begun + rest == [*(f"{number}" for number in range(1_200)), "late"]
    next(archive.events(Query(organization=ORGANIZATION)))


def test_readers_of_many_threads_read_while_one_writes(archive: Archive) -> None:
    """Serving never waits for syncing, and every page is of one moment."""
    keep(archive, raw("0", T))
    done = threading.Event()

    def read() -> int:
        pages = 0
        while not done.is_set() or not pages:
            events = page(archive, 50).events
            assert [each.id for each in events] == [f"{number}" for number in reversed(range(len(events)))]
            pages += 1
        return pages

    with ThreadPoolExecutor(4) as threads:
        readers = [threads.submit(read) for _ in range(4)]
        try:
            for number in range(1, 40):
                keep(archive, raw(f"{number}", T + number))
        finally:
            done.set()
        assert all(reader.result() for reader in readers)
    assert len(names(archive)) == 40
