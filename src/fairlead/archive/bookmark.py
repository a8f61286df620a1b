"""Where somebody who reads the log goes on: by number, because whatever comes late gets the next number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fairlead.archive.model import Archived
from fairlead.archive.store import Archive
from fairlead.errors import ArchiveUnusable


class Bookmark(NamedTuple):
    """The number of the event to go on with, and the log's hash of the one before it, which tells logs apart."""

    number: int = 0
    leaf: str = ""


START = Bookmark()
"""The beginning of a log."""


def bookmark_at(archive: Archive, number: int) -> Bookmark:
    """The bookmark of a number that the log has reached."""
    return Bookmark(number, archive.hashes(0, number - 1, 1)[0].hex() if number else "")


def end_of_log(archive: Archive, bookmark: Bookmark) -> int:
    """The number that the next event will get.

    Raises ArchiveUnusable when the bookmark is of another log, or the log lost what it points behind.
    """
    size = archive.frontier().size
    if bookmark.number > size or bookmark.leaf != bookmark_at(archive, bookmark.number).leaf:
        raise ArchiveUnusable(
            f"The archive {archive.name} is not the one that was read up to event {bookmark.number:,}: "
            + ("its log is shorter." if bookmark.number > size else "its log says something else there."),
            remedy="Name the archive that was read before, or begin anew somewhere else.",
        )
    return size


class Part(NamedTuple):
    """Numbers of the log from `start` up to, not including, `end`, and how many bytes are enough at once."""

    start: int
    end: int
    most_bytes: int


def read_part(archive: Archive, part: Part) -> Sequence[Archived]:
    """The events of a part of the log, none missing: all of them, or the first that make up so many bytes.

    Raises ArchiveUnusable when the log lacks a number.
    """
    found: list[Archived] = []
    size = 0
    for event in archive.log(part.start, part.end - part.start):
        if event.number != part.start + len(found):
            break
        found.append(event)
        size += len(event.raw)
        if size >= part.most_bytes:
            return found
    if len(found) < part.end - part.start:
        raise ArchiveUnusable(
            f"The archive {archive.name} lacks event {part.start + len(found):,} of its log.",
            remedy="Run `fairlead events verify` to see what else, and restore a backup.",
        )
    return found
