"""`fairlead export`: the description of the API that a document calls."""

from __future__ import annotations

import json
from pathlib import Path

import click

from fairlead.cli.choice import DOCUMENT
from fairlead.cli.descriptions import STANDARD_OUTPUT, tell, written
from fairlead.cli.terminal import say
from fairlead.spec.load import load


@click.command()
@click.argument("document", type=DOCUMENT, metavar="FILE")
@click.option("--output", type=DOCUMENT, metavar="FILE", help="Where to.  [default: standard output]")
@click.option("--json", "as_json", is_flag=True, help="Write JSON instead of YAML.")
@click.option(
    "--overlay", type=DOCUMENT, metavar="FILE", help="An overlay to use instead of the one beside the document."
)
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
def export(document: Path, output: Path | None, as_json: bool, overlay: Path | None, force: bool) -> None:
    """Write the OpenAPI 3.1 document of the API that a document calls: its address, its paths, what is sent and how.

    It describes the provider's API, also where Fairlead does not run an operation. For what Fairlead serves there is
    `fairlead openapi`.

    \b
    Examples:
      fairlead export my-capability.yaml > provider.yaml
      fairlead export my-capability.yaml --json --output provider.json
    """
    from fairlead.openapi.exporting import consumed_description
    from fairlead.openapi.text import yaml_text

    made = consumed_description(load(document, overlay))
    text = f"{json.dumps(made.description, indent=2, ensure_ascii=False)}\n" if as_json else yaml_text(made.description)
    written(text, output or STANDARD_OUTPUT, force=force)
    tell("Not described, or not as it stands", made.told)
    if output is not None and output != STANDARD_OUTPUT:
        say(f"Wrote {output}: {made.operations:,} operations of the API that {document} calls.", colour="green")
