"""`fairlead events sync`: keeps what the upstream still holds."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from fairlead.cli.archive.source import source_options
from fairlead.cli.failures import EXIT_FAILED
from fairlead.cli.terminal import say

if TYPE_CHECKING:
    from fairlead.app.syncing import SyncOptions
    from fairlead.ingest.progress import Summary

EXIT_GAP = 3


@click.command()
@click.option("--since", default="", metavar="WHEN", help="Read back to then at most: `30d`, `2026-10-01`.")
@click.option("--deep", is_flag=True, help="Read everything again that the upstream still holds, for late events.")
@source_options
def sync(source: SyncOptions, since: str, deep: bool) -> int:
    """Keep what the upstream still holds and the archive lacks, oldest first.

    Ctrl-C at any time: what was kept stays, and the next run goes on from there. Exit status 3 says that events
    are missing for ever; `fairlead events gaps` says which.

    \b
    Examples:
      fairlead events sync --sandbox
      QOVERY_API_KEY=… fairlead events sync --archive audit.db
      fairlead events sync --organization … --budget 0.2
    """
    from fairlead.app.syncing import sync_all
    from fairlead.cli.archive.instants import instant_option
    from fairlead.cli.archive.progress import telling
    from fairlead.cli.running import run

    options = replace(source, since=instant_option(since, "--since") if since else None, deep=deep)
    with telling(sys.stderr) as report:
        outcome = run(sync_all(options, report))
    for summary in outcome.summaries:
        _print(summary)
    place = f" --archive {outcome.archive}" if source.archive or source.sandbox else ""
    click.echo()
    say(f"The archive is {outcome.archive}. What now: `fairlead events list{place}`, `fairlead events stats{place}`.")
    unsigned = [summary.unsigned for summary in outcome.summaries if summary.unsigned is not None]
    for failure in unsigned[:1]:
        say(f"fairlead: the events are kept, but their checkpoint is not: {failure}", err=True, colour="red")
    if unsigned:
        return EXIT_FAILED
    return EXIT_GAP if any(summary.kept.gaps for summary in outcome.summaries) else 0


def _print(summary: Summary) -> None:
    from fairlead.cli.archive.instants import instant_text

    kept = summary.kept
    said = [f"{kept.new:,} new"]
    said += [f"{kept.revisions:,} changed since they were read"] if kept.revisions else []
    said += [f"{kept.known:,} known already"] if kept.known else []
    say(f"{summary.organization}: {', '.join(said)}; {summary.requests:,} requests in {summary.seconds:.1f} s.")
    if summary.covered:
        begin, end = summary.covered[0].start, summary.covered[-1].end
        say(f"  {summary.events:,} events; covered from {instant_text(begin)} to {instant_text(end)}.")
    for gap in summary.gaps[-5:]:
        say(
            f"  Missing for ever: {instant_text(gap.start)} to {instant_text(gap.end)} ({gap.reason}).", colour="yellow"
        )
