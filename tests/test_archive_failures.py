"""What happens to the archive when its disk, its files or its neighbours fail: nothing kept is lost, and it is told."""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import serving
from command import Finished, environment, fairlead
from fairlead.archive.model import DIMENSIONS, Batch, Filter, OrganizationState, Prepared, Query, Tally, Turn
from fairlead.archive.sqlite.archive import SqliteArchive
from fairlead.errors import ArchiveBusy, ArchiveUnusable, ConfigurationError
from fairlead.ingest.progress import Progress
from fairlead.ingest.sync import Wish
from fairlead.sandbox.app import create_app
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN, SandboxOptions
from syncing import SEED, scene, unheard, within

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")
KEY = {"QOVERY_API_KEY": DEMO_TOKEN}
_DROP_FROM_BOUNDS, _OVERRIDE_MODES = 24, 1


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """An archive of 600 events with all that belongs to it, and the address of the sandbox it came from."""
    folder = tmp_path_factory.mktemp("kept")
    with serving.upstream(
        create_app(SandboxOptions(events=600, seed=SEED, rate_limit=0, retention_days=4), time.time)
    ) as url:
        done = fairlead("events", "sync", "--archive", folder / "a.db", "--upstream", url, "--since", "4d", env=KEY)
        assert done.code == 0, done.err
        yield folder, url


@pytest.fixture
def copy(kept: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of that archive for one test."""
    shutil.copytree(kept[0], tmp_path / "copy")
    return tmp_path / "copy" / "a.db"


def synced(archive: Path, url: str, *more: str, limit: int | None = None, plainly: bool = False) -> Finished:
    """`fairlead events sync`, with files of at most `limit` bytes; `plainly` obeys modes even as root."""

    def bounded() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        if plainly and os.getuid() == 0:
            # Without this capability root writes only what its mode lets it write.
            ctypes.CDLL(None).prctl(_DROP_FROM_BOUNDS, _OVERRIDE_MODES)

    done = subprocess.run(
        [sys.executable, "-m", "fairlead", "events", "sync", "--archive", archive, "--upstream", url, *more],
        capture_output=True, text=True, env=environment(KEY), timeout=60, check=False, preexec_fn=bounded,
    )  # fmt: skip
    return Finished(done.returncode, done.stdout, done.stderr)


def assert_told(done: Finished, *words: str) -> None:
    """The command failed with one line that says what to do, and no traceback."""
    assert done.code not in {0, 3, 70}, done
    assert done.err.startswith("fairlead: "), done.err
    assert done.err.count("\n") == 1, done.err
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err, done.err


def assert_whole(archive: Path) -> OrganizationState:
    """Everything in the archive can be read, and its tables agree with each other."""
    with contextlib.closing(sqlite3.connect(archive)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
    opened = SqliteArchive(archive)
    with contextlib.closing(opened):
        state = opened.state(DEMO_ORGANIZATION_ID)
        assert len(list(opened.log(0, opened.frontier().size))) == opened.frontier().size >= state.events
    return state


def test_a_full_disk_keeps_what_was_kept_and_the_next_run_goes_on(kept: tuple[Path, str], tmp_path: Path) -> None:
    """Where no more can be written the run ends with what to do; with room again the same command completes it."""
    archive = tmp_path / "a.db"
    full = synced(archive, kept[1], "--since", "4d", limit=600_000)
    assert_told(full, "Check the disk and its room", "what was kept before is safe")
    before = assert_whole(archive)
    assert 0 < before.events < 600
    assert synced(archive, kept[1], "--since", "4d").code == 0
    assert assert_whole(archive).events == 600


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_read_only_place_is_told_and_still_read(kept: tuple[Path, str], copy: Path, what: str) -> None:
    """Nothing is kept where nothing may be written; reading goes on."""
    os.chmod(copy if what == "file" else copy.parent, 0o444 if what == "file" else 0o555)
    try:
        assert_told(synced(copy, kept[1], plainly=True), "write access")
        assert fairlead("events", "gaps", "--archive", copy).out.startswith("covered ")
    finally:
        os.chmod(copy.parent, 0o755)


async def test_a_run_that_was_killed_before_it_had_made_its_tables_is_gone_on_with(tmp_path: Path) -> None:
    """An empty file, and one with nothing but SQLite's own page, are archives that were never begun."""
    for made in ("", "PRAGMA journal_mode = WAL; PRAGMA user_version = 0"):
        path = tmp_path / f"{len(made)}.db"
        path.touch()
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.executescript(made)
        async with scene(path) as stage:
            assert (await stage.run()).kept.new == 600


async def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    """A file that was named by mistake gets no tables of ours."""
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("CREATE TABLE theirs (id)")
    before = (tmp_path / "a.db").read_bytes()
    async with scene(tmp_path / "a.db") as stage:
        with pytest.raises(ArchiveUnusable, match="a database, and no archive"):
            await stage.run()
    assert (tmp_path / "a.db").read_bytes() == before


def test_a_locked_archive_is_told_and_still_read(copy: Path) -> None:
    """Another program that writes holds up writing for as long as one waits, and reading not at all."""
    with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        archive = SqliteArchive(copy, patience=0.05)
        with contextlib.closing(archive):
            with pytest.raises(ArchiveBusy, match=r"locked by another program.*nothing was changed"):
                archive.take_lease(DEMO_ORGANIZATION_ID, "me", 0, 1)
            assert archive.state(DEMO_ORGANIZATION_ID).events == 600
            other.execute("ROLLBACK")
            assert archive.take_lease(DEMO_ORGANIZATION_ID, "me", 0, 1)


def test_damage_anywhere_is_told_and_covers_nothing(copy: Path) -> None:
    """Whichever part of the file is overwritten: what can be read is read, the rest is an error, never a fault."""
    pages = copy.stat().st_size // 4_096
    told, unharmed = 0, 0
    for page in range(0, pages, max(1, pages // 60)):
        damaged = copy.parent / "damaged.db"
        shutil.copy(copy, damaged)
        with damaged.open("r+b") as file:
            file.seek(page * 4_096 + 40)
            file.write(random.Random(page).randbytes(3_000))
        for use in (_read_all, _search, _keep):
            failure = _failure_of(use, damaged)
            unharmed += failure is None
            told += bool(failure and failure.remedy)
            assert failure is None or failure.remedy
        damaged.unlink()
        for rest in copy.parent.glob("damaged.db-*"):
            rest.unlink()
    assert told > 20
    assert unharmed > 20


def _failure_of(use: Callable[[SqliteArchive], None], path: Path) -> ArchiveUnusable | None:
    archive = SqliteArchive(path)
    with contextlib.closing(archive):
        try:
            use(archive)
        except ArchiveUnusable as failure:
            return failure
    return None


def _read_all(archive: SqliteArchive) -> None:
    archive.state(DEMO_ORGANIZATION_ID)
    for each in archive.log(0, archive.frontier().size):
        assert each.id


def _search(archive: SqliteArchive) -> None:
    query = Query(organization=DEMO_ORGANIZATION_ID, text="nginx", filters=(Filter("origin", ("API",)),))
    archive.page(query, Turn(limit=50))
    archive.statistics(query, Tally(width=3_600 * 10**9, dimensions=DIMENSIONS))
    archive.statistics(Query(organization=DEMO_ORGANIZATION_ID), Tally(dimensions=DIMENSIONS))
    archive.revisions("72020e28-a14a-4a63-8655-ccb99ee1edfe")


def _keep(archive: SqliteArchive) -> None:
    archive.take_lease(DEMO_ORGANIZATION_ID, "me", 0, 1)
    raw = b'{"id":"made"}'
    event = Prepared(raw=raw, id="made", identity=1, tag=b"t" * 16, nanos=10**18, values=("API",) * 8, text="made")
    archive.keep(Batch(organization=DEMO_ORGANIZATION_ID, holder="me", fetched_at=1, events=(event,)))


def test_a_damaged_archive_ends_a_run_with_what_to_do(kept: tuple[Path, str], copy: Path) -> None:
    """The command says that it is damaged and what helps, and advances nothing."""
    with copy.open("r+b") as file:
        file.seek(4_096)
        file.write(bytes(copy.stat().st_size - 8_192))
    assert_told(synced(copy, kept[1]), "damaged", "restore a backup")


async def test_half_a_write_ahead_log_is_as_if_the_last_writes_never_were(tmp_path: Path) -> None:
    """After a power cut the log may end anywhere; the archive is then what it was after some whole transaction."""
    async with scene(tmp_path / "a.db") as stage, stage.open_run() as syncing:
        await syncing.run(Wish(organization=DEMO_ORGANIZATION_ID), unheard)
        log = (tmp_path / "a.db-wal").read_bytes()
        history = stage.history()
        assert len(log) > 100_000
        sizes = set()
        for cut in (*range(7, len(log), len(log) // 12), len(log)):
            torn = tmp_path / f"{cut}.db"
            shutil.copy(tmp_path / "a.db", torn)
            (tmp_path / f"{torn.name}-wal").write_bytes(
                log[:cut] + random.Random(cut).randbytes(min(5_000, len(log) - cut))
            )
            with contextlib.closing(sqlite3.connect(torn)) as connection:
                assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
                if connection.execute("PRAGMA user_version").fetchone() == (0,):
                    continue
            after = replace(stage, archive=torn)
            found, state = after.kept(), after.state()
            assert found.items() <= history.items()
            for span in state.covered:
                assert within(history, span).items() <= found.items()
            sizes.add(len(found))
        assert {0, len(history)} <= sizes


async def test_an_archive_that_is_removed_while_a_run_goes_on_is_told(tmp_path: Path) -> None:
    """SQLite would go on writing to a file without a name; the run ends instead, and the next one begins anew."""
    async with scene(tmp_path / "a.db") as stage:

        def remove(progress: Progress) -> None:
            if progress.kept.new > 100:
                for path in tmp_path.glob("a.db*"):
                    if path.is_file() and path.suffix != ".key":
                        path.unlink()

        async with stage.open_run() as syncing:
            with pytest.raises(ArchiveUnusable, match="removed or replaced while it was in use"):
                await syncing.run(Wish(organization=DEMO_ORGANIZATION_ID), remove)
        shutil.rmtree(tmp_path / "a.db.checkpoints", ignore_errors=True)
        await stage.run()
        assert stage.kept() == stage.history()


async def test_a_key_that_is_missing_or_anothers_is_told_before_anything_is_kept(tmp_path: Path) -> None:
    """Without its key nothing can be tagged or proven, so nothing is kept under another one."""
    async with scene(tmp_path / "a.db") as stage:
        await stage.run()
        key = tmp_path / "a.db.key"
        mine = key.read_bytes()
        key.unlink()
        with pytest.raises(ConfigurationError, match=r"The archive's key is not at .*Restore it"):
            await stage.run()
        await replace(stage, archive=tmp_path / "other.db").run()
        shutil.copy(tmp_path / "other.db.key", key)
        with pytest.raises(ArchiveUnusable, match=r"was written with another key .*FAIRLEAD_ARCHIVE_KEY"):
            await stage.run()
        key.write_bytes(mine)
        assert (await stage.run()).kept.new == 0


async def test_checkpoints_that_cannot_be_written_are_made_up_for(tmp_path: Path) -> None:
    """The events are kept, and what kept the checkpoint from being written is told; the next run writes it."""
    async with scene(tmp_path / "a.db") as stage:
        folder = tmp_path / "a.db.checkpoints"
        folder.write_text("in the way")
        summary = await stage.run()
        assert summary.kept.new == 600
        assert "The folder of checkpoints" in str(summary.unsigned)
        folder.unlink()
        assert (await stage.run()).unsigned is None
        assert [path.name for path in folder.glob("*.checkpoint")] == [f"{600:020d}.checkpoint"]


def test_a_checkpoint_that_cannot_be_written_is_told_by_the_command(kept: tuple[Path, str], copy: Path) -> None:
    """The summary stands as always; a line and the exit status say that nothing was put outside."""
    folder = Path(f"{copy}.checkpoints")
    shutil.rmtree(folder)
    folder.write_text("in the way")
    done = synced(copy, kept[1])
    assert done.code == 1
    assert "0 new" in done.out
    assert done.err.startswith("fairlead: the events are kept, but their checkpoint is not: The folder of checkpoints")
    assert "FAIRLEAD_CHECKPOINTS" in done.err
