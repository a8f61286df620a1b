"""Finds the files that a document names: in its own folder or beside it, never elsewhere."""

from __future__ import annotations

from pathlib import Path

_FILE_URL = "file://"


def neighbour(folder: Path, location: str) -> Path:
    """The file at a location relative to a document's folder, also written as a `file:` URL.

    Raises ValueError for a location that is no path, or leads out of the folders around the document. Whether the file
    is there is not looked at.
    """
    text = location.removeprefix(_FILE_URL)
    relative = Path(text.lstrip("/") if location.startswith(f"{_FILE_URL}/") else text)
    if not text or relative.is_absolute() or "://" in text or "\0" in text:
        raise ValueError(f"`{location[:80]}` is no path of a file beside the document")
    if not (folder / relative).resolve().is_relative_to(folder.resolve().parent):
        raise ValueError(f"`{location[:80]}` leads out of the folders around the document")
    return folder / relative
