"""What every store tells an audit: rows as they are stored, whatever is left of them, and what contradicts them."""

from __future__ import annotations

import pytest

from archive_stores import ORGANIZATION, OTHER, T, changed, keep, names, raw
from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import Filter, Stored
from fairlead.archive.preparation import identity_of
from fairlead.archive.store import Archive

pytest_plugins = ("archive_fixtures",)

HOUR = 3_600 * NANOS_PER_SECOND
DAY = 24 * HOUR
LONG = "change " * 200


def _kept(archive: Archive) -> list[bytes]:
    """Four rows: an event, its second revision, one with a long change, and one of another organization."""
    events = [
        raw("a", T, origin="API"),
        raw("a", T + DAY, origin="CLI", target_id="x"),
        raw("c", T, change=LONG),
        raw("d", T + 5, triggered_by="somebody"),
    ]
    for event in events[:3]:
        keep(archive, event)
    keep(archive, events[3], organization=OTHER)
    return events


def test_rows_are_what_is_stored_in_the_order_of_the_log(archive: Archive) -> None:
    """An audit makes every leaf anew of them, and holds the columns against the bytes."""
    events = _kept(archive)
    rows = list(archive.rows(0, 100))
    assert [row.raw for row in rows] == events
    for row, kept in zip(rows, archive.log(0, 100), strict=True):
        assert Stored(*kept[:7], row.identity, row.values, kept.raw) == row
    assert [row.identity for row in rows] == [identity_of(name) for name in "aacd"]
    assert [row.superseded for row in rows] == [True, False, False, False]
    assert rows[1].values == ("UPDATE", None, None, "CLI", None, "x", None, None)
    assert rows[3].values == ("UPDATE", None, None, None, "somebody", None, None, None)
    assert list(archive.rows(1, 2)) == rows[1:3]
    assert list(archive.rows(4, 9)) == list(archive.rows(0, 0)) == []


@pytest.mark.parametrize(
    ("statement", "unreadable"),
    [
        (f"DELETE FROM body WHERE position = {T}", [0]),
        ("DELETE FROM content", [2]),
        ("UPDATE body SET envelope = (SELECT tag FROM event WHERE event.position = body.position)", [0, 1, 2, 3]),
    ],
)
def test_a_row_without_readable_bytes_is_still_told(archive: Archive, statement: str, unreadable: list[int]) -> None:
    """Whoever damages one event hides neither it nor those behind it."""
    _kept(archive)
    changed(archive, statement)
    assert [row.number for row in archive.rows(0, 9) if row.raw is None] == unreadable
    assert [row.number for row in archive.rows(0, 9)] == [0, 1, 2, 3]


def test_a_row_without_its_organization_or_words_is_still_told(archive: Archive) -> None:
    """No value is what an event has none of; a number that means nothing is not that."""
    events = _kept(archive)
    changed(archive, f"DELETE FROM organization WHERE uuid = '{OTHER}'", "DELETE FROM word")
    rows = list(archive.rows(0, 9))
    assert [row.raw for row in rows] == events
    assert [row.organization for row in rows] == [ORGANIZATION] * 3 + [""]
    assert [[value is None for value in row.values] for row in (rows[1], rows[3])] == [
        [False, True, True, False, True, False, True, True], [False, True, True, True, False, True, True, True],
    ]  # fmt: skip


def test_rows_behind_a_hole_are_told(archive: Archive) -> None:
    """However wide it is."""
    _kept(archive)
    changed(archive, "UPDATE event SET number = 1900 WHERE number = 1")
    assert [row.number for row in archive.rows(0, 2_000)] == [0, 2, 3, 1_900]
    assert [row.number for row in archive.rows(0, 1_900)] == [0, 2, 3]


def test_taken_positions_are_counted_whoever_has_them(archive: Archive) -> None:
    """An event stands behind its timestamp only as far as others stood there before."""
    _kept(archive)
    assert [archive.taken(each, T, T + 6) for each in (ORGANIZATION, OTHER)] == [3, 3]
    assert [archive.taken(ORGANIZATION, *each) for each in ((T, T), (T, T + 1), (T + 2, T + 5), (0, T))] == [0, 1, 0, 0]


def test_an_archive_as_it_was_written_contradicts_itself_nowhere(archive: Archive) -> None:
    """Empty or not, with revisions that left nothing where another one was counted."""
    assert archive.disagreements() == ()
    _kept(archive)
    assert archive.disagreements() == ()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE event SET number = 9 WHERE number = 3", "The 4 events are numbered from 0 to 9."),
        ("UPDATE event SET number = -1 WHERE number = 0", "The 4 events are numbered from -1 to 3."),
        (f"UPDATE rollup SET count = count + 1 WHERE grain = {HOUR} AND dimension = 0", "events by hour"),
        (f"DELETE FROM rollup WHERE grain = {DAY} AND dimension = 0", "events by day"),
        (f"DELETE FROM rollup WHERE grain = {DAY} AND dimension = 4", "events by origin"),
        ("UPDATE event SET target_id = target_id + 1 WHERE number = 1", "events by target_id"),
        ("UPDATE event SET superseded = NOT superseded WHERE number = 2", "events by event_type"),
    ],
)
def test_what_searches_and_counts_say_is_held_against_the_events(archive: Archive, statement: str, said: str) -> None:
    """Each that is wrong is told in a sentence."""
    _kept(archive)
    changed(archive, statement)
    found = archive.disagreements()
    assert [each for each in found if said in each], found
    assert all(each[0].isupper() and each.endswith(".") for each in found)


def test_an_event_that_no_search_finds_is_told(archive: Archive) -> None:
    """And so is what a search finds beside the events."""
    _kept(archive)
    changed(archive, f"DELETE FROM event WHERE position = {T + DAY}")
    assert names(archive, filters=(Filter("origin", ("CLI",)),)) == []
    assert any("search" in each or "index" in each for each in archive.disagreements())
