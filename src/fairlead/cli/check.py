"""`fairlead check`: every problem of documents at once."""

from __future__ import annotations

from pathlib import Path

import click

from fairlead.cli.documents import DOCUMENT, compile_all, document_options, print_diagnostics, read_pins
from fairlead.cli.terminal import say
from fairlead.spec.diagnostics import DocumentInvalid, has_errors


@click.command()
@click.argument("documents", nargs=-1, type=DOCUMENT)
@document_options
def check(documents: tuple[Path, ...], overlay: Path | None, pins: tuple[str, ...]) -> None:
    """Check documents (files or folders; without any, the one Fairlead ships).

    Prints each problem as `file:line:column code: what is wrong`. Exit status 3 when one is an error.

    \b
    Examples:
      fairlead check my-capability.yaml
      fairlead check capabilities/
    """
    compiled = compile_all(documents, overlay, read_pins(pins))
    diagnostics = compiled.diagnostics
    if has_errors(diagnostics):
        raise DocumentInvalid(diagnostics)
    print_diagnostics(diagnostics)
    operations = sum(len(plan.operations) for plan in compiled.plans)
    tools = sum(len(plan.tools) for plan in compiled.plans)
    routes = sum(len(plan.routes) for plan in compiled.plans)
    summary = f"{_count(len(compiled.plans), 'document')} can run: {_count(operations, 'operation')}, "
    summary += f"{_count(routes, 'REST route')}, {_count(tools, 'MCP tool')}"
    if diagnostics:
        summary += f"; {_count(len(diagnostics), 'warning')}"
    say(f"{summary}.", colour="green")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
