"""Opens the archive of a place; a database driver is loaded only where it is needed."""

from __future__ import annotations

from fairlead.archive.place import Place
from fairlead.archive.store import Archive
from fairlead.errors import ConfigurationError


def open_archive(place: Place) -> Archive:
    """The archive of a place; nothing is made before something is kept.

    Raises ConfigurationError for a URL that cannot be read, or when the driver for it is not installed.
    """
    if place.url is not None:
        try:
            from fairlead.archive.postgres.archive import PostgresArchive  # noqa: PLC0415 - as the house style has it
        except ImportError as failure:
            raise ConfigurationError(
                "An archive in PostgreSQL needs psycopg, which is not installed, or not with its library.",
                detail=str(failure),
                remedy="Install it: `pip install 'fairlead[postgres]'`.",
            ) from None
        return PostgresArchive(place.url)
    assert place.file is not None
    from fairlead.archive.sqlite.archive import SqliteArchive  # noqa: PLC0415

    return SqliteArchive(place.file)
