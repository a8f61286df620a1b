"""Finds, loads and compiles the documents a command line names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TypeVar

import click

from fairlead.errors import ConfigurationError
from fairlead.plan.combine import combine
from fairlead.plan.compile import Compilation, compile_document
from fairlead.plan.model import Plan
from fairlead.spec.diagnostics import Diagnostic, DocumentInvalid, Severity, did_you_mean, has_errors
from fairlead.spec.load import load

SHIPPED_DOCUMENT = "qovery-organization-event.yaml"
Command = TypeVar("Command", bound=Callable[..., object])


def document_options(command: Command) -> Command:
    """The options every command that compiles documents has."""
    options = [
        click.option(
            "--overlay", type=click.Path(path_type=Path, dir_okay=False), default=None,
            help="An overlay to use instead of the one beside the document.",
        ),
        click.option(
            "--pin", "pins", multiple=True, metavar="NAME=VALUE",
            help="Fix an argument for every call, and take it out of the schemas. Repeatable.",
        ),
    ]  # fmt: skip
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def read_pins(pins: Iterable[str]) -> dict[str, str]:
    """The pins of a command line by name."""
    named: dict[str, str] = {}
    for pin in pins:
        name, equals, value = pin.partition("=")
        if not (name and equals and value):
            raise click.BadParameter(f"`{pin}` is not NAME=VALUE.", param_hint="--pin")
        named[name] = value
    return named


def compile_all(documents: Sequence[Path], overlay: Path | None, pins: Mapping[str, str]) -> list[Compilation]:
    """Every named document compiled, with its diagnostics; none named means the one we ship.

    Raises DocumentInvalid with the diagnostics of all of them when nothing can be made of one.
    """
    if overlay is not None and len(documents) > 1:
        raise click.UsageError("--overlay goes with one document.")
    compiled: list[Compilation] = []
    lost: list[Diagnostic] = []
    for path in _document_files(documents):
        try:
            compiled.append(compile_document(load(path, overlay), pins))
        except DocumentInvalid as failure:
            lost += failure.diagnostics
    if lost:
        raise DocumentInvalid([*lost, *(d for c in compiled for d in c.diagnostics)])
    known = dict.fromkeys(name for compilation in compiled for name in compilation.parameter_names)
    for name in pins:
        if name.lower() not in {candidate.lower() for candidate in known}:
            hint = did_you_mean(name, known)
            raise ConfigurationError(f"--pin {name}: no operation has a parameter `{name}`{hint}")
    return compiled


def runnable_plans(documents: Sequence[Path], overlay: Path | None, pins: Sequence[str]) -> tuple[Plan, ...]:
    """The plans of the named documents, combined; DocumentInvalid when one has errors."""
    compiled = compile_all(documents, overlay, read_pins(pins))
    diagnostics = [diagnostic for compilation in compiled for diagnostic in compilation.diagnostics]
    if has_errors(diagnostics):
        raise DocumentInvalid(diagnostics)
    return combine([compilation.plan for compilation in compiled])


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Print diagnostics to standard error, one line each, coloured on a terminal."""
    for diagnostic in diagnostics:
        colour = "red" if diagnostic.severity is Severity.ERROR else "yellow"
        label = click.style(diagnostic.code, fg=colour)
        severity = "" if diagnostic.severity is Severity.ERROR else f"{diagnostic.severity} "
        message = diagnostic.message
        if not message.isprintable():
            message = message.encode("unicode_escape").decode()
        click.echo(f"{diagnostic.position} {severity}{label}: {message}", err=True)


def _document_files(documents: Sequence[Path]) -> list[Path]:
    if not documents:
        return [Path(str(files("fairlead.capabilities"))) / SHIPPED_DOCUMENT]
    found: list[Path] = []
    for path in documents:
        if not path.is_dir():
            found.append(path)
            continue
        below = sorted(p for p in path.rglob("*.y*ml") if p.suffix in {".yaml", ".yml"} and ".overlay." not in p.name)
        if not below:
            raise ConfigurationError(f"There is no YAML file in {path}.")
        found += below
    return found
