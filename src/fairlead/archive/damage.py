"""What is said when tables do not fit together: a database's own checks see pages, not what they mean."""

from __future__ import annotations

from typing import TypeVar

from fairlead.errors import ArchiveUnusable

Row = TypeVar("Row")


def damaged() -> ArchiveUnusable:
    """What is said of an event that cannot be read."""
    return ArchiveUnusable(
        "An event of the archive is damaged and cannot be read.",
        remedy="Run `fairlead events verify` to see which, and restore a backup.",
    )


def incomplete() -> ArchiveUnusable:
    """What is said when a row is not there that others refer to."""
    return ArchiveUnusable(
        "The archive is damaged: a row that others refer to is missing.",
        remedy="Run `fairlead events verify` to see where, and restore a backup.",
    )


def required(row: Row | None) -> Row:
    """A row that other rows refer to; raises ArchiveUnusable when it is not there."""
    if row is None:
        raise incomplete()
    return row
