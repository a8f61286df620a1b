"""What the compiler notes while it reads a document: diagnostics for the author, inferences for `explain`."""

from __future__ import annotations

from dataclasses import dataclass, field

from fairlead.plan.model import Inference
from fairlead.spec.diagnostic_codes import NOTES
from fairlead.spec.diagnostics import CodeName, Diagnostic, Severity
from fairlead.spec.source import Path, Source

LEFT_OUT = frozenset({
    "ambiguous-placeholder", "duplicate-route", "refused-call", "unknown-call", "unknown-value", "unsupported-mapping",
    "unsupported-steps",
})  # fmt: skip
"""The warnings that say of an operation that it is not served, and why."""


@dataclass(slots=True)
class Findings:
    """Collects both, with positions looked up in the source."""

    source: Source
    diagnostics: list[Diagnostic] = field(default_factory=list)
    inferences: list[Inference] = field(default_factory=list)

    def error(self, path: Path, code: CodeName, message: str) -> None:
        """Something the document cannot run with."""
        self._add(path, code, message, Severity.ERROR)

    def warning(self, path: Path, code: CodeName, message: str) -> None:
        """Something the author should know; the document runs."""
        self._add(path, code, message, Severity.WARNING)

    def inferred(self, path: Path, rule: str, where: str, message: str) -> None:
        """Something the rules supplied that the author did not write; a note, where the author could have."""
        self.inferences.append(Inference(rule=rule, where=where, message=message))
        # What is not in the document was inferred as a whole, and that is the note.
        if rule in NOTES and self.source.has(path):
            self._add(path, NOTES[rule], message, Severity.NOTE)

    def _add(self, path: Path, code: CodeName, message: str, severity: Severity) -> None:
        position = self.source.value_position(path)
        self.diagnostics.append(Diagnostic(position=position, code=code, message=message, severity=severity))
