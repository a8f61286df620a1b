"""Diagnostics: what is wrong in a document, where, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from fairlead.errors import FairleadError

# Every code that a finding can have: the type checker refuses any other. `spec/diagnostic_codes.py` explains each.
CodeName: TypeAlias = Literal[
    "address-variable", "ambiguous-placeholder", "bad-address", "bad-link", "bad-pattern", "bad-scheme", "bad-scope",
    "bad-tool-name", "body-fields", "call-spelling", "duplicate-key", "duplicate-operation", "duplicate-route",
    "duplicate-tool", "empty-document", "exposed-as-consumed", "form-body", "host-label", "inherited", "key-not-text",
    "literal-secret", "long-tool-name", "lost-placeholder", "misplaced-authentication", "missing-bind-file",
    "missing-import", "missing-key", "no-address", "no-capability", "not-utf8", "nothing-exposed", "out-of-range",
    "overlay-action", "overlay-target", "placeholder-address", "placeholder-case", "placeholder-position",
    "placeholder-punctuation", "refused-call", "reserved-header", "several-authentications", "several-documents",
    "shadowed-input", "too-deep", "too-large", "unbound-variable", "undeclared-body", "undeclared-placeholder",
    "unknown-alias", "unknown-call", "unknown-input", "unknown-key", "unknown-parameter", "unknown-value",
    "unknown-variable", "unnamed-input", "unplaced-input", "unreadable-file", "unserved-adapter",
    "unsupported-authentication", "unsupported-body", "unsupported-location", "unsupported-mapping",
    "unsupported-placement", "unsupported-steps", "unsupported-type", "unsupported-validation", "unused-input",
    "unused-placeholder", "wrong-type", "yaml-syntax", "yaml-tag",
]  # fmt: skip


class Severity(StrEnum):
    """An error stops the document from running; a warning does not; a note says what was inferred."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One finding about a document; `code` is stable, and `spec/diagnostic_codes.py` says what it means."""

    position: Position
    code: CodeName
    message: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        label = self.code if self.severity is Severity.ERROR else f"{self.severity} {self.code}"
        return f"{self.position} {label}: {self.message}"


class DocumentInvalid(FairleadError):
    """A document cannot run; every diagnostic is included, in the order of the file."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = in_file_order(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))


def in_file_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics without repetitions, by file, line and column."""
    unique = dict.fromkeys(diagnostics)
    return tuple(sorted(unique, key=lambda d: (d.position.file, d.position.line, d.position.column, d.code)))


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of them stops the document from running."""
    return any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)


def without_notes(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The errors and warnings: what whoever only runs the document should know."""
    return tuple(diagnostic for diagnostic in diagnostics if diagnostic.severity is not Severity.NOTE)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean `x`?` for the closest known word, or nothing."""
    closest = closest_word(word, known)
    return f"; did you mean `{closest}`?" if closest else ""


def closest_word(word: str, known: Iterable[str]) -> str | None:
    """The known word a person most likely meant, ignoring case; None when none is near."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = difflib.get_close_matches(word.lower()[:100], by_lower, n=1, cutoff=0.6)
    return by_lower[matches[0]] if matches else None
