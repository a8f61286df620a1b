"""Opens the archive of a place; a database driver is loaded only where it is needed."""

from __future__ import annotations

from fairlead.archive.place import Place
from fairlead.archive.store import Archive


def open_archive(place: Place) -> Archive:
    """The archive of a place; nothing is made before something is kept."""
    assert place.file is not None
    from fairlead.archive.sqlite.archive import SqliteArchive  # noqa: PLC0415 - as the house style has it

    return SqliteArchive(place.file)
