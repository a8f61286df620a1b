"""Writes reports into documents, each between its own two markers."""

from __future__ import annotations

from pathlib import Path

_DOCS = Path(__file__).resolve().parent.parent / "docs"
DOCUMENT = _DOCS / "performance.md"
ARCHIVE_DOCUMENT = _DOCS / "archive-performance.md"


def with_report(text: str, block: str, report: str) -> str:
    """The document with one generated block replaced; raises ValueError when it has no such block."""
    opening, closing = f"<!-- {block}:begin -->", f"<!-- {block}:end -->"
    before, begin, rest = text.partition(opening)
    _, end, after = rest.partition(closing)
    if not begin or not end:
        raise ValueError(f"the document lacks the markers {opening} and {closing}")
    return f"{before}{opening}\n{report}\n{closing}{after}"


def write(block: str, report: str, document: Path = DOCUMENT) -> None:
    """Replace one generated block of a document."""
    document.write_text(with_report(document.read_text(), block, report))
