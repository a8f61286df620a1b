"""`fairlead check`: every problem of documents at once."""

from __future__ import annotations

from pathlib import Path

import click

from fairlead.cli.documents import compile_all, document_options, print_diagnostics, read_pins
from fairlead.spec.diagnostics import DocumentInvalid, has_errors


@click.command()
@click.argument("documents", nargs=-1, type=click.Path(path_type=Path))
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
    diagnostics = [diagnostic for compilation in compiled for diagnostic in compilation.diagnostics]
    if has_errors(diagnostics):
        raise DocumentInvalid(diagnostics)
    print_diagnostics(diagnostics)
    operations = sum(len(compilation.plan.operations) for compilation in compiled)
    tools = sum(len(compilation.plan.tools) for compilation in compiled)
    routes = sum(len(compilation.plan.routes) for compilation in compiled)
    summary = f"{_count(len(compiled), 'document')} can run: {_count(operations, 'operation')}, "
    summary += f"{_count(routes, 'REST route')}, {_count(tools, 'MCP tool')}"
    if diagnostics:
        summary += f"; {_count(len(diagnostics), 'warning')}"
    click.secho(f"{summary}.", fg="green")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
