"""Files that are whole or absent, and on the disk when we say so."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

# What file systems without hard links answer, such as SMB shares and FUSE mounts of object stores.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def create(path: Path, content: bytes, *, mode: int) -> None:
    """Make a file that is complete from the first moment on; FileExistsError when there is one of that name."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write(draft, content, mode)
        _place(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path.parent)


def replace(path: Path, content: bytes, *, mode: int) -> None:
    """Make a file, or put it in the place of the one there is, in one step: whoever reads it finds either."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write(draft, content, mode)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Put the names in a directory on the disk."""
    handle = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as failure:
        if failure.errno != errno.EINVAL:  # some file systems have nothing to sync in a directory
            raise
    finally:
        os.close(handle)


def _write(draft: Path, content: bytes, mode: int) -> None:
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _place(draft: Path, path: Path) -> None:
    try:
        # Unlike a rename, a link never replaces: of two processes, one is told.
        path.hardlink_to(draft)
    except OSError as failure:
        if failure.errno not in _NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        draft.replace(path)
