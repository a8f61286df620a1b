"""`fairlead events verify`: whether anything of the archive was changed, removed or made up."""

from __future__ import annotations

import json
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli.archive.opening import archive_option
from fairlead.cli.environment import settings
from fairlead.cli.terminal import say

if TYPE_CHECKING:
    from fairlead.archive.auditing import Audit, Tell
    from fairlead.archive.claims import Covered
    from fairlead.archive.public_keys import PublicKey

EXIT_DAMAGED = 1
_MOST_SLICES = 5


@click.command()
@archive_option
@click.option(
    "--checkpoints", metavar="DIR", type=click.Path(path_type=Path),
    help="Where the checkpoints outside are.  [default: FAIRLEAD_CHECKPOINTS, else beside the archive]",
)  # fmt: skip
@click.option(
    "--public-key", "given_key", default="", metavar="KEY",
    help="The published key, or a file with it.  [default: the archive's own, else `public-key` in DIR]",
)  # fmt: skip
@click.option("--jobs", type=click.IntRange(1, 256), help="Processes to verify with.  [default: one for each core]")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def verify(named: str, checkpoints: Path | None, given_key: str, jobs: int | None, as_json: bool) -> int:
    """Verify every event, the log's tree, all signed checkpoints, what events are found by, and what is covered.

    Only reads, and needs no secret. Exit status 1 when something is wrong; the first that is comes first.

    \b
    Examples:
      fairlead events verify
      fairlead events verify --archive audit.db --checkpoints /mnt/worm/checkpoints
      fairlead events verify --public-key fairlead.archive/cd91ec7c3b41310d+a1b2c3d4+AVFE…
    """
    from fairlead.archive.auditing import Witnessing, audit
    from fairlead.archive.factory import open_archive
    from fairlead.archive.place import place_of, public_key_of_place

    place = place_of(named, settings())
    place = replace(place, checkpoints=checkpoints or place.checkpoints)
    archive = open_archive(place)
    begun = time.monotonic()
    try:
        public_key = public_key_of_place(place, archive, given_key)
        against = Witnessing(public_key=public_key, folder=place.checkpoints)
        with _telling() as tell:
            found = audit(place, archive, against, jobs, tell)
    finally:
        archive.close()
    if as_json:
        click.echo(json.dumps(_as_json(found, public_key)))
    else:
        _print(found, public_key, archive.name, time.monotonic() - begun)
    return EXIT_DAMAGED if found.findings else 0


@contextmanager
def _telling() -> Iterator[Tell]:
    """A bar on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _done, _whole: None
        return
    with click.progressbar(length=1, file=sys.stderr, show_eta=True, show_percent=True, label="Verifying") as bar:

        def tell(done: int, whole: int) -> None:
            bar.length = whole
            bar.update(done - bar.pos)

        yield tell


def _print(found: Audit, public_key: PublicKey, name: str, seconds: float) -> None:
    for finding in found.findings:
        damage = finding.damage
        say(f"{damage.kind}: {damage.message}", colour="red")
        if finding.id or finding.timestamp:
            say(f"  id {finding.id or '-'}, {finding.timestamp or '-'}, organization {finding.organization}")
    if found.findings:
        say(f"{name} is damaged, or was tampered with. docs/proof.md says what each finding means.", colour="red")
    else:
        rate = f"{found.size / seconds:,.0f}/s" if seconds > 0 else "at once"
        say(f"All {found.size:,} events are as they were stored ({seconds:.1f} s, {rate}).", colour="green")
        say(f"  root         {b64encode(found.root).decode()}")
        say(f"  checkpoints  {found.checkpoints:,}, which cover {_attested(found)}")
    say(f"  key          {public_key}")
    _print_slices("Covered, and not signed for yet: ", found.unsigned)
    _print_slices("Signed for without having been read by a run that signs: ", found.assumed)


def _attested(found: Audit) -> str:
    if found.attested == found.size:
        return "every event"
    return f"{found.attested:,} events; no signature vouches for the {found.size - found.attested:,} after them yet"


def _print_slices(said: str, covered: Covered) -> None:
    from fairlead.archive.accounts import instant

    for organization, slices in covered.items():
        for each in slices[:_MOST_SLICES]:
            say(f"{said}{instant(each.start)} to {instant(each.end)} of {organization}.", colour="yellow")


def _as_json(found: Audit, public_key: PublicKey) -> dict[str, object]:
    return {
        "verified": not found.findings,
        "size": found.size,
        "root": b64encode(found.root).decode(),
        "checkpoints": found.checkpoints,
        "attested": found.attested,
        "public_key": str(public_key),
        "findings": [
            {
                "kind": finding.damage.kind.value,
                "message": finding.damage.message,
                "number": finding.damage.number,
                "last": finding.damage.last,
                "organization": finding.organization,
                "id": finding.id,
                "timestamp": finding.timestamp,
            }
            for finding in found.findings
        ],
        "unsigned": _slices(found.unsigned),
        "assumed": _slices(found.assumed),
    }


def _slices(covered: Covered) -> dict[str, list[dict[str, int]]]:
    return {organization: [each._asdict() for each in slices] for organization, slices in covered.items()}
