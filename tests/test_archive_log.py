"""The log of every store: dense, the same for the same batches, and whole however many write at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

from archive_stores import HOLDER, ORGANIZATION, OTHER, T, batch, keep, lease, names, opened, prepared, raw
from fairlead.archive.merkle import EMPTY, extended, leaf_hash, root
from fairlead.archive.model import Archived, Query
from fairlead.archive.preparation import LeafHead, leaf_data
from fairlead.archive.proofs import frontier_at, inclusion_proof, verify_inclusion
from fairlead.archive.sqlite.connection import open_writer
from fairlead.archive.store import Archive

pytest_plugins = ("archive_fixtures",)


def _leaf(each: Archived) -> bytes:
    return leaf_hash(
        leaf_data(LeafHead(each.number, each.organization, each.id, each.revision, each.fetched_at), each.raw)
    )


def _assert_whole(archive: Archive, size: int) -> None:
    """The log has so many events, numbered without a hole, and the tree is the one over them."""
    frontier = archive.frontier()
    log = list(archive.log(0, 1 << 40))
    assert [each.number for each in log] == list(range(size))
    leaves = [_leaf(each) for each in log]
    expected, tiles = extended(EMPTY, leaves)
    assert frontier == expected
    assert archive.hashes(0, 0, size + 5) == leaves
    assert archive.hashes(8, 0, size) == [tile.hash for tile in tiles if tile.level == 8]


def test_an_empty_log_is_the_empty_tree(archive: Archive) -> None:
    """Nothing kept, nothing proven."""
    assert archive.frontier() == EMPTY
    assert (list(archive.log(0, 10)), archive.hashes(0, 0, 10), archive.hashes(8, 0, 1)) == ([], [], [])


def test_the_log_has_every_revision_and_its_parts_are_found(archive: Archive) -> None:
    """Whoever verifies reads it from any number on, and proofs need hashes of any part."""
    for start in (0, 300, 400, 700):
        keep(archive, *(raw(f"{number % 650}", T + number, x=number // 650) for number in range(start, start + 300)))
    _assert_whole(archive, 1_000)
    assert [each.number for each in archive.log(255, 3)] == [255, 256, 257]
    everything = archive.hashes(0, 0, 1_000)
    for start, count in ((0, 1), (255, 2), (256, 256), (511, 300), (999, 1), (999, 9), (1_000, 5), (5_000, 1)):
        assert archive.hashes(0, start, count) == everything[start : start + count]
    frontier = archive.frontier()
    assert frontier_at(1_000, archive.hashes) == frontier
    proof = inclusion_proof(700, 1_000, archive.hashes)
    assert verify_inclusion(proof, leaf=everything[700], number=700, size=1_000, root=root(frontier))


def test_the_same_batches_give_the_same_log_in_every_store(both: tuple[Archive, Archive]) -> None:
    """An archive can move from one store to another, and its signed checkpoints stay true."""
    chance = Random(7)
    for number in range(12):
        events = [
            raw(
                f"{chance.randrange(150)}", T + chance.randrange(90), origin=chance.choice(("API", "CLI", None)),
                change="change " * chance.choice((0, 3, 200)), x=chance.randrange(3),
            )
            for _ in range(chance.randrange(1, 80))
        ]  # fmt: skip
        made = batch(*events, organization=chance.choice((ORGANIZATION, OTHER)), covered=[(number * 7, number * 9)])
        first, second = (archive.keep(made) for archive in both)
        assert first == second
    sqlite, postgresql = both
    size = sqlite.frontier().size
    assert sqlite.frontier() == postgresql.frontier()
    assert sqlite.hashes(0, 0, size) == postgresql.hashes(0, 0, size)
    assert sqlite.hashes(8, 0, 9) == postgresql.hashes(8, 0, 9)
    assert list(sqlite.log(0, size)) == list(postgresql.log(0, size))
    for organization in (ORGANIZATION, OTHER):
        assert sqlite.state(organization) == postgresql.state(organization)
    _assert_whole(postgresql, size)


def test_two_who_sync_different_organizations_share_one_log(place: str) -> None:
    """Each has a connection of its own; numbers stay dense and nothing of either is lost."""
    with closing(opened(place)) as first, closing(opened(place)) as second:
        lease(first)

        def write(archive: Archive, organization: str) -> None:
            for number in range(12):
                keep(archive, *(raw(f"{number}-{at}", T + at) for at in range(30)), organization=organization)

        with ThreadPoolExecutor(2) as threads:
            running = [threads.submit(write, first, ORGANIZATION), threads.submit(write, second, OTHER)]
        for each in running:
            each.result()
        _assert_whole(first, 720)
        assert [len(names(second, organization=each)) for each in (ORGANIZATION, OTHER)] == [360, 360]


def test_two_who_make_an_archive_at_once_make_one(place: str) -> None:
    """Several processes may start with a new archive."""
    with closing(opened(place)) as first, closing(opened(place)) as second, ThreadPoolExecutor(2) as threads:
        taken = [threads.submit(archive.take_lease, ORGANIZATION, HOLDER, T, T + 1) for archive in (first, second)]
        assert all(each.result() for each in taken)
        values = [threads.submit(archive.property, "key", value) for archive, value in ((first, b"1"), (second, b"2"))]
        assert len({each.result() for each in values}) == 1


def test_many_who_make_one_file_at_once_are_patient(tmp_path: Path) -> None:
    """SQLite itself refuses all but the first at once, however patient the connection is."""
    with ThreadPoolExecutor(4) as threads:
        made = [threads.submit(open_writer, tmp_path / f"{number // 4}.db", 10.0) for number in range(160)]
        for each in made:
            each.result().close()


def test_an_archive_is_closed_under_those_who_read(tmp_path: Path) -> None:
    """A server that ends while somebody looks at its archive: the look is finished, and nothing crashes."""
    with closing(opened(str(tmp_path / "a.db"))) as archive:
        lease(archive)
        keep(archive, *(raw(f"{number}", T + number) for number in range(300)))
    with ThreadPoolExecutor(2) as threads:
        for _ in range(40):
            archive = opened(str(tmp_path / "a.db"))
            looks = [threads.submit(names, archive), threads.submit(archive.state, ORGANIZATION)]
            archive.close()
            assert (len(looks[0].result()), looks[1].result().events) == (300, 300)
            archive.close()


def test_what_is_compressed_with_a_learned_dictionary_is_read_by_all(place: str) -> None:
    """The archive learns from its first events; readers that were open before read what came after."""
    with closing(opened(place)) as writer, closing(opened(place)) as reader:
        lease(writer)
        keep(writer, raw("first", T))
        assert names(reader) == ["first"]
        events = [raw(f"{number}", T + 1 + number, target_name=f"service {number}") for number in range(2_100)]
        keep(writer, *events)
        keep(writer, raw("last", T + 9_000, target_name="service"))
        assert [each.raw for each in reader.events(Query(organization=ORGANIZATION, since=T + 1))][:2_100] == events
        assert names(reader)[-1] == "last"


def test_checkpoints_are_kept_by_size_and_the_last_one_of_a_size_stays(archive: Archive) -> None:
    """What is claimed beside the events may grow while the log does not; whoever rewrites them cannot sign them."""
    assert archive.checkpoints() == []
    archive.add_checkpoint(20, "twenty\n— signed")
    archive.add_checkpoint(3, "three")
    archive.add_checkpoint(20, "another")
    assert archive.checkpoints() == ["three", "another"]


def test_ids_that_share_their_64_bits_stay_two_events(archive: Archive) -> None:
    """The index stands for ids with 64 bits; the ids themselves decide."""
    first, second = prepared(raw("a", T), raw("b", T))
    for event in (first, second._replace(identity=first.identity)):
        assert archive.keep(replace(batch(), events=(event,))).new == 1
    assert [each.revision for each in archive.log(0, 5)] == [0, 0]
