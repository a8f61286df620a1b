"""`fairlead import`: a capability document from a provider's OpenAPI description."""

from __future__ import annotations

import re
from pathlib import Path

import click

from fairlead.cli.choice import DOCUMENT
from fairlead.cli.descriptions import STANDARD_OUTPUT, read_named, tell, written
from fairlead.cli.terminal import say

_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")


@click.command("import")
@click.argument("description", metavar="URL-OR-FILE")
@click.option("--output", type=DOCUMENT, metavar="FILE", help="Where to; `-` prints.  [default: the title, .yaml]")
@click.option("--namespace", default="", metavar="NAME", help="The API's name in the document.  [default: the title]")
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
def import_(description: str, output: Path | None, namespace: str, force: bool) -> None:
    """Write a capability document from a provider's OpenAPI description (3.0 to 3.2, or Swagger 2.0; JSON or YAML).

    Every operation becomes a REST route and an MCP tool; credentials become environment variables, which are named at
    the end. What has no word in a document is told and left out.

    \b
    Examples:
      fairlead import https://api.example.com/openapi.json
      fairlead import openapi.yaml --namespace shop --output shop.yaml
    """
    if namespace and not _NAMESPACE.fullmatch(namespace):
        raise click.BadParameter(f"`{namespace}` is no name: letters, digits, `-` and `_`.", param_hint="--namespace")
    found = read_named(description).description
    from fairlead.openapi.importing import capability_document
    from fairlead.openapi.names import slug
    from fairlead.openapi.text import yaml_text

    made = capability_document(found, namespace)
    chosen = output or Path(f"{slug(found.title)}.yaml")
    written(yaml_text(made.document), chosen, force=force)
    printed = chosen == STANDARD_OUTPUT
    tell("Not as described", made.told)
    count = f"{made.operations:,} operation{'' if made.operations == 1 else 's'}"
    say(f"Wrote {'a document' if printed else chosen}: {count}, as REST and as MCP.", err=printed, colour="green")
    if made.variables:
        say(f"Its credentials are {', '.join(made.variables)} of the environment.", err=printed)
    name = "FILE" if printed else chosen
    say(f"Next: fairlead check {name}, then fairlead serve {name}", err=printed)
    say(f"      fairlead enrich {name} --openapi {description} adds known values, limits and answers", err=printed)
