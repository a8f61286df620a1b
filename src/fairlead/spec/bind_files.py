"""Reads the files that binds name: YAML, JSON, or lines of `KEY=value`."""

from __future__ import annotations

import re
from pathlib import Path

from fairlead.spec.diagnostics import Diagnostic, DocumentInvalid, Severity
from fairlead.spec.model import Document
from fairlead.spec.neighbours import neighbour
from fairlead.spec.source import MAX_BYTES, JsonValue, Source, read_file

_LINE = re.compile(r"""\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*("[^"]*"|'[^']*'|.*?)\s*(?:\s#.*)?""")


def bound_value(file: Path, key: str) -> str | None:
    """The text that a file has for a key, in which dots lead into mappings; None where there is none.

    Raises ValueError, saying why, for a file that cannot be read.
    """
    if file.suffix.lower() not in {".yaml", ".yml", ".json"}:
        return _lines(file).get(key)
    try:
        value: JsonValue = read_file(file).value
    except DocumentInvalid as failure:
        raise ValueError(failure.diagnostics[0].message) from None
    if isinstance(value, dict) and key in value:
        value = value[key]
    else:
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    return None if value is None or isinstance(value, dict | list) else _text(value)


def missing_files(document: Document, source: Source, folder: Path) -> list[Diagnostic]:
    """A warning for every bind whose file is not there, or may not be read."""
    found = []
    for index, bind in enumerate(document.binds):
        if not bind.location:
            continue
        try:
            absent = not neighbour(folder, bind.location).is_file()
            message = f"there is no file `{bind.location[:80]}`, which holds values" if absent else ""
        except (ValueError, OSError) as failure:
            message = str(failure)
        if message:
            position = source.value_position(("binds", index, "location"))
            found.append(
                Diagnostic(position=position, code="missing-bind-file", message=message, severity=Severity.WARNING)
            )
    return found


def _lines(file: Path) -> dict[str, str]:
    try:
        with file.open(encoding="utf-8") as stream:
            text = stream.read(MAX_BYTES)
    except (OSError, UnicodeDecodeError) as failure:
        raise ValueError(str(getattr(failure, "strerror", None) or "it is no UTF-8 text")) from None
    matches = (_LINE.fullmatch(line) for line in text.splitlines())
    return {match[1]: _unquoted(match[2]) for match in matches if match}


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _text(value: JsonValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
