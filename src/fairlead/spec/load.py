"""Loads a capability document: file, overlay, authored model, all diagnostics of its shape."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fairlead.spec.bind_files import missing_files
from fairlead.spec.diagnostics import Diagnostic, DocumentInvalid, has_errors
from fairlead.spec.imports import imported_files, resolve_imports
from fairlead.spec.model import Document
from fairlead.spec.overlay import apply_overlay, overlay_beside
from fairlead.spec.rules import read_model
from fairlead.spec.source import Source, read_file
from fairlead.spec.spellings import as_lists


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedDocument:
    """A document as read: the model, where everything stands, and what was found so far."""

    document: Document
    source: Source
    diagnostics: tuple[Diagnostic, ...]
    imports: tuple[Path, ...] = ()
    """The files that it imports from."""

    @property
    def runnable(self) -> bool:
        """Whether nothing found so far stops it from running."""
        return not has_errors(self.diagnostics)


def load(path: Path, overlay: Path | None = None) -> LoadedDocument:
    """Load a document with its overlay (the named one, else the one beside it).

    Raises DocumentInvalid when so little could be made out that nothing further can be checked.
    """
    source = read_file(path)
    chosen = overlay or overlay_beside(path)
    if chosen is not None:
        source = apply_overlay(source, read_file(chosen))
    listed = as_lists(source)
    source = resolve_imports(listed, path)
    document, diagnostics = read_model(source)
    diagnostics = [*source.diagnostics, *diagnostics]
    if document is None:
        raise DocumentInvalid(diagnostics)
    diagnostics += missing_files(document, source, path.parent)
    return LoadedDocument(
        document=document, source=source, diagnostics=tuple(diagnostics), imports=imported_files(listed, path)
    )
