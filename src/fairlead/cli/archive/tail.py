"""`fairlead events tail`: the newest events, and new ones as they are kept."""

from __future__ import annotations

import time
from datetime import tzinfo

import click

from fairlead.archive.asking import newcomers, parts
from fairlead.archive.fields import Field
from fairlead.archive.model import Query
from fairlead.archive.store import Archive
from fairlead.cli.archive.filters import FILTER_HELP, filter_options
from fairlead.cli.archive.rows import Rows, row_options


@click.command(epilog=FILTER_HELP)
@click.option(
    "-n", "--limit", type=click.IntRange(0, 10_000), default=10, show_default=True, help="How many to begin with."
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is kept from now on, until Ctrl-C.")
@click.option(
    "--interval", type=click.FloatRange(0.01, 3_600), default=2.0, show_default=True, metavar="SECONDS",
    help="How often to look for new events.",
)  # fmt: skip
@row_options
@filter_options
def tail(
    archive: Archive, query: Query, zone: tzinfo, limit: int, follow: bool, interval: float, as_json: bool,
    fields: tuple[Field, ...],
) -> None:  # fmt: skip
    """Show the newest events, the newest last, and with -f new ones as they are kept.

    New ones come in the order of the log: an event that arrives late is shown when it arrives. It is `fairlead
    events sync` that keeps them, so run that again and again beside this.

    \b
    Examples:
      fairlead events tail -f
      fairlead events tail -f --event-type 'DEPLOY_FAILED,POLICY_FAILED'
      fairlead events tail -n 0 -f --json | while read -r event; do …; done
    """
    rows = Rows(zone, fields, as_json=as_json)
    # What is kept while the newest are read comes again from the log, where it is passed over.
    number = archive.frontier().size
    newest = [each for part in parts(archive, query, limit=limit) for each in part.events] if limit else []
    rows.write(newest[::-1])
    if not follow:
        rows.tell_absent()
        return
    known = {each.number for each in newest}
    while True:
        size = archive.frontier().size
        for archived in newcomers(archive, query, number, size):
            if archived.number not in known:
                rows.write((archived,))
        number = size
        time.sleep(interval)
