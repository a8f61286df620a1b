"""Finds the files that a command line names: documents, and folders of documents."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from fairlead.errors import ConfigurationError, FairleadError
from fairlead.spec.diagnostics import Diagnostic, DocumentInvalid, Position, Severity

SHIPPED_DOCUMENT = "qovery-organization-event.yaml"
TRAIL_DOCUMENT = "qovery-audit-trail.yaml"


@dataclass(frozen=True, slots=True)
class DocumentFile:
    """A file to read; one that was found in a folder, rather than named, may be of another kind."""

    path: Path
    is_found: bool = False


def document_files(documents: Sequence[Path], *, trail: bool = False) -> tuple[list[DocumentFile], list[Diagnostic]]:
    """The files of the named paths, and a warning for each folder below them that cannot be read.

    None named means the one we ship; with `trail` the audit trail's own is among them.
    """
    if trail:
        named, closed = document_files(documents)
        return [*named, DocumentFile(_shipped(TRAIL_DOCUMENT))], closed
    if not documents:
        return [DocumentFile(_shipped(SHIPPED_DOCUMENT))], []
    found: list[DocumentFile] = []
    skipped: list[Diagnostic] = []
    for path in documents:
        if not os.path.isdir(path):
            found.append(DocumentFile(path))
            continue
        below, closed = _files_below(path)
        if not below and closed:
            raise DocumentInvalid(closed)
        if not below:
            raise ConfigurationError(f"There is no YAML file in {path}.")
        found += [DocumentFile(file, is_found=True) for file in below]
        skipped += closed
    return found, skipped


def watched_files(documents: Sequence[Path], overlay: Path | None) -> list[Path]:
    """Every file the named documents are read from, and every overlay that is, or may come to be, beside one."""
    try:
        paths = [file.path for file in document_files(documents)[0]]
    except FairleadError:  # reading them says why they cannot be read
        paths = list(documents)
    beside = [path.with_name(f"{path.stem}.overlay{path.suffix}") for path in paths if path.name]
    return [*paths, *([overlay] if overlay else beside)]


def _shipped(name: str) -> Path:
    return Path(str(files("fairlead.capabilities"))) / name


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
