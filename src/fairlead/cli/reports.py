"""What `check` found, for a person (with the line and a caret), for a program (JSON) and for code hosts (SARIF)."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

import click

from fairlead.cli.documents import print_diagnostic
from fairlead.cli.environment import colours
from fairlead.cli.terminal import escaped
from fairlead.spec.diagnostic_codes import CODES, documentation
from fairlead.spec.diagnostics import CodeName, Diagnostic, Position
from fairlead.spec.source import MAX_BYTES, JsonValue

_WIDEST, _MARGIN = 160, 6
# Reports end up in the logs of other people's machines, so a line that may hold a secret is not shown.
_MAY_HOLD_SECRET = re.compile(r"(?i)(token|password|secret|value|key)['\"]?\s*:\s*['\"]?[^\s'\"{]")


def print_text(diagnostics: Sequence[Diagnostic]) -> None:
    """One line for each finding, below it the line of the document with a caret; to standard error.

    What to do about a code stands below the first finding that has it.
    """
    coloured = colours(sys.stderr)
    told: set[CodeName] = set()
    for found in diagnostics:
        print_diagnostic(found)
        for line in _excerpt(found.position):
            click.echo(click.style(line, dim=True) if coloured else line, err=True)
        if found.code not in told:
            told.add(found.code)
            click.echo(f"{' ' * _MARGIN} = {CODES[found.code].remedy}", err=True)


def print_json(diagnostics: Sequence[Diagnostic]) -> None:
    """A JSON list of findings, to standard output."""
    _print([
        {
            "file": found.position.file, "line": found.position.line, "column": found.position.column,
            "severity": str(found.severity), "code": found.code, "message": found.message,
            "remedy": CODES[found.code].remedy, "documentation": documentation(found.code),
        }
        for found in diagnostics
    ])  # fmt: skip


def print_sarif(diagnostics: Sequence[Diagnostic]) -> None:
    """The findings as SARIF 2.1.0, to standard output."""
    rules: list[JsonValue] = [_rule(code) for code in dict.fromkeys(found.code for found in diagnostics)]
    driver: dict[str, JsonValue] = {"name": "fairlead", "rules": rules}
    results: list[JsonValue] = [_result(found) for found in diagnostics]
    _print(
        {
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}],
        }
    )


PRINTERS: Mapping[str, Callable[[Sequence[Diagnostic]], None]] = {
    "text": print_text, "json": print_json, "sarif": print_sarif,
}  # fmt: skip


def _rule(name: CodeName) -> dict[str, JsonValue]:
    code, place = CODES[name], documentation(name)
    first, _, _ = code.meaning.partition(". ")
    return {
        "id": name,
        "shortDescription": {"text": f"{first.removesuffix('.')}."},
        "fullDescription": {"text": code.meaning},
        # Not `helpUri`, which has to be absolute: nobody knows where the project's pages are read.
        "help": {"text": f"{code.remedy} See {place}.", "markdown": f"{code.remedy} See `{place}`."},
        "defaultConfiguration": {"level": str(code.severity)},
        "properties": {"documentation": place},
    }


def _result(found: Diagnostic) -> dict[str, JsonValue]:
    region: dict[str, JsonValue] = {"startLine": found.position.line, "startColumn": found.position.column}
    file = Path(found.position.file)
    address = file.as_uri() if file.is_absolute() else quote(file.as_posix())
    place: dict[str, JsonValue] = {"artifactLocation": {"uri": address}, "region": region}
    message: dict[str, JsonValue] = {"text": found.message}
    # The severities have the names of SARIF's levels.
    level = str(found.severity)
    return {"ruleId": found.code, "level": level, "message": message, "locations": [{"physicalLocation": place}]}


def _excerpt(position: Position) -> list[str]:
    """The line a finding is about and a caret below its column; nothing where there is no such text."""
    lines = _lines(position.file)
    if not 0 < position.line <= len(lines):
        return []
    text = lines[position.line - 1].replace("\t", " ")
    if _MAY_HOLD_SECRET.search(text):
        return []
    start = max(0, position.column - _WIDEST // 2)
    before = escaped(text[start : position.column - 1])
    shown = before + escaped(text[position.column - 1 : start + _WIDEST])
    if not shown.strip():
        return []
    number = f"{position.line:>{_MARGIN}}"
    return [f"{number} | {shown.rstrip()}", f"{' ' * len(number)} | {' ' * len(before)}^"]


@lru_cache(maxsize=4)
def _lines(file: str) -> list[str]:
    try:
        with open(file, encoding="utf-8", errors="replace") as stream:
            return stream.read(MAX_BYTES).split("\n")
    except (OSError, ValueError):
        return []


def _print(value: JsonValue) -> None:
    # ASCII, so that nothing in a message reaches a terminal as more than text.
    click.echo(json.dumps(value, indent=2))
