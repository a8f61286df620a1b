"""`fairlead events list`: events, newest first."""

from __future__ import annotations

from datetime import tzinfo

import click

from fairlead.archive.asking import FOR_EVER, parts
from fairlead.archive.fields import Field
from fairlead.archive.model import Query
from fairlead.archive.store import Archive
from fairlead.cli.archive.filters import FILTER_HELP, filter_options
from fairlead.cli.archive.rows import Rows, row_options
from fairlead.cli.terminal import say


@click.command(name="list", epilog=FILTER_HELP)
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many events at most.")
@click.option("--oldest-first", is_flag=True, help="Begin with the oldest.")
@click.option(
    "--continue", "--continueToken", "token", type=click.IntRange(0, FOR_EVER), metavar="TOKEN",
    help="Go on where the list before ended, which said so.",
)  # fmt: skip
@row_options
@filter_options
def list_(
    archive: Archive, query: Query, zone: tzinfo, limit: int, oldest_first: bool, token: int | None, as_json: bool,
    fields: tuple[Field, ...],
) -> None:  # fmt: skip
    """List events, newest first.

    A table on a terminal. In a pipe, values with tabs between them: number, time, type, target type, sub-target
    type, target, actor, origin, id.

    \b
    Examples:
      fairlead events list --since 2h --event-type DELETE
      fairlead events list --text 'nginx*' --not-origin GIT --zone Europe/Paris --since 2026-10-01
      fairlead events list --target-id … --fields timestamp,triggered_by,change.cpu
      fairlead events list --json --limit 1000 | jq .target_name
    """
    rows = Rows(zone, fields, as_json=as_json)
    found = 0
    following = None
    for part in parts(archive, query, limit=limit, token=token, oldest_first=oldest_first):
        rows.write(part.events)
        found, following = found + len(part.events), part.token
    rows.tell_absent()
    if not found:
        say("No events.", err=True)
    if following is not None:
        say(f"There are {'newer' if oldest_first else 'older'} ones: --continue {following}", err=True)
