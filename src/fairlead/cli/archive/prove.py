"""`fairlead events prove`: a proof of one event for somebody who has no archive."""

from __future__ import annotations

from pathlib import Path

import click

from fairlead.cli.archive.opening import archive_option
from fairlead.cli.environment import settings
from fairlead.cli.terminal import say


@click.command()
@click.argument("event_id", metavar="ID")
@archive_option
@click.option("--revision", type=click.IntRange(0), metavar="N", help="Which revision.  [default: the latest]")
@click.option("--organization", default="", metavar="ID", help="Whose event, if several have the id.")
@click.option("--public-key", "given_key", default="", metavar="KEY", help="The published key, or a file with it.")
@click.option("--json", "as_json", is_flag=True, help="Write the proof to standard output, which is the default.")
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path), help="Write the proof to a file.")
def prove(
    event_id: str, named: str, revision: int | None, organization: str, given_key: str, as_json: bool,
    output: Path | None,
) -> int:  # fmt: skip
    """Write a proof that an event is in the log that was signed: JSON, checked with `fairlead events verify-proof`.

    The proof holds the event as it is stored, with everything in it; docs/proof.md has the format, and the lines of
    Python that check it without Fairlead.

    \b
    Examples:
      fairlead events prove 72020e28-a14a-4a63-8655-ccb99ee1edfe --output proof.json
      fairlead events prove 72020e28-a14a-4a63-8655-ccb99ee1edfe --revision 0
    """
    from fairlead.archive.bundles import bundle_text, prove, read_bundle
    from fairlead.archive.factory import open_archive
    from fairlead.archive.place import place_of, public_key_of_place
    from fairlead.errors import ConfigurationError, NotArchived

    if as_json and output:
        raise click.UsageError("Give `--json` or `--output`, not both.")
    place = place_of(named, settings())
    archive = open_archive(place)
    try:
        found = [
            each
            for each in archive.revisions(event_id)
            if revision in {None, each.revision} and organization.lower() in {"", each.organization.lower()}
        ]
        if not found:
            raise NotArchived(f"The archive {archive.name} has no such event.", remedy="`fairlead events list` lists.")
        if len({each.organization for each in found}) > 1:
            raise NotArchived("Several organizations have this event.", remedy="Name one with `--organization`.")
        bundle = prove(archive, found[-1], public_key_of_place(place, archive, given_key))
    finally:
        archive.close()
    text = bundle_text(bundle)
    assert read_bundle(text.encode()) == bundle
    if output is None:
        click.echo(text, nl=False)
        return 0
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as failure:
        raise ConfigurationError(f"{output} cannot be written: {failure.strerror}.") from failure
    say(f"The proof is {output}. Anyone can check it: `fairlead events verify-proof {output} --public-key …`.")
    return 0
