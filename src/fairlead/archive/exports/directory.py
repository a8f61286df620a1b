"""A folder that takes the log of the archive as it grows: every event in one finished file, whatever is interrupted.

The log only ever gets longer, and what comes late gets the next number, so going on by number misses nothing. A step
takes some more events of the log, writes their files under names with a dot, says in `state.json` which files these
are and that their events are done, and renames them. Whoever is interrupted before the state is written leaves drafts
that are thrown away; afterwards, drafts that only need their names. No event is in two finished files, not even when
a reader takes files away at once.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from fairlead.archive.bookmark import Part, bookmark_at, end_of_log, read_part
from fairlead.archive.durable_files import sync_directory
from fairlead.archive.events import read_event
from fairlead.archive.exports.drafts import write_draft, writing
from fairlead.archive.exports.layout import Layout
from fairlead.archive.exports.state import STATE, State, read_state, unusable, write_state
from fairlead.archive.forms.parquet import day_of, organization_folder
from fairlead.archive.model import Archived
from fairlead.archive.store import Archive

MOST_EVENTS = 20_000
"""How many events a file has at most, unless somebody asks for fewer; as many are held in memory."""

_MOST_BYTES = 32 * 1024 * 1024
_LOCK = ".lock"
_DRAFT = ".unfinished"


class Exported(NamedTuple):
    """What was exported: events, files, and their bytes."""

    events: int = 0
    files: int = 0
    size: int = 0


Report = Callable[[Exported, int], bool]
"""Told after each step what was exported so far, and how many events the log still has; whether to go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a folder is to hold: which layout, whose events (none named: everybody's), how many in a file at most."""

    layout: Layout
    organizations: tuple[str, ...] = ()
    most_events: int = MOST_EVENTS


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Keep a folder, made if there is none, from everybody else who exports; ConfigurationError while it is taken."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("wb")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise unusable(folder, "another export writes to it") from None
        yield


def export_log(archive: Archive, folder: Path, wanted: Wanted, report: Report) -> Exported:
    """Export what the log has and the folder lacks, for one who claimed the folder.

    Raises ConfigurationError for a folder that holds something else, ArchiveError for an archive that is another one.
    """
    with writing(folder):
        return _export_log(archive, folder, wanted, report)


def _export_log(archive: Archive, folder: Path, wanted: Wanted, report: Report) -> Exported:
    state = _opened(folder, wanted)
    end, done = end_of_log(archive, state.bookmark), Exported()
    while state.bookmark.number < end:
        state, files = _step(archive, folder, wanted, replace(state, unnamed=()), end)
        done = Exported(*map(sum, zip(done, files, strict=True)))
        if not report(done, end - state.bookmark.number):
            break
    if state.unnamed:
        write_state(folder, replace(state, unnamed=()))
    return done


def _opened(folder: Path, wanted: Wanted) -> State:
    """The state of a folder in which every finished file has its name, and nothing else is left."""
    state = read_state(folder)
    if state is None:
        if any(not each.name.startswith(".") for each in folder.iterdir()):
            raise unusable(folder, f"it is not empty and has no {STATE}")
        state = State(layout=wanted.layout, organizations=wanted.organizations)
        write_state(folder, state)
    if (state.layout, state.organizations) != (wanted.layout, wanted.organizations):
        raise unusable(folder, "it holds another format, other columns, or other organizations")
    _name(folder, state.unnamed)
    for draft in (*folder.rglob(f".*{_DRAFT}"), *folder.glob(f".{STATE}.*")):
        draft.unlink(missing_ok=True)
    return state


def _step(archive: Archive, folder: Path, wanted: Wanted, state: State, end: int) -> tuple[State, Exported]:
    """Export some more events; the state behind them, and what they are."""
    start = state.bookmark.number
    events = read_part(archive, Part(start, min(end, start + wanted.most_events), _MOST_BYTES))
    groups = _grouped(events, wanted)
    size = 0
    for name, group in groups.items():
        draft = _draft(folder / name)
        draft.parent.mkdir(parents=True, exist_ok=True)
        write_draft(draft, group, group[0].organization, wanted.layout)
        size += draft.stat().st_size
    _sync(folder, groups)
    after = replace(state, bookmark=bookmark_at(archive, start + len(events)), unnamed=tuple(groups))
    write_state(folder, after)
    _name(folder, after.unnamed)
    return after, Exported(sum(map(len, groups.values())), len(groups), size)


def _grouped(events: Sequence[Archived], wanted: Wanted) -> dict[str, list[Archived]]:
    """The events of each file, by its name: the folder, and the numbers of the first and the last event."""
    groups: dict[str, list[Archived]] = {}
    for event in events:
        if not wanted.organizations or event.organization in wanted.organizations:
            groups.setdefault(_folder_of(event, wanted.layout), []).append(event)
    return {
        f"{name}/{group[0].number:012d}-{group[-1].number:012d}{wanted.layout.suffix}": group
        for name, group in groups.items()
    }


def _folder_of(event: Archived, layout: Layout) -> str:
    whose = organization_folder(event.organization)
    return f"{whose}/day={day_of(read_event(event.raw).timestamp)}" if layout.form == "parquet" else whose


def _name(folder: Path, files: Collection[str]) -> None:
    """Let finished files appear; those that did already may be gone again."""
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            _draft(folder / file).replace(folder / file)
    _sync(folder, files)


def _sync(folder: Path, files: Collection[str]) -> None:
    """Put the names of files on the disk, and those of the folders they are in."""
    parents = {parent for file in files for parent in (folder / file).parents if parent.is_relative_to(folder)}
    for parent in sorted(parents):
        with contextlib.suppress(FileNotFoundError):  # whoever takes files away may take folders as well
            sync_directory(parent)


def _draft(file: Path) -> Path:
    return file.with_name(f".{file.name}{_DRAFT}")
