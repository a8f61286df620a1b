"""Writes a report into docs/performance.md, between its two markers."""

from __future__ import annotations

from pathlib import Path

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def with_report(text: str, report: str) -> str:
    """The document with its generated block replaced; raises ValueError when it has no such block."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name} lacks the markers {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{report}\n{END}{after}"


def write(report: str) -> None:
    """Replace the generated block of the document."""
    DOCUMENT.write_text(with_report(DOCUMENT.read_text(), report))
