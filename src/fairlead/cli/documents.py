"""Finds, loads and compiles the documents a command line names."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from fairlead.cli.choice import Choice
from fairlead.cli.document_files import DocumentFile, document_files
from fairlead.cli.environment import colours
from fairlead.cli.terminal import escaped, say
from fairlead.errors import MOST_FAULTS, ConfigurationError
from fairlead.plan.combine import combine
from fairlead.plan.compile import Compilation, compile_document
from fairlead.plan.findings import LEFT_OUT
from fairlead.plan.model import Plan
from fairlead.plan.selection import select
from fairlead.spec.diagnostics import (
    Diagnostic,
    DocumentInvalid,
    Severity,
    did_you_mean,
    has_errors,
    without_notes,
)
from fairlead.spec.load import LoadedDocument, load

# What may be wrong with a file that was found in a folder, and not named, so that it is left out alone.
PASSED_OVER = frozenset({"no-capability", "nothing-exposed", "empty-document"})
_COLOURS: Mapping[Severity, str] = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.NOTE: "blue"}


@dataclass(frozen=True, slots=True)
class CompiledDocuments:
    """Documents compiled together: no route and no tool twice, and everything that was found in them."""

    plans: tuple[Plan, ...]
    diagnostics: tuple[Diagnostic, ...]


def compile_all(choice: Choice) -> CompiledDocuments:
    """Every named document compiled, with its diagnostics, and what is selected of them.

    What is only found in a folder is passed over with a warning when it is no document or exposes nothing, and without
    one when another document imports it. A folder below a named one that cannot be read is a warning.
    Raises DocumentInvalid with the diagnostics of all of them when nothing can be made of one.
    """
    pins, overlay = choice.named_pins(), choice.overlay
    paths, skipped = document_files(choice.documents, trail=choice.trail)
    if overlay is not None and len(paths) > 1:
        raise click.UsageError(f"--overlay goes with one document, and there are {len(paths)}.")
    gathered = _Gathered(list(skipped))
    for file in paths:
        gathered.read(file, overlay)
    compiled = gathered.compiled(pins)
    if gathered.lost:
        raise DocumentInvalid([*gathered.lost, *gathered.told])
    if not compiled:
        raise ConfigurationError(
            "There is no document to serve in these folders.", remedy="`fairlead check` says what is wrong with each."
        )
    known = dict.fromkeys(name for compilation in compiled for name in compilation.parameter_names)
    for name in pins:
        if name.lower() not in {candidate.lower() for candidate in known}:
            hint = did_you_mean(name, known)
            raise ConfigurationError(f"--pin {name}: no operation has a parameter `{name}`{hint}")
    plans = [compilation.plan for compilation in compiled]
    return CompiledDocuments(combine(select(plans, choice.selection)), tuple(gathered.told))


@dataclass(slots=True)
class _Gathered:
    """What was read so far: documents, those that are lost, and everything to tell."""

    told: list[Diagnostic]
    lost: list[Diagnostic] = field(default_factory=list)
    loaded: list[tuple[DocumentFile, LoadedDocument]] = field(default_factory=list)

    def read(self, file: DocumentFile, overlay: Path | None) -> None:
        """Load one more document."""
        try:
            self.loaded.append((file, load(file.path, overlay)))
        except DocumentInvalid as failure:
            if file.is_found and _codes(failure.diagnostics) <= PASSED_OVER:
                self.told += map(_warned, failure.diagnostics)
            else:
                self.lost += failure.diagnostics

    def compiled(self, pins: Mapping[str, str]) -> list[Compilation]:
        """Every document that is served."""
        imported = {path.resolve() for _, document in self.loaded for path in document.imports}
        found = []
        for file, document in self.loaded:
            exposes = bool(document.document.capability.exposes)
            if file.is_found and not exposes and file.path.resolve() in imported:
                continue
            compilation = compile_document(document, pins)
            errors = [each for each in compilation.diagnostics if each.severity is Severity.ERROR]
            if file.is_found and errors and _codes(errors) <= PASSED_OVER:
                self.told += [_warned(each) for each in compilation.diagnostics]
                continue
            self.told += compilation.diagnostics
            found.append(compilation)
        return found


def _codes(diagnostics: Iterable[Diagnostic]) -> set[str]:
    return {found.code for found in diagnostics}


def _warned(found: Diagnostic) -> Diagnostic:
    return replace(found, severity=Severity.WARNING) if found.severity is Severity.ERROR else found


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
    told = LEFT_OUT | PASSED_OVER | {"unreadable-file"}
    return compiled.plans, tuple(found for found in compiled.diagnostics if found.code in told)


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
