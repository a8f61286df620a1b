"""`fairlead events verify-proof`: whether a proof of an event is good, without any archive."""

from __future__ import annotations

import sys
from typing import BinaryIO

import click

from fairlead.cli.terminal import escaped, say

_MOST_BYTES = 256 * 1024 * 1024


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--public-key", "given_key", required=True, metavar="KEY", help="The published key, or a file with it.")
@click.option("--raw", is_flag=True, help="Write the event as it was stored, if it is proven.")
def verify_proof(file: BinaryIO, given_key: str, raw: bool) -> int:
    """Verify a proof of an event with nothing but the published key. Exit status 1 when it proves nothing.

    \b
    Examples:
      fairlead events verify-proof proof.json --public-key fairlead.archive/cd91ec7c3b41310d+a1b2c3d4+AVFE…
      fairlead events verify-proof proof.json --public-key key.txt --raw | jq .
    """
    from fairlead.archive.bundles import read_bundle, require_proof
    from fairlead.archive.events import read_event
    from fairlead.archive.place import given_public_key

    bundle = read_bundle(file.read(_MOST_BYTES))
    checkpoint = require_proof(bundle, given_public_key(given_key))
    if raw:
        shown = escaped(bundle.raw.decode("utf-8", "replace")) if sys.stdout.isatty() else bundle.raw
        click.echo(shown, nl=sys.stdout.isatty())
        return 0
    event = read_event(bundle.raw)
    say(f"Proven: event {bundle.head.number:,} of the {checkpoint.size:,} that were signed.", colour="green")
    say(f"  id            {bundle.head.id}, revision {bundle.head.revision}")
    say(f"  organization  {bundle.head.organization}")
    say(f"  timestamp     {event.timestamp or '-'}")
    say(f"  what          {event.event_type or '-'} {event.target_type or '-'} {event.target_name or '-'}")
    say(f"  who           {event.triggered_by or '-'}")
    say(f"  signed        {checkpoint.extension('made') or '-'} by {checkpoint.origin}")
    return 0
