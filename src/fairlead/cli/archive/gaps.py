"""`fairlead events gaps`: what is covered, and what is missing for ever."""

from __future__ import annotations

import json

import click

from fairlead.archive.store import Archive
from fairlead.cli.archive.instants import instant_text
from fairlead.cli.archive.opening import reading_options
from fairlead.cli.terminal import say

EXIT_GAP = 3


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write JSON, instants in nanoseconds since 1970.")
@reading_options
def gaps(archive: Archive, organization: str, as_json: bool) -> int:
    """Show what of time is covered, and what is missing for ever.

    Exit status 3 when something is missing.

    \b
    Examples:
      fairlead events gaps
      fairlead events gaps --json
    """
    state = archive.state(organization)
    if as_json:
        found = {
            "organization": organization,
            "covered": [each._asdict() for each in state.covered],
            "gaps": [
                {"from": gap.start, "to": gap.end, "reason": gap.reason, "found_at": gap.found_at} for gap in state.gaps
            ],
        }
        click.echo(json.dumps(found))
        return EXIT_GAP if state.gaps else 0
    for each in state.covered:
        say(f"covered  {instant_text(each.start)}  to  {instant_text(each.end)}")
    for gap in state.gaps:
        found_at = instant_text(gap.found_at)
        say(
            f"missing  {instant_text(gap.start)}  to  {instant_text(gap.end)}  {gap.reason}, found {found_at}",
            colour="yellow",
        )
    if not state.gaps:
        say("Nothing is missing.")
    return EXIT_GAP if state.gaps else 0
