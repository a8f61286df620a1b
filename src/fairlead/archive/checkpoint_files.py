"""The checkpoints kept outside the database, a file each: what shows that a database was rolled back or rewritten."""

from __future__ import annotations

import re
from pathlib import Path

from fairlead.archive.checkpoints import MOST_CHARACTERS, FoundCheckpoint
from fairlead.archive.durable_files import create
from fairlead.errors import FairleadError

_NAME = re.compile(r"[0-9]{20}\.checkpoint")
_READABLE_BY_ALL = 0o644
_HEAD_LINES = 3


class CheckpointsUnusable(FairleadError):
    """The directory of checkpoints cannot be read or written."""


class CheckpointExists(FairleadError):
    """There is another checkpoint of the same size, which says something else."""


def write_checkpoint(directory: Path, size: int, text: str) -> Path:
    """Put a signed checkpoint into the directory, which has to exist; nothing that is there is replaced.

    A checkpoint that says the same of the tree stays as it is, whenever it was made. One that says something else
    is CheckpointExists.
    """
    path = directory / f"{size:020d}.checkpoint"
    try:
        create(path, text.encode(), mode=_READABLE_BY_ALL)
    except FileExistsError:
        _require_same(path, text)
    except OSError as failure:
        raise _unusable(directory, failure) from failure
    return path


def read_checkpoints(directory: Path) -> tuple[FoundCheckpoint, ...]:
    """The texts of all checkpoints in the directory, by size; what is in them is not judged here."""
    try:
        names = sorted(entry.name for entry in directory.iterdir() if _NAME.fullmatch(entry.name))
        return tuple(FoundCheckpoint(str(directory / name), _text(directory / name)) for name in names)
    except OSError as failure:
        raise _unusable(directory, failure) from failure


def _text(path: Path) -> str:
    with path.open("rb") as file:
        # One byte too many, so that what is too long is refused for that. What is no UTF-8 fails its signature.
        return file.read(MOST_CHARACTERS + 1).decode("utf-8", "replace")


def _require_same(path: Path, text: str) -> None:
    try:
        kept = _text(path)
    except OSError as failure:
        raise _unusable(path.parent, failure) from failure
    if kept.split("\n")[:_HEAD_LINES] != text.split("\n")[:_HEAD_LINES]:
        raise CheckpointExists(
            f"{path} holds another checkpoint than the archive made at this size.",
            remedy="Verify the archive. If the directory belongs to another archive, give this one its own.",
        )


def _unusable(directory: Path, failure: OSError) -> CheckpointsUnusable:
    return CheckpointsUnusable(
        f"The directory of checkpoints {directory} cannot be used: {failure.strerror or failure}.",
        remedy="It has to exist and to be writable; it is not made, because an unmounted volume would go unnoticed.",
        detail=str(failure),
    )
