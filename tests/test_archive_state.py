"""What every store promises of whole batches: coverage, gaps, leases, properties, and an archive that is not there."""

from __future__ import annotations

from contextlib import closing

import pytest

from archive_stores import HOLDER, NEVER, ORGANIZATION, OTHER, T, batch, keep, lease, names, opened, raw
from fairlead.archive.coverage import Slice
from fairlead.archive.model import Filter, Gap, Kept, OrganizationState
from fairlead.archive.store import Archive
from fairlead.errors import ArchiveBusy, ArchiveError, ArchiveUnusable

pytest_plugins = ("archive_fixtures",)


def test_coverage_joins_what_touches(archive: Archive) -> None:
    """Slices overlap on purpose; what is covered is told in as few as there can be."""
    archive.keep(batch(covered=[(10, 20), (30, 40)]))
    archive.keep(batch(covered=[(20, 25), (39, 50), (70, 70)]))
    assert archive.state(ORGANIZATION).covered == (Slice(10, 25), Slice(30, 50))
    archive.keep(batch(covered=[(0, 100)]))
    assert archive.state(ORGANIZATION).covered == (Slice(0, 100),)
    assert archive.state(OTHER) == OrganizationState(organization=OTHER)


def test_a_gap_is_recorded_once_and_for_ever(archive: Archive) -> None:
    """Every run finds it again; only time that no gap names yet gets another record."""
    first = Gap(100, 200, "beyond-retention", 1)
    assert archive.keep(batch(gaps=[first])).gaps == 1
    assert archive.keep(batch(gaps=[first, Gap(120, 180, "not-read-in-time", 2)])).gaps == 0
    assert (
        archive.keep(batch(gaps=[Gap(None, 300, "not-read-in-time", 3), Gap(250, 310, "upstream-refused", 4)])).gaps
        == 3
    )
    assert archive.state(ORGANIZATION).gaps == (
        Gap(None, 100, "not-read-in-time", 3),
        first,
        Gap(200, 300, "not-read-in-time", 3),
        Gap(300, 310, "upstream-refused", 4),
    )
    archive.keep(batch(covered=[(0, 1_000)]))
    assert len(archive.state(ORGANIZATION).gaps) == 4


def test_a_gap_that_goes_on_is_one_gap(archive: Archive) -> None:
    """An outage of days is one record, not one for every run that met it; another reason is another gap."""
    assert (
        archive.keep(batch(gaps=[Gap(None, 20, "upstream-refused", 1), Gap(20, 30, "upstream-refused", 2)])).gaps == 2
    )
    assert archive.keep(batch(gaps=[Gap(25, 40, "upstream-refused", 3), Gap(40, 50, "not-read-in-time", 4)])).gaps == 2
    assert archive.keep(batch(gaps=[Gap(40, 60, "upstream-refused", 5)], organization=OTHER)).gaps == 1
    assert archive.state(ORGANIZATION).gaps == (
        Gap(None, 40, "upstream-refused", 1),
        Gap(40, 50, "not-read-in-time", 4),
    )


def test_a_batch_says_what_is_known_of_its_organization(archive: Archive) -> None:
    """What it does not say stays as it was."""
    archive.keep(batch(raw("a", T), raw("b", T + 5), retention_days=30.5, tail_read_at=7))
    archive.keep(batch(deep_read_at=8, retention_days=7))
    state = archive.state(ORGANIZATION)
    assert (state.events, state.oldest, state.newest) == (2, T, T + 5)
    assert (state.retention_days, state.tail_read_at, state.deep_read_at) == (7, 7, 8)


def test_an_archive_that_is_not_there_is_not_made_by_reading(place: str) -> None:
    """A slip in a name must not leave an empty archive that looks like one without events."""
    with closing(opened(place)) as archive:
        assert archive.property("key") is None
        for read in (archive.organizations, archive.frontier, archive.checkpoints, lambda: names(archive)):
            with pytest.raises(ArchiveUnusable) as refused:
                read()
            assert "There is no archive" in refused.value.public
            assert "fairlead events sync" in refused.value.remedy
        lease(archive)
        assert archive.organizations() == ()


def test_what_was_kept_is_there_after_closing(place: str) -> None:
    """Closing forgets nothing, may be repeated, and an archive that is used again opens again."""
    with closing(opened(place)) as archive:
        lease(archive)
        keep(archive, raw("a", T))
        archive.close()
        archive.close()
        assert names(archive) == ["a"]
    with closing(opened(place)) as again:
        assert keep(again, raw("a", T), raw("b", T)) == Kept(new=1, known=1)


def test_a_batch_is_kept_whole_or_not_at_all(archive: Archive) -> None:
    """Coverage without its events would be a gap that nobody ever sees."""
    keep(archive, raw("a", T))
    before = archive.frontier()
    broken = batch(raw("b", T, origin="new word"), covered=[(1, 9)], gaps=[Gap(1, 2, "beyond-retention", 1 << 70)])
    with pytest.raises((ArchiveError, OverflowError)):
        archive.keep(broken)
    assert (names(archive), archive.frontier(), archive.state(ORGANIZATION).covered) == (["a"], before, ())
    assert keep(archive, raw("b", T, origin="new word")) == Kept(new=1)
    assert names(archive, filters=(Filter("origin", ("new word",)),)) == ["b"]


def test_only_who_has_the_lease_keeps_events(place: str) -> None:
    """Two processes that sync one organization would undo each other's coverage; one is fenced off."""
    with closing(opened(place)) as archive:
        assert archive.take_lease(ORGANIZATION, HOLDER, 0, 100)
        assert not archive.take_lease(ORGANIZATION, "other", 99, 200)
        assert archive.take_lease(OTHER, "other", 99, 200)
        assert archive.take_lease(ORGANIZATION, HOLDER, 50, 150)
        assert keep(archive, raw("a", T)).new == 1
        assert archive.take_lease(ORGANIZATION, "other", 150, NEVER)
        with pytest.raises(ArchiveBusy):
            keep(archive, raw("b", T))
        archive.give_up_lease(ORGANIZATION, HOLDER)
        assert not archive.take_lease(ORGANIZATION, HOLDER, 151, 300)
        archive.give_up_lease(ORGANIZATION, "other")
        with pytest.raises(ArchiveBusy):
            keep(archive, raw("b", T))
        assert archive.take_lease(ORGANIZATION, HOLDER, 151, 300)
        assert keep(archive, raw("b", T)).new == 1


def test_a_property_keeps_its_first_value(archive: Archive) -> None:
    """The key that an archive was written with is one of them."""
    assert archive.property("key") is None
    assert archive.property("key", b"\0first") == b"\0first"
    assert archive.property("key", b"second") == archive.property("key") == b"\0first"
