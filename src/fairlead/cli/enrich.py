"""`fairlead enrich`: an overlay of what the provider documents."""

from __future__ import annotations

import os
from pathlib import Path

import click

from fairlead.cli.choice import DOCUMENT
from fairlead.cli.descriptions import STANDARD_OUTPUT, read_named, spoken, tell, written
from fairlead.cli.terminal import say
from fairlead.errors import ConfigurationError, FairleadError
from fairlead.spec.source import read_file


@click.command()
@click.argument("document", type=DOCUMENT, metavar="FILE")
@click.option("--openapi", required=True, metavar="URL-OR-FILE", help="The provider's OpenAPI description.")
@click.option(
    "--output", type=DOCUMENT, metavar="OVERLAY",
    help="Where to; `-` prints.  [default: X.overlay.yaml beside X.yaml]",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
def enrich(document: Path, openapi: str, output: Path | None, force: bool) -> None:
    """Write an overlay of what the provider documents and a document does not say.

    Types, required inputs, known values, formats, limits, defaults, descriptions, examples, inputs that are missing,
    and what operations answer. The document stays as it is; what the author stated stays, but for a type that the
    provider does not take. What matches nothing, or several things, is told.

    \b
    Examples:
      fairlead enrich my-capability.yaml --openapi https://api.example.com/openapi.json
      fairlead enrich my-capability.yaml --openapi openapi.yaml --output - | less
    """
    beside = document.with_name(f"{document.stem}.overlay{document.suffix}") if document.name else document
    chosen = output or beside
    if chosen != STANDARD_OUTPUT and not force and os.path.exists(chosen):
        # Told before anything is fetched.
        raise ConfigurationError(
            f"There is {chosen} already.", remedy="Add `--force` to replace it, or name another with `--output FILE`."
        )
    source = read_file(document)
    read = read_named(openapi)
    from fairlead.openapi.enriching import enrichment
    from fairlead.openapi.text import yaml_text
    from fairlead.spec.targets import MAX_TARGET

    made = enrichment(source, read, f"What the provider documents for {document.name}")
    tell("Not matched, or not the same on both sides", made.told)
    if not made.matched:
        raise FairleadError(
            f"None of the {made.total:,} operations is in {spoken(openapi)}.",
            remedy="Check that it describes the same API in the same version.",
        )
    summary = f"{made.matched:,} of {made.total:,} operations matched"
    if not made.actions:
        say(f"{summary}, and there is nothing to add; no overlay was written.", err=chosen == STANDARD_OUTPUT)
        return
    head = (
        f"# Written by `fairlead enrich` from {spoken(openapi)}: facts of the provider, with the document left alone.\n"
    )
    written(head + yaml_text(made.overlay, MAX_TARGET), chosen, force=force)
    printed = chosen == STANDARD_OUTPUT
    say(f"Wrote {'an overlay' if printed else chosen}: {summary}.", err=printed, colour="green")
    say(f"Added: {', '.join(f'{name} {number:,}' for name, number in sorted(made.added.items()))}.", err=printed)
    option = "" if chosen == beside else f" --overlay {'OVERLAY' if printed else chosen}"
    say(f"Next: fairlead explain {document}{option}, then fairlead serve {document}{option}", err=printed)
