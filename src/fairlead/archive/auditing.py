"""Verifies a whole archive: its log, its checkpoints, what events are found by, its coverage and its gaps."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from pathlib import Path

from fairlead.archive.accounts import accounts
from fairlead.archive.checkpoint_files import read_checkpoints
from fairlead.archive.checkpoints import FoundCheckpoint
from fairlead.archive.claims import Covered, claims_of
from fairlead.archive.events import read_event
from fairlead.archive.examination import Stretch, examine, find_disagreements
from fairlead.archive.merkle import EMPTY, Frontier, TreeDamaged, root
from fairlead.archive.place import Place
from fairlead.archive.public_keys import PublicKey
from fairlead.archive.store import Archive
from fairlead.archive.verification import (
    Damage,
    DamageKind,
    Progress,
    Rows,
    Step,
    Verified,
    Witnesses,
    advanced,
    begun,
    concluded,
    witnesses_of,
)
from fairlead.errors import ArchiveError, ArchiveUnusable

Tell = Callable[[int, int], None]
"""Is told how many events of how many are verified."""

_STRETCH = 4_096
# Starting a process takes as long as verifying so many events.
_WORTH_A_PROCESS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong, and of one event also which it is, as far as it can be read."""

    damage: Damage
    organization: str = ""
    id: str = ""
    timestamp: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What a verification came to: whole if nothing was found. The first finding is the first that is wrong.

    `root` is that of the first `size` events as they are now; `attested` of them are vouched for by `checkpoints`.
    `unsigned` is time that counts as covered, and no checkpoint says so yet; `assumed` is what one says that no run
    had read.
    """

    size: int
    root: bytes
    checkpoints: int
    attested: int
    findings: tuple[Finding, ...]
    unsigned: Covered
    assumed: Covered


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessing:
    """What an archive is held against: the key that signs for it, and the folder of its checkpoints."""

    public_key: PublicKey
    folder: Path


def audit(place: Place, archive: Archive, against: Witnessing, jobs: int | None, tell: Tell) -> Audit:
    """Verify an archive in so many processes (None: as many as are worth it), in constant memory, without any secret.

    What is stored while it runs is left to the next time. Raises ArchiveError when there is no archive to read, or
    no folder of checkpoints where there has to be one.
    """
    witnesses = _witnesses(archive, against)
    try:
        frontier = archive.frontier()
    except TreeDamaged as failure:
        return _without_frontier(failure, witnesses)
    claimed = claims_of(map(archive.state, archive.organizations()))
    jobs = jobs or (1 if frontier.size < _WORTH_A_PROCESS else os.cpu_count() or 1)
    with _executor(jobs) as executor:
        disagreements = executor.submit(find_disagreements, replace(place, key=None))
        step, beside = _walked(archive, _stretches(place, executor, frontier.size, jobs), witnesses, tell)
        indexes = [Damage(kind=DamageKind.INDEX, message=text) for text in disagreements.result()]
    result = concluded(step, witnesses) if isinstance(step, Progress) else step
    account = accounts(witnesses.claiming, claimed, is_attested=_is_attested(result))
    damages = _in_order(result if isinstance(result, Damage) else _edge_damage(step, frontier), beside)
    return Audit(
        size=frontier.size,
        root=result.root if isinstance(result, Verified) else root(frontier),
        checkpoints=result.checkpoints if isinstance(result, Verified) else len(witnesses.checkpoints),
        attested=result.attested if isinstance(result, Verified) else 0,
        findings=tuple(_finding(archive, damage) for damage in (*damages, *account.damages, *indexes)),
        unsigned=account.unsigned,
        assumed=account.assumed,
    )


def _witnesses(archive: Archive, against: Witnessing) -> Witnesses:
    before = archive.checkpoints()
    # A folder that was never needed may be absent; one whose checkpoints are gone may not.
    outside = read_checkpoints(against.folder) if before or against.folder.exists() else ()
    # Each is kept inside first, so that one made meanwhile is missing on neither side.
    known = {*before, *(text for _, text in outside)}
    inside = [FoundCheckpoint("the database", text) for text in archive.checkpoints() if text in known]
    return witnesses_of(inside, outside, against.public_key)


def _walked(
    archive: Archive, stretches: Iterator[tuple[int, int, Stretch]], witnesses: Witnesses, tell: Tell
) -> tuple[Step, Damage | None]:
    """How far the log is sound, and the first event that is not found as what it is."""
    step = begun(witnesses, EMPTY)
    beside: Damage | None = None
    for first, size, stretch in stretches:
        beside = beside or stretch.damage
        count = len(stretch.numbers)
        stored = archive.hashes(0, first, count)
        if isinstance(step, Progress):
            step = advanced(step, _rows(stretch, stored), witnesses, archive.hashes)
        if isinstance(step, Progress):
            step = _ended(first, count, min(_STRETCH, size - first), stretch.broken) or step
        if isinstance(step, Damage):
            break
        tell(first + count, size)
    return step, beside


def _rows(stretch: Stretch, stored: list[bytes]) -> Rows:
    made = stretch.hashes()
    # What is not stored is wrong.
    return Rows(stretch.numbers, made, stored[: len(made)] + [b""] * (len(made) - len(stored)))


def _ended(first: int, count: int, expected: int, broken: str) -> Damage | None:
    """Why rows that were sound ended too early."""
    if count == expected:
        return None
    number = first + count
    if broken:
        message = f"The database cannot be read beyond its first {number:,} events. {broken}"
        return Damage(kind=DamageKind.UNREADABLE, message=message, number=number)
    message = f"The log lacks events {number:,} to {first + expected - 1:,}."
    return Damage(kind=DamageKind.MISSING, message=message, number=number, last=first + expected - 1)


def _stretches(place: Place, executor: Executor, size: int, jobs: int) -> Iterator[tuple[int, int, Stretch]]:
    """Stretches of the log in order, each with where it begins, while the next ones are examined."""
    bare = replace(place, key=None)  # no process gets a secret it has no use for
    ahead: deque[tuple[int, Future[Stretch]]] = deque()
    try:
        for first in range(0, size, _STRETCH):
            ahead.append((first, executor.submit(examine, bare, first, min(_STRETCH, size - first))))
            if len(ahead) > 2 * jobs:
                begin, future = ahead.popleft()
                yield begin, size, future.result()
        while ahead:
            begin, future = ahead.popleft()
            yield begin, size, future.result()
    except BrokenProcessPool as failure:
        raise ArchiveUnusable(
            "A process that verified the archive ended.", remedy="Try again with `--jobs 1`, or with more memory."
        ) from failure
    finally:
        for _, future in ahead:
            future.cancel()


@contextlib.contextmanager
def _executor(jobs: int) -> Iterator[Executor]:
    if jobs == 1:
        with ThreadPoolExecutor(1) as thread:
            yield thread
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_follow_the_parent) as executor:
        yield executor


def _follow_the_parent() -> None:
    """Let a process end with the one that started it, however that ends, and Ctrl-C end it quietly."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    def follow() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _edge_damage(step: Step, frontier: Frontier) -> Damage | None:
    if not isinstance(step, Progress) or step.frontier == frontier:
        return None
    return Damage(kind=DamageKind.FRONTIER, message="The stored right edge of the tree is not that of its events.")


def _is_attested(result: Verified | Damage) -> bool:
    return isinstance(result, Verified) and result.attested == result.size


def _in_order(damage: Damage | None, beside: Damage | None) -> tuple[Damage, ...]:
    """What is wrong with the log and what is wrong beside it, by number."""
    if damage is None or beside is None:
        return tuple(each for each in (damage, beside) if each is not None)
    if damage.number == beside.number:
        return (damage,)  # a changed event also contradicts what it was found by
    later = damage.number is None or (beside.number or 0) < damage.number
    return (beside, damage) if later else (damage, beside)


def _finding(archive: Archive, damage: Damage) -> Finding:
    if damage.number is None or damage.number != damage.last:
        return Finding(damage=damage)
    row = None
    with contextlib.suppress(ArchiveError):
        row = next(archive.rows(damage.number, 1), None)
    if row is None:
        return Finding(damage=damage)
    if row.raw is None:
        message = f"Event {damage.number:,} cannot be read: what is stored of it is damaged."
        unreadable = replace(damage, kind=DamageKind.UNREADABLE, message=message)
        return Finding(damage=unreadable, organization=row.organization)
    event = read_event(row.raw)
    return Finding(damage=damage, organization=row.organization, id=event.id or "", timestamp=event.timestamp or "")


def _without_frontier(failure: TreeDamaged, witnesses: Witnesses) -> Audit:
    damage = Damage(kind=DamageKind.FRONTIER, message=failure.public)
    return Audit(
        size=0,
        root=root(EMPTY),
        checkpoints=len(witnesses.checkpoints),
        attested=0,
        findings=(Finding(damage=damage),),
        unsigned={},
        assumed={},
    )
