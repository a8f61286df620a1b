"""Notices that files changed: by looking at them, which works on every file system and behind every link."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

# Seconds between two looks.
INTERVAL = 0.5

State: TypeAlias = frozenset[tuple[str, tuple[int, ...]]]


def state_of(paths: Iterable[Path]) -> State:
    """What tells one content of these files from another; a link counts as the file that it leads to."""
    return frozenset((str(path), _mark(path)) for path in paths)


def _mark(path: Path) -> tuple[int, ...]:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return ()
    # Not the size and the time alone: a file moved here may have both of the one before it.
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Watch:
    """Files that are looked at every `INTERVAL`; the first look is taken at once, before the files are read."""

    __slots__ = ("_also", "_files", "_last", "_lock", "_told")

    def __init__(self, files: Callable[[], Iterable[Path]]) -> None:
        self._files = files
        self._also: frozenset[Path] = frozenset()
        self._lock = threading.Lock()
        self._told = self._last = self._look()

    def also(self, files: Iterable[Path]) -> None:
        """Look at these files too, as they are now, and no more at those that were named here before."""
        with self._lock:
            names = {str(path) for path in self._also}
            self._also = frozenset(files)
            now = state_of(self._also)
            self._told, self._last = (
                frozenset(each for each in state if each[0] not in names) | now for state in (self._told, self._last)
            )

    def _look(self) -> State:
        return state_of([*self._files(), *self._also])

    def changed(self) -> bool:
        """Whether the files are not as they were when this last said so, and hold still since the look before.

        Half a file that is still being written is therefore not taken for a new one.
        """
        with self._lock:
            before, self._last = self._last, self._look()
            if self._last == before and self._last != self._told:
                self._told = self._last
                return True
            return False
