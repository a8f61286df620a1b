"""Does what `fairlead events export` is asked for, and says what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

from fairlead.app.exporting import FolderExport
from fairlead.app.exporting import export_folder as run_export
from fairlead.archive.exports.directory import Exported, Wanted
from fairlead.archive.exports.drafts import write_file
from fairlead.archive.exports.layout import Layout, text_blocks
from fairlead.archive.model import Archived, Query
from fairlead.archive.store import Archive
from fairlead.cli.archive.counter import Count, counting
from fairlead.cli.archive.instants import instant_text
from fairlead.cli.archive.opening import chosen_organization
from fairlead.cli.running import run
from fairlead.cli.terminal import escaped, say

_COUNTED = 1_000
_UNITS = ((1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB"))


class Range(NamedTuple):
    """The events of an organization of `since <= instant < until`, and the file they go to; `-` is standard output."""

    organization: str
    since: int | None
    until: int | None
    output: str


class Folder(NamedTuple):
    """A folder, whose events go there (none named: everybody's), how many in a file at most, how often."""

    path: Path
    organizations: tuple[str, ...]
    most_events: int
    every: float | None


def export_range(archive: Archive, layout: Layout, wanted: Range) -> int:
    """Export a range of time; the exit status."""
    to_stdout = wanted.output == "-"
    if to_stdout and layout.form == "parquet":
        raise click.UsageError("Parquet is no text; give it a file with --output, or a folder with --directory.")
    begun = time.monotonic()
    seen = [0]
    query = Query(organization=wanted.organization, since=wanted.since, until=wanted.until)
    with counting(sys.stderr, quiet=to_stdout and sys.stdout.isatty()) as count:
        events = _counted(archive.events(query), seen, count)
        if to_stdout:
            _to_stdout(events, wanted.organization, layout)
        else:
            write_file(Path(wanted.output), events, wanted.organization, layout)
    said = f"{seen[0]:,} events as {layout.form} in {time.monotonic() - begun:.1f} s"
    say(f"Exported {said}{'' if to_stdout else f' to {wanted.output}'}.", err=True)
    return 0


def export_folder(archive: Archive, layout: Layout, wanted: Folder) -> int:
    """Export to a folder, once or until stopped; the exit status."""
    organizations = tuple(sorted({chosen_organization(archive, each) for each in wanted.organizations}))
    begun = time.monotonic()
    with counting(sys.stderr) as count:
        export = FolderExport(
            archive=archive,
            folder=wanted.path,
            wanted=Wanted(layout=layout, organizations=organizations, most_events=wanted.most_events),
            every=wanted.every,
        )
        done = run(run_export(export, _report(count, follows=wanted.every is not None)))
    say(f"Exported {_told(done)} to {wanted.path} in {time.monotonic() - begun:.1f} s.")
    return 0


def _report(count: Count, *, follows: bool) -> Callable[[Exported, int], None]:
    def report(done: Exported, left: int) -> None:
        count(done.events)
        if follows and not left and done.events:
            say(f"{instant_text(time.time_ns())}  {_told(done)}")

    return report


def _counted(events: Iterator[Archived], seen: list[int], count: Count) -> Iterator[Archived]:
    for number, event in enumerate(events, 1):
        seen[0] = number
        if number % _COUNTED == 0:
            count(number)
        yield event


def _to_stdout(events: Iterator[Archived], organization: str, layout: Layout) -> None:
    terminal = sys.stdout.isatty()
    for block in text_blocks(events, organization, layout):
        if terminal:
            # What people of Qovery wrote must not move the cursor; JSON escapes mean the same in JSON.
            text = block.decode("utf-8", "replace").replace("\r\n", "\n")
            click.echo(escaped(text, lines=True), nl=False)
        else:
            sys.stdout.buffer.write(block)
    sys.stdout.flush()


def _told(done: Exported) -> str:
    return f"{done.events:,} events in {done.files:,} files, {_size(done.size)}"


def _size(count: int) -> str:
    return next((f"{count / unit:.1f} {name}" for unit, name in _UNITS if count >= unit), f"{count} bytes")
