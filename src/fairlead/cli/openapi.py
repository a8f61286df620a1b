"""`fairlead openapi`: the description of the REST side."""

from __future__ import annotations

import click

from fairlead.cli.choice import DOCUMENT, Choice, document_options, selection_options
from fairlead.cli.documents import runnable_plans


@click.command()
@click.argument("documents", nargs=-1, type=DOCUMENT)
@selection_options
@document_options
def openapi(choice: Choice) -> None:
    """Print the OpenAPI 3.1 document of the REST side; `serve` has the same at /openapi.json.

    It describes what Fairlead serves. For the API that a document calls there is `fairlead export`.

    \b
    Example:
      fairlead openapi my-capability.yaml > openapi.json
    """
    plans = runnable_plans(choice)
    from importlib.metadata import version

    from fairlead.expose.openapi import description_bytes, openapi_document
    from fairlead.expose.presenting import presenting
    from fairlead.plan.inbound import declared_authentication

    told = presenting(declared_authentication(plans, "rest"), token_required=False)
    document = openapi_document(plans, version=version("fairlead"), told=told)
    click.echo(description_bytes(document, indented=True))
