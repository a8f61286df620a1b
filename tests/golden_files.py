"""Compares output with a golden file; FAIRLEAD_UPDATE_GOLDEN=1 rewrites the file, so that a change is a diff."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "golden"


def assert_golden(name: str, text: str) -> None:
    """Fail unless the text is what the golden file of this name holds."""
    assert_written(FOLDER / name, text)


def assert_written(file: Path, text: str) -> None:
    """Fail unless the text is what a file holds that is written from it."""
    if os.environ.get("FAIRLEAD_UPDATE_GOLDEN"):
        file.write_text(text, encoding="utf-8")
    assert file.exists(), f"no file {file.name}; write it with FAIRLEAD_UPDATE_GOLDEN=1"
    assert text == file.read_text(encoding="utf-8"), f"FAIRLEAD_UPDATE_GOLDEN=1 writes {file.name} anew"
