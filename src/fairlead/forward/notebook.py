"""Where forwarding goes on: a file of ours, replaced in one step, and another one for what was refused."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import orjson

from fairlead.archive import durable_files
from fairlead.archive.bookmark import START, Bookmark
from fairlead.archive.forms.ndjson import one_line
from fairlead.archive.model import Archived
from fairlead.errors import ConfigurationError

_VERSION = 1
_ONLY_OWNER = 0o600


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where forwarding goes on, and up to where the batch went that was sent last, and may have arrived."""

    bookmark: Bookmark = START
    sent_to: int = 0


class _Written(msgspec.Struct):
    fairlead_forward: int
    next: int
    leaf: str
    sent_to: int


_read = msgspec.json.Decoder(_Written)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notebook:
    """The files of one forwarding; `refused` gets the events that no attempt delivers."""

    path: Path
    refused: Path

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """Keep the notebook from every other process; raises ConfigurationError while it is taken."""
        with _writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = self.path.with_name(f".{self.path.name}.lock").open("wb")
        with lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ConfigurationError(
                    f"{self.path} is in use: somebody forwards with it already.",
                    remedy="Let that one do it, or keep two receivers apart with `--state`.",
                ) from None
            yield

    def read(self) -> Place | None:
        """Where to go on; None when nothing was forwarded yet. Raises ConfigurationError for what is no such file."""
        try:
            found = _read.decode(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as failure:
            raise _unreadable(self.path, str(failure)) from failure
        if found.fairlead_forward != _VERSION:
            raise _unreadable(self.path, f"version {found.fairlead_forward}")
        return Place(bookmark=Bookmark(found.next, found.leaf), sent_to=found.sent_to)

    def write(self, place: Place) -> None:
        """Remember where to go on, onto the disk."""
        written = {
            "fairlead_forward": _VERSION,
            "next": place.bookmark.number,
            "leaf": place.bookmark.leaf,
            "sent_to": place.sent_to,
        }
        with _writing(self.path):
            durable_files.replace(self.path, orjson.dumps(written) + b"\n", mode=_ONLY_OWNER)

    def keep_refused(self, event: Archived, reason: str, now: int) -> None:
        """Add an event to those that were refused, onto the disk."""
        told = {
            "number": event.number,
            "organization_id": event.organization,
            "refused_at": now,
            "reason": reason,
            "event": orjson.Fragment(one_line(event.raw)),
        }
        with _writing(self.refused), open(self.refused, "ab", opener=_private) as file:
            file.write(orjson.dumps(told) + b"\n")
            file.flush()
            os.fsync(file.fileno())


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, _ONLY_OWNER)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """What cannot be remembered ends the run: to go on would send everything again next time."""
    try:
        yield
    except OSError as failure:
        raise ConfigurationError(
            f"{path} cannot be written: {failure.strerror}.", remedy="Name a file in a place that may be written to."
        ) from failure


def _unreadable(path: Path, detail: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} does not say where forwarding goes on.",
        detail=detail,
        remedy="Name another file with `--state`, or say where to begin with `--start`.",
    )
