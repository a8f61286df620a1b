"""`fairlead events targets`: what has events."""

from __future__ import annotations

import json
import sys
from datetime import tzinfo

import click

from fairlead.archive.model import Query
from fairlead.archive.store import Archive
from fairlead.archive.targets import LEVELS, Level, Seen
from fairlead.archive.targets import targets as seen_targets
from fairlead.cli.archive.filters import FILTER_HELP, filter_options
from fairlead.cli.archive.instants import instant_text, json_instant
from fairlead.cli.archive.table import Cell, Column, line_of, terminal_width, widths_for
from fairlead.cli.environment import colours
from fairlead.cli.terminal import escaped, say

_COLUMNS = (Column("ID"), Column("NAME", 2), Column("TYPE", 1), Column("EVENTS"), Column("LAST SEEN"))


@click.command(epilog=FILTER_HELP)
@click.option(
    "--level", "--targetLevelToFetch", type=click.Choice(tuple(LEVELS), case_sensitive=False), default="target",
    show_default=True, help="What to list: targets themselves, or the projects or environments they are in.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 20_000), default=100, show_default=True, help="How many at most.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, one target on each line.")
@filter_options
def targets(archive: Archive, query: Query, zone: tzinfo, level: Level, limit: int, as_json: bool) -> None:
    """List what has events: id, newest name, type, how many, and when last; those with most events first.

    What has no events is not listed, whether it exists or not. In a pipe, values with tabs between them.

    \b
    Examples:
      fairlead events targets --since 7d --target-type CONTAINER
      fairlead events targets --level project
      fairlead events targets --level environment --project-id …
    """
    found = seen_targets(archive, query, level, limit)
    if as_json:
        for each in found.seen:
            click.echo(json.dumps({**each._asdict(), "last_seen": json_instant(each.last_seen, zone)}))
    elif sys.stdout.isatty():
        _write_table([_cells(each, zone) for each in found.seen])
    else:
        for each in found.seen:
            click.echo("\t".join(escaped(cell.text) for cell in _cells(each, zone)))
    if not found.seen:
        say(f"No {level} has such events.", err=True)
    if found.has_more:
        say("There are more: choose fewer, or raise --limit.", err=True)


def _cells(seen: Seen, zone: tzinfo) -> tuple[Cell, ...]:
    texts = (seen.id, seen.name or "", seen.type or "", str(seen.events), instant_text(seen.last_seen, zone))
    return tuple(map(Cell, texts))


def _write_table(rows: list[tuple[Cell, ...]]) -> None:
    if not rows:
        return
    widths, coloured = widths_for(_COLUMNS, rows, terminal_width()), colours(sys.stdout)
    click.echo(line_of([Cell(column.title, "bright_black") for column in _COLUMNS], widths, coloured=coloured))
    for row in rows:
        click.echo(line_of(row, widths, coloured=coloured))
