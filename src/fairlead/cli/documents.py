"""Finds, loads and compiles the documents a command line names."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import click

from fairlead.cli.choice import Choice
from fairlead.cli.environment import colours
from fairlead.cli.terminal import escaped, say
from fairlead.errors import MOST_FAULTS, ConfigurationError, FairleadError
from fairlead.plan.combine import combine
from fairlead.plan.compile import Compilation, compile_document
from fairlead.plan.findings import LEFT_OUT
from fairlead.plan.model import Plan
from fairlead.plan.selection import select
from fairlead.spec.diagnostics import (
    Diagnostic,
    DocumentInvalid,
    Position,
    Severity,
    did_you_mean,
    has_errors,
    without_notes,
)
from fairlead.spec.load import load

SHIPPED_DOCUMENT = "qovery-organization-event.yaml"
_COLOURS: Mapping[Severity, str] = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "blue"}


@dataclass(frozen=True, slots=True)
class CompiledDocuments:
    """Documents compiled together: no route and no tool twice, and everything that was found in them."""

    plans: tuple[Plan, ...]
    diagnostics: tuple[Diagnostic, ...]


def compile_all(choice: Choice) -> CompiledDocuments:
    """Every named document compiled, with its diagnostics, and what is selected of them.

    A folder below a named one that cannot be read is a warning.
    Raises DocumentInvalid with the diagnostics of all of them when nothing can be made of one.
    """
    pins, overlay = choice.named_pins(), choice.overlay
    paths, skipped = _document_files(choice.documents)
    if overlay is not None and len(paths) > 1:
        raise click.UsageError(f"--overlay goes with one document, and there are {len(paths)}.")
    compiled: list[Compilation] = []
    lost: list[Diagnostic] = []
    for path in paths:
        try:
            compiled.append(compile_document(load(path, overlay), pins))
        except DocumentInvalid as failure:
            lost += failure.diagnostics
    found = [*skipped, *(diagnostic for compilation in compiled for diagnostic in compilation.diagnostics)]
    if lost:
        raise DocumentInvalid([*lost, *found])
    known = dict.fromkeys(name for compilation in compiled for name in compilation.parameter_names)
    for name in pins:
        if name.lower() not in {candidate.lower() for candidate in known}:
            hint = did_you_mean(name, known)
            raise ConfigurationError(f"--pin {name}: no operation has a parameter `{name}`{hint}")
    plans = [compilation.plan for compilation in compiled]
    return CompiledDocuments(combine(select(plans, choice.selection)), tuple(found))


def runnable_plans(choice: Choice) -> tuple[Plan, ...]:
    """The plans of the named documents, combined; DocumentInvalid when one has errors. What is left out is printed."""
    plans, left_out = plans_of(choice)
    print_diagnostics(left_out[:MOST_FAULTS])
    if len(left_out) > MOST_FAULTS:
        say(f"{len(left_out) - MOST_FAULTS:,} more are left out; `fairlead check` says which.", err=True)
    return plans


def plans_of(choice: Choice) -> tuple[tuple[Plan, ...], tuple[Diagnostic, ...]]:
    """The plans of the named documents, combined, and what was left out; DocumentInvalid when one has errors."""
    compiled = compile_all(choice)
    if has_errors(compiled.diagnostics):
        raise DocumentInvalid(compiled.diagnostics)
    told = LEFT_OUT | {"unreadable-file"}
    return compiled.plans, tuple(found for found in compiled.diagnostics if found.code in told)


def files_of(choice: Choice) -> list[Path]:
    """Every file the named documents are read from, and every overlay that is, or may come to be, beside one."""
    try:
        paths, _ = _document_files(choice.documents)
    except FairleadError:  # reading them says why they cannot be read
        paths = list(choice.documents)
    beside = [path.with_name(f"{path.stem}.overlay{path.suffix}") for path in paths if path.name]
    return [*paths, *([choice.overlay] if choice.overlay else beside)]


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Print errors and warnings to standard error, one line each, coloured on a terminal."""
    for diagnostic in without_notes(diagnostics):
        print_diagnostic(diagnostic)


def print_diagnostic(diagnostic: Diagnostic) -> None:
    """Print one to standard error."""
    code = diagnostic.code
    label = click.style(code, fg=_COLOURS[diagnostic.severity]) if colours(sys.stderr) else code
    severity = "" if diagnostic.severity is Severity.ERROR else f"{diagnostic.severity} "
    click.echo(f"{escaped(str(diagnostic.position))} {severity}{label}: {escaped(diagnostic.message)}", err=True)


def _document_files(documents: Sequence[Path]) -> tuple[list[Path], list[Diagnostic]]:
    """The files of the named paths, and a warning for each folder below them that cannot be read."""
    if not documents:
        return [Path(str(files("fairlead.capabilities"))) / SHIPPED_DOCUMENT], []
    found: list[Path] = []
    skipped: list[Diagnostic] = []
    for path in documents:
        if not os.path.isdir(path):
            found.append(path)
            continue
        below, closed = _files_below(path)
        if not below and closed:
            raise DocumentInvalid(closed)
        if not below:
            raise ConfigurationError(f"There is no YAML file in {path}.")
        found += below
        skipped += closed
    return found, skipped


def _files_below(folder: Path) -> tuple[list[Path], list[Diagnostic]]:
    closed: list[Diagnostic] = []

    def skip(failure: OSError) -> None:
        message = f"the folder cannot be read: {failure.strerror}; it is left out"
        where = Position(str(failure.filename), 1, 1)
        closed.append(Diagnostic(position=where, code="unreadable-file", message=message, severity=Severity.WARNING))

    found = []
    for root, folders, names in os.walk(folder, onerror=skip):
        # A mounted ConfigMap holds every file once more, in a hidden folder.
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root, name) for name in names if name.endswith((".yaml", ".yml")) and ".overlay." not in name]
    return sorted(path for path in found if _is_document(path)), closed


def _is_document(path: Path) -> bool:
    """Whether a file found in a folder is to be read: not a pipe or a device, which might never end."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True  # reading it says why it cannot be read
