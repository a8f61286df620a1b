"""Files of events, under a name that nobody reads until they are whole."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from fairlead.archive.durable_files import sync_directory
from fairlead.archive.events import read_event
from fairlead.archive.exports.layout import Layout, text_blocks
from fairlead.archive.forms.parquet import ParquetFile
from fairlead.archive.model import Archived
from fairlead.errors import ConfigurationError

_REFUSALS = frozenset(
    {errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EROFS, errno.ENAMETOOLONG}
)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system refuses into a ConfigurationError; a disk that is full or fails stays what it is."""
    try:
        yield
    except OSError as failure:
        if failure.errno not in _REFUSALS:
            raise
        raise ConfigurationError(
            f"{path} cannot be written to: {failure.strerror}.", remedy="Name a place that may be written to."
        ) from failure


def write_file(path: Path, events: Iterable[Archived], organization: str, layout: Layout) -> None:
    """Make a file of the events of an organization, or put it in the place of the one there is; whole, or not at all.

    What is no file, such as a pipe, is written to as it is.
    """
    with writing(path):
        if path.exists() and not path.is_file():
            with path.open("wb") as pipe:
                for block in text_blocks(events, organization, layout):
                    pipe.write(block)
        else:
            _write_at_once(path.resolve(), events, organization, layout)  # a link stays one


def _write_at_once(target: Path, events: Iterable[Archived], organization: str, layout: Layout) -> None:
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.unfinished")
    write_draft(draft, events, organization, layout)
    draft.replace(target)
    sync_directory(target.parent)


def write_draft(draft: Path, events: Iterable[Archived], organization: str, layout: Layout) -> None:
    """Write the events of an organization to a file, onto the disk; a file that cannot be finished is gone."""
    with contextlib.ExitStack() as stack:
        stack.callback(draft.unlink, missing_ok=True)
        if layout.form == "parquet":
            _write_parquet(draft, events, organization)
        else:
            with draft.open("wb") as file:
                for block in text_blocks(events, organization, layout):
                    file.write(block)
                file.flush()
                os.fsync(file.fileno())
        stack.pop_all()


def _write_parquet(draft: Path, events: Iterable[Archived], organization: str) -> None:
    file = ParquetFile(draft, organization)
    with contextlib.ExitStack() as stack:
        stack.callback(file.discard)
        for each in events:
            file.add(each.number, read_event(each.raw), each.raw)
        stack.pop_all()
    file.finish()
