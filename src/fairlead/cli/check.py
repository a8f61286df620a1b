"""`fairlead check`: every problem of documents at once."""

from __future__ import annotations

from dataclasses import replace

import click

from fairlead.cli.choice import DOCUMENT, Choice, document_options
from fairlead.cli.documents import CompiledDocuments, compile_all
from fairlead.cli.failures import EXIT_FAILED
from fairlead.cli.reports import PRINTERS
from fairlead.cli.terminal import say
from fairlead.spec.diagnostics import DocumentInvalid, Severity, has_errors, without_notes


@click.command()
@click.argument("documents", nargs=-1, type=DOCUMENT)
@document_options
@click.option("--strict", is_flag=True, help="Take every warning and every note for an error.")
@click.option("--notes", is_flag=True, help="Print notes too: what was inferred, and what to write instead.")
@click.option(
    "--format", "form", type=click.Choice(list(PRINTERS)), default="text", help="How to print what was found."
)
@click.pass_context
def check(
    context: click.Context, choice: Choice, strict: bool, notes: bool, form: str,
) -> None:  # fmt: skip
    """Check documents (files or folders; without any, the one Fairlead ships).

    Prints each problem as `file:line:column code: what is wrong`, with the line it is about and what to do. Exit status
    1 when one is an error; with warnings and notes a document runs.

    \b
    Examples:
      fairlead check my-capability.yaml
      fairlead check my-capability.yaml --notes
      fairlead check capabilities/ --strict
      fairlead check capabilities/ --format sarif > fairlead.sarif
    """
    try:
        compiled = compile_all(choice)
    except DocumentInvalid as failure:
        compiled = CompiledDocuments((), failure.diagnostics)
    diagnostics = compiled.diagnostics
    if strict:
        diagnostics = tuple([replace(found, severity=Severity.ERROR) for found in diagnostics])
    hidden = form == "text" and not notes
    PRINTERS[form](without_notes(diagnostics) if hidden else diagnostics)
    if has_errors(diagnostics):
        context.exit(EXIT_FAILED)
    if form == "text":
        _say_what_runs(compiled, " (--notes shows them)" if hidden else "")


def _say_what_runs(compiled: CompiledDocuments, hint: str) -> None:
    operations = sum(len(plan.operations) for plan in compiled.plans)
    tools = sum(len(plan.tools) for plan in compiled.plans)
    routes = sum(len(plan.routes) for plan in compiled.plans)
    summary = f"{_count(len(compiled.plans), 'document')} can run: {_count(operations, 'operation')}, "
    summary += f"{_count(routes, 'REST route')}, {_count(tools, 'MCP tool')}"
    notes = len(compiled.diagnostics) - len(without_notes(compiled.diagnostics))
    warnings = len(compiled.diagnostics) - notes
    beside = [_count(warnings, "warning")] if warnings else []
    beside += [_count(notes, "note") + hint] if notes else []
    say(f"{summary}{'; ' if beside else ''}{', '.join(beside)}.", colour="green")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
