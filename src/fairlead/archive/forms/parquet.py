"""Events as Parquet files in folders that ClickHouse, DuckDB, Spark and Trino read as one table.

The folders are Hive's: `organization_id=…/day=YYYY-MM-DD/part-0.parquet`, days in UTC.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import ModuleType, TracebackType
from typing import NamedTuple, Protocol
from urllib.parse import quote

from fairlead.archive.contract import EVENT_KEYS, NANOS_PER_SECOND
from fairlead.archive.events import Event, nanos_of, read_event
from fairlead.errors import ConfigurationError

UNDATED = "__HIVE_DEFAULT_PARTITION__"
"""The day of events whose instant cannot be read; engines read this name as null."""

_NAME = "part-0.parquet"
_UNFINISHED = ".part-0.parquet.unfinished"  # engines skip what begins with a dot
_MOST_ROWS = 20_000
_MOST_BYTES = 32 * 1024 * 1024
_NANOS_PER_DAY = 86_400 * NANOS_PER_SECOND


class NumberedEvent(NamedTuple):
    """An event's bytes, and its number in the archive."""

    number: int
    raw: bytes


class _Schema(Protocol):
    names: list[str]


class _Writer(Protocol):
    schema: _Schema

    def write_table(self, table: object) -> None: ...
    def close(self) -> None: ...


class _Arrow(NamedTuple):
    """pyarrow, which is an extra, as far as it is used here."""

    core: ModuleType
    parquet: ModuleType


class ParquetFolder:
    """Writes the events of one organization, given in the order of time, in constant memory.

    A day's file appears when the day is over, whole or not at all. The same events make the same files, so an export
    that broke off is repeated from the start of any day, and replaces the files of the days it repeats.
    """

    def __init__(self, root: Path, organization_id: str) -> None:
        self._folder = root / organization_folder(organization_id)
        self._organization_id = organization_id
        _arrow()  # says what to install before anything is made
        self._open: _DayFile | None = None
        self._days: set[str] = set()

    def __enter__(self) -> ParquetFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        open_file, self._open = self._open, None
        if open_file is not None and failure is None:
            open_file.finish()
        elif open_file is not None:
            open_file.file.discard()

    def write(self, events: Iterable[NumberedEvent]) -> None:
        """Write more events; one of a day that is over is a ValueError, because it would be lost."""
        for number, raw in events:
            event = read_event(raw)
            self._file_of(day_of(event.timestamp)).file.add(number, event, raw)

    def _file_of(self, day: str) -> _DayFile:
        if self._open is not None and self._open.day == day:
            return self._open
        if day in self._days:
            raise ValueError(f"an event of {day} came after the events of another day")
        if self._open is not None:
            self._open.finish()
        self._days.add(day)
        self._open = _DayFile(self._folder, day, self._organization_id)
        return self._open


class _DayFile:
    """The file of a day while it is written, under a name that nobody reads."""

    def __init__(self, root: Path, day: str, organization_id: str) -> None:
        self.day = day
        self._folder = root / f"day={day}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.file = ParquetFile(self._folder / _UNFINISHED, organization_id)

    def finish(self) -> None:
        """Let the file appear, whole."""
        self.file.finish()
        self.file.path.replace(self._folder / _NAME)


class ParquetFile:
    """One file of events of one organization, held in memory a row group at a time; nothing before `finish`."""

    def __init__(self, path: Path, organization_id: str) -> None:
        self.path = path
        self._arrow = _arrow()
        self._organization_id = organization_id
        self._rows: list[tuple[int, Event, bytes]] = []
        self._bytes = 0
        self._file = path.open("wb")
        self._writer: _Writer = self._arrow.parquet.ParquetWriter(
            self._file, schema(self._arrow.core), compression="zstd"
        )

    def add(self, number: int, event: Event, raw: bytes) -> None:
        """Write one more event."""
        self._rows.append((number, event, raw))
        self._bytes += len(raw)
        if len(self._rows) >= _MOST_ROWS or self._bytes >= _MOST_BYTES:
            self._write_rows()

    def finish(self) -> None:
        """Write what is left, onto the disk; a file that cannot be finished is gone."""
        try:
            self._write_rows()
            self._writer.close()
            self._file.flush()
            os.fsync(self._file.fileno())
        except BaseException:
            self.discard()
            raise
        self._file.close()

    def discard(self) -> None:
        """Leave nothing behind."""
        # A writer that is not closed closes itself later, into a file that is gone.
        with suppress(OSError, ValueError):
            self._writer.close()
        self._file.close()
        self.path.unlink(missing_ok=True)

    def _write_rows(self) -> None:
        """One row group, so that what is held in memory is bounded."""
        if not self._rows:
            return
        numbers, events, raws = zip(*self._rows, strict=True)
        instants = [nanos_of(event.timestamp) for event in events]
        fields = dict(zip(EVENT_KEYS, zip(*events, strict=True), strict=True))
        values = {
            **fields,
            "organization_id": [self._organization_id] * len(self._rows),
            "number": numbers,
            "timestamp": instants,
            "raw": raws,
        }
        names = self._writer.schema.names
        table = self._arrow.core.table({name: values[name] for name in names}, schema=self._writer.schema)
        self._writer.write_table(table)
        self._rows.clear()
        self._bytes = 0


def schema(pyarrow: ModuleType) -> _Schema:
    """The columns: an event's fields as text, but its instant as one, and `raw`, the event as it was sent."""
    text = pyarrow.string()
    instant = pyarrow.timestamp("ns", tz="UTC")
    fields = [(key, instant if key == "timestamp" else text) for key in EVENT_KEYS]
    named = [("organization_id", text), ("number", pyarrow.int64()), *fields, ("raw", pyarrow.binary())]
    made: _Schema = pyarrow.schema(named)
    return made


def organization_folder(organization_id: str) -> str:
    """The folder of an organization's events."""
    return f"organization_id={quote(organization_id, safe='')}"


def day_of(timestamp: str | None) -> str:
    """The UTC day of an instant, as its folder is named."""
    nanos = nanos_of(timestamp)
    return UNDATED if nanos is None else _day(nanos // _NANOS_PER_DAY)


@lru_cache(maxsize=512)
def _day(number: int) -> str:
    return datetime.fromtimestamp(number * 86_400, UTC).strftime("%Y-%m-%d")


def _arrow() -> _Arrow:
    # An import of 60 ms and 150 MB that only an export to Parquet needs.
    try:
        return _Arrow(import_module("pyarrow"), import_module("pyarrow.parquet"))
    except ImportError as failure:
        raise ConfigurationError(
            "Writing Parquet needs pyarrow, which is not installed.",
            detail=str(failure),
            remedy="Install it: pip install 'fairlead[parquet]'",
        ) from failure
