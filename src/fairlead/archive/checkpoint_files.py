"""The checkpoints kept outside the database, a file each: what shows that a database was rolled back or rewritten."""

from __future__ import annotations

import re
from pathlib import Path

from fairlead.archive.checkpoints import MOST_CHARACTERS, FoundCheckpoint
from fairlead.archive.claims import claims_lines
from fairlead.archive.durable_files import create
from fairlead.archive.public_keys import PublicKey, read_public_key
from fairlead.errors import ConfigurationError, FairleadError

_NAME = re.compile(r"[0-9]{20}(\.[0-9]{4})?\.checkpoint")
_PUBLIC_KEY = "public-key"
_MOST_OF_A_SIZE = 10_000
_READABLE_BY_ALL = 0o644
_HEAD_LINES = 3


class CheckpointsUnusable(FairleadError):
    """The directory of checkpoints cannot be read or written."""


class CheckpointExists(FairleadError):
    """There is another checkpoint of the same size, which says something else."""


def write_checkpoint(directory: Path, size: int, text: str) -> Path:
    """Put a signed checkpoint into the directory, which has to exist; nothing that is there is replaced.

    One that says the same stays as it is, whenever it was made. One that says something else of the tree is
    CheckpointExists; one that only claims more goes beside it.
    """
    for again in range(_MOST_OF_A_SIZE):
        path = directory / (f"{size:020d}.{again:04d}.checkpoint" if again else f"{size:020d}.checkpoint")
        if _made(path, text) or _is_same(path, text):
            return path
    raise CheckpointExists(
        f"{directory} holds {_MOST_OF_A_SIZE:,} checkpoints of {size:,} events.",
        remedy="Give the archive a new folder: FAIRLEAD_CHECKPOINTS.",
    )


def write_public_key(directory: Path, public_key: PublicKey) -> None:
    """Put the key that the checkpoints are verified with beside them; another one there is CheckpointExists."""
    path = directory / _PUBLIC_KEY
    if not _made(path, f"{public_key}\n") and read_public_key_file(path) != public_key:
        raise CheckpointExists(
            f"{path} is the key of another archive.",
            remedy="Give each archive a folder of its own: FAIRLEAD_CHECKPOINTS.",
        )


def public_key_beside(directory: Path) -> PublicKey | None:
    """The public key that lies with the checkpoints of a directory; None when there is none."""
    path = directory / _PUBLIC_KEY
    return read_public_key_file(path) if path.exists() else None


def read_public_key_file(path: Path) -> PublicKey:
    """The public key in a file; ConfigurationError when it holds none."""
    try:
        return read_public_key(_text(path))
    except OSError as failure:
        raise ConfigurationError(f"The public key {path} cannot be read: {failure.strerror or failure}.") from failure


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


def _made(path: Path, text: str) -> bool:
    """Whether a file was made now; not if there is one."""
    try:
        if path.exists():  # nothing is written to the disk for what is there
            return False
        create(path, text.encode(), mode=_READABLE_BY_ALL)
    except FileExistsError:
        return False
    except OSError as failure:
        raise _unusable(path.parent, failure) from failure
    return True


def _is_same(path: Path, text: str) -> bool:
    """Whether a file says what a checkpoint says, but for when and by whom it was made."""
    try:
        kept = _text(path)
    except OSError as failure:
        raise _unusable(path.parent, failure) from failure
    if kept.split("\n")[:_HEAD_LINES] != text.split("\n")[:_HEAD_LINES]:
        raise CheckpointExists(
            f"{path} holds another checkpoint than the archive made at this size.",
            remedy="Verify the archive. If the directory belongs to another archive, give this one its own.",
        )
    return claims_lines(kept) == claims_lines(text)


def _unusable(directory: Path, failure: OSError) -> CheckpointsUnusable:
    return CheckpointsUnusable(
        f"The directory of checkpoints {directory} cannot be used: {failure.strerror or failure}.",
        remedy="It has to exist and to be writable; it is not made, because an unmounted volume would go unnoticed.",
        detail=str(failure),
    )
