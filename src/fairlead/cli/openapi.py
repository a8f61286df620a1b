"""`fairlead openapi`: the description of the REST side."""

from __future__ import annotations

from pathlib import Path

import click
import orjson

from fairlead.cli.documents import document_options, runnable_plans


@click.command()
@click.argument("documents", nargs=-1, type=click.Path(path_type=Path))
@document_options
def openapi(documents: tuple[Path, ...], overlay: Path | None, pins: tuple[str, ...]) -> None:
    """Print the OpenAPI 3.1 document of the REST side; `serve` has the same at /openapi.json.

    \b
    Example:
      fairlead openapi my-capability.yaml > openapi.json
    """
    plans = runnable_plans(documents, overlay, pins)
    from importlib.metadata import version

    from fairlead.expose.openapi import openapi_document

    document = openapi_document(plans, version=version("fairlead"))
    click.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
