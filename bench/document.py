"""Writes reports into docs/performance.md, each between its own two markers."""

from __future__ import annotations

from pathlib import Path

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


def with_report(text: str, block: str, report: str) -> str:
    """The document with one generated block replaced; raises ValueError when it has no such block."""
    opening, closing = f"<!-- {block}:begin -->", f"<!-- {block}:end -->"
    before, begin, rest = text.partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise ValueError(f"{DOCUMENT.name} lacks the markers {opening} and {closing}")
    return f"{before}{opening}\n{report}\n{closing}{after}"


def write(block: str, report: str) -> None:
    """Replace one generated block of the document."""
    DOCUMENT.write_text(with_report(DOCUMENT.read_text(), block, report))
