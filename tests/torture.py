"""Kills `fairlead events sync` at random moments, again and again, and looks whether the archive still tells the truth.

Run it as `make torture` (`ARGS="--kills 200 --seed 7"`). The moments come from a seeded generator; which instruction
they hit does not, so a run that finds something wrong keeps the archive and says where it is.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path

import click

from fairlead.app.ports import address_of, bound
from fairlead.archive.checkpoint_files import read_checkpoints
from fairlead.archive.checkpoints import FoundCheckpoint
from fairlead.archive.keys import read_key
from fairlead.archive.merkle import leaf_hash, root
from fairlead.archive.model import Filter, Query, Tally
from fairlead.archive.preparation import LeafHead, leaf_data
from fairlead.archive.public_keys import public_key_of
from fairlead.archive.sqlite.archive import SqliteArchive
from fairlead.archive.verification import Rows, Verified, verify, witnesses_of
from fairlead.expose.asgi import asgi_handler
from fairlead.expose.server import listening
from fairlead.ingest.sync import RENEWAL, Wish
from fairlead.sandbox.app import create_app
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, SandboxOptions
from fairlead.upstream.clock import Clock
from syncing import LIMITS, NOW, SEED, Hands, Scene, history_of, unheard, within

_PAGE_SIZES = (23, 80, 100)
_BOUNDARIES = ("exact", "exclusive", "inclusive")
_FAULTS = ("duplicate-id", "empty-page", "html-ok", "server-errors", "self-link", "null-events", "truncated-gzip")
_WHOLE_CHECK_EVERY = 10


@dataclass(slots=True)
class Done:
    """What a torture did."""

    kills: int = 0
    longest: float = 0.0
    archives: int = 0
    sizes: Counter[int] = field(default_factory=Counter)


def torture(kills: int, seed: int, folder: Path) -> Done:
    """Kill so many runs; raises AssertionError when an archive says what is not so."""
    chance, done = random.Random(seed), Done()
    for number in cycle(range(1_000)):
        if done.kills >= kills:
            return done
        stage_of = _options(number)
        home = folder / f"{number}"
        home.mkdir()
        with _sandbox(stage_of) as url:
            stage = Scene(url=url, options=stage_of, hands=Hands(), archive=home / "a.db", asked=Counter())
            # Exact tokens are the only ones that show a long tie through short pages.
            size = _PAGE_SIZES[number % 3] if stage_of.boundary == "exact" else 80
            _one_archive(stage, size, kills, chance, done)
        shutil.rmtree(home)
    return done


def _options(number: int) -> SandboxOptions:
    fault = _FAULTS[number % len(_FAULTS)]
    return SandboxOptions(
        events=600, seed=SEED, retention_days=4, rate_limit=0, now=NOW,
        boundary=_BOUNDARIES[number % 3], faults=frozenset({fault}), fault_every=5,
    )  # fmt: skip


def _one_archive(stage: Scene, size: int, kills: int, chance: random.Random, done: Done) -> None:
    """Kill runs until one comes to its end, and then look at the whole."""
    history = history_of(stage.options)
    begun = time.monotonic()
    # The first run goes to its end, so that it is known for how long there is something to interrupt.
    while not _run_and_kill(stage, size, chance.uniform(0.0, done.longest) if done.longest else None):
        done.kills += 1
        done.sizes[_assert_true(stage, history, whole=done.kills % _WHOLE_CHECK_EVERY == 0) // 100] += 1
        if done.kills == kills:
            return
    done.longest = done.longest or time.monotonic() - begun
    assert _assert_true(stage, history, whole=True) == len(history)
    assert stage.kept() == history
    assert stage.state().gaps == ()
    _assert_signed(stage)
    done.archives += 1


def _run_and_kill(stage: Scene, size: int, delay: float | None) -> bool:
    """Whether a run came to its end before it was killed; a process of its own, forked to be there at once."""
    child = os.fork()
    if child == 0:
        _die_with(lambda: asyncio.run(_synced(stage, size)))
    if delay is not None:
        time.sleep(delay)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    assert os.WEXITSTATUS(status) == 0, f"a run failed with status {os.WEXITSTATUS(status)}"
    return True


async def _synced(stage: Scene, size: int) -> None:
    begun = time.monotonic()

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds if seconds == RENEWAL else 0)

    clock = Clock(now=time.monotonic, wall=lambda: NOW + time.monotonic() - begun, sleep=sleep)
    async with stage.open_run() as syncing:
        # A process that was killed holds the organization for two minutes; here it is the same one that comes again.
        way, target = replace(syncing.way, clock=clock, page_size=size), replace(syncing.target, holder="torture")
        await replace(syncing, way=way, target=target).run(Wish(organization=DEMO_ORGANIZATION_ID), unheard)


def _die_with(act: Callable[[], object]) -> None:
    """Run something in a forked process, which ends with it."""
    status = 1
    try:
        act()
        status = 0
    except BaseException as failure:  # noqa: BLE001 - a forked process has nobody above it
        click.echo(f"{type(failure).__name__}: {failure}", err=True)
    finally:
        os._exit(status)


@contextlib.contextmanager
def _sandbox(options: SandboxOptions) -> Iterator[str]:
    """A sandbox in a process of its own."""
    with bound("127.0.0.1", 0, "") as listener:
        child = os.fork()
        if child == 0:
            _die_with(lambda: asyncio.run(_served(options, listener)))
        try:
            yield address_of(listener, "127.0.0.1")
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


async def _served(options: SandboxOptions, listener: socket.socket) -> None:
    handler = asgi_handler(create_app(options, time.time))
    async with listening(handler, listener, LIMITS, grace=0.1, clock=time.time):
        await asyncio.Event().wait()


def _assert_true(stage: Scene, history: dict[str, bytes], *, whole: bool) -> int:
    """What the archive holds and claims is so; says how many events it has."""
    if not stage.archive.exists():
        return 0
    with contextlib.closing(sqlite3.connect(stage.archive)) as connection:
        if whole:
            assert connection.execute("PRAGMA quick_check").fetchone() == ("ok",)
        if connection.execute("PRAGMA user_version").fetchone() == (0,):
            return 0
    kept, state = stage.kept(), stage.state()
    assert kept.items() <= history.items(), "the archive holds what the upstream never sent"
    for span in state.covered:
        lacking = within(history, span).keys() - kept.keys()
        assert not lacking, f"covered, and not there: {sorted(lacking)[:3]}"
    assert state.gaps == ()
    archive = SqliteArchive(stage.archive)
    with contextlib.closing(archive):
        _assert_log(archive, len(kept))
        counted = archive.statistics(Query(organization=DEMO_ORGANIZATION_ID), Tally(dimensions=("origin",)))
        assert counted.total == state.events == len(kept)
        assert sum(each.events for each in counted.counts["origin"]) == len(kept)
        # Every event of the tables is found through the full-text index: by what it is not, and by a word.
        anything = Query(organization=DEMO_ORGANIZATION_ID, filters=(Filter("target_id", ("nobody",), negated=True),))
        assert archive.statistics(anything, Tally()).total == len(kept)
        found = archive.statistics(Query(organization=DEMO_ORGANIZATION_ID, text="northwind"), Tally()).total
        assert found == sum(b"northwind" in raw.lower() for raw in kept.values())
    return len(kept)


def _assert_log(archive: SqliteArchive, size: int) -> None:
    """The frontier, the leaf hashes, the tiles and the checkpoints inside are those of the events."""
    frontier = archive.frontier()
    assert frontier.size == size
    if not size:
        return
    leaves = [
        (row.number, leaf_hash(leaf_data(LeafHead(row.number, row.organization, row.id, row.revision, row.fetched_at),
                                         row.raw)))
        for row in archive.log(0, size)
    ]  # fmt: skip
    key = read_key(Path(f"{archive.name}.key"))
    public = public_key_of(f"fairlead.archive/{key.fingerprint}", key.signing_key)
    inside = [FoundCheckpoint("inside", text) for text in archive.checkpoints()]
    rows = Rows([number for number, _ in leaves], [made for _, made in leaves], archive.hashes(0, 0, size))
    found = verify([rows], witnesses_of(inside, None, public), archive.hashes)
    assert isinstance(found, Verified), found
    assert found.size == size
    assert found.root == root(frontier), "the frontier is not that of the leaves"


def _assert_signed(stage: Scene) -> None:
    """After a run that came to its end, what is signed inside is outside as well, up to the last event."""
    archive = SqliteArchive(stage.archive)
    with contextlib.closing(archive):
        outside = [text for _, text in read_checkpoints(Path(f"{stage.archive}.checkpoints"))]
        # Outside may be more of one size: what is signed anew without a new event replaces the earlier one inside.
        assert set(archive.checkpoints()) <= set(outside)
        assert int(archive.checkpoints()[-1].split("\n")[1]) == archive.frontier().size


def main() -> int:
    """Torture, and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    begun, folder = time.monotonic(), Path(tempfile.mkdtemp(prefix="torture."))
    try:
        done = torture(asked.kills, asked.seed, folder)
    except AssertionError as failure:
        click.echo(f"wrong: {failure}\nThe archive is in {folder}.")
        return 1
    shutil.rmtree(folder)
    seconds = time.monotonic() - begun
    click.echo(
        f"{done.kills} kills in {seconds:.0f} s; {done.archives} archives, each complete at its end, none ever wrong."
    )
    click.echo(f"Events that were there at a kill, in hundreds: {dict(sorted(done.sizes.items()))}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
