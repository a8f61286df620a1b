"""`fairlead events follow`: syncs for ever."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fairlead.cli.archive.source import source_options
from fairlead.cli.environment import colours
from fairlead.cli.terminal import say

if TYPE_CHECKING:
    from fairlead.app.syncing import SyncOptions


@click.command()
@click.option("--every", default="60s", show_default=True, metavar="TIME", help="How often to look for new events.")
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Answer /metrics, /healthz and /readyz on this port of 127.0.0.1; 0 takes any free one.",
)
@source_options
def follow(source: SyncOptions, every: str, metrics_port: int | None) -> int:
    """Keep new events as they come, those that come late, and once a day everything again.

    Several followers of one archive are safe: one syncs, the others stand by. Ctrl-C or SIGTERM ends it in good
    order; a second one at once. What happens stands in records on standard error.

    \b
    Examples:
      fairlead events follow --sandbox
      QOVERY_API_KEY=… fairlead events follow --archive audit.db
      fairlead events follow --organization … --budget 0.2 --metrics-port 9100
    """
    from fairlead.app.following import FollowOptions, follow_until_signal
    from fairlead.cli.archive.instants import span_option
    from fairlead.cli.running import run
    from fairlead.telemetry.records import configure_logging

    options = FollowOptions(sync=source, every=span_option(every, "--every"), metrics_port=metrics_port)
    configure_logging(colours=colours(sys.stderr), form=source.settings.log_format)
    run(follow_until_signal(options, _announce))
    say("Stopped; what was read is kept.", err=True)
    return 0


def _announce(archive: str, metrics_url: str) -> None:
    metrics = f" Metrics are at {metrics_url}/metrics." if metrics_url else ""
    say(f"Following into {archive}.{metrics} Ctrl-C ends it.")
    sys.stdout.flush()
