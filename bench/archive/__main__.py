"""The command line of the archive's bench. Exit status: 0 every target reached, 1 one missed, 2 nothing measured."""

from __future__ import annotations

import argparse
import json
import platform
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path

from bench import document
from bench.archive.building import ORGANIZATION, Built, build
from bench.archive.reads import count_reads, page_reads
from bench.archive.report import Circumstances, Measured, render, targets
from bench.archive.rest import rest_reads
from bench.archive.streams import export_stream, verify_stream
from bench.archive.syncing import measure_sync
from bench.machine import cpu_seconds, hardware, share_of_others
from bench.processes import CannotMeasure
from fairlead.archive.sqlite.archive import SqliteArchive
from fairlead.errors import FairleadError

_MOST_EXPORTED = 1_000_000
_PACKAGES = ("fairlead", "msgspec", "orjson", "zstandard")


def main() -> int:
    """Measure, print the report, and say by the exit status whether every target is reached."""
    asked = _arguments()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    before = cpu_seconds()
    try:
        with _folder(asked.keep) as folder:
            measured = measure(asked, folder, lambda text: print(text, flush=True))
    except (CannotMeasure, FairleadError) as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 2
    circumstances = Circumstances(
        today=asked.date, hardware=hardware(), versions=_versions(), others=share_of_others(before, cpu_seconds())
    )
    report = render(measured, circumstances)
    print(f"\n{report}")
    if asked.write:
        document.write("archive", report, document.ARCHIVE_DOCUMENT)
    return 0 if all(target.reached for target in targets(measured)) else 1


def measure(asked: argparse.Namespace, folder: Path, say: Callable[[str], None]) -> Measured:
    """Everything once; `say` hears what begins."""
    path = folder / f"archive-{asked.events}.db"
    built = _built(path, asked.events, say)
    with closing(SqliteArchive(path)) as archive:
        events = archive.state(ORGANIZATION).events
    say("sync")
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as beside:
        synced = measure_sync(asked.sync_events, Path(beside))
    pages, counts = page_reads(path, asked.rounds, say), count_reads(path, asked.rounds, say)
    say("export")
    export = export_stream(path, _MOST_EXPORTED)
    say("verify")
    return Measured(
        events=events,
        size=path.stat().st_size,
        rounds=asked.rounds,
        built=built,
        synced=synced,
        pages=pages,
        counts=counts,
        export=export,
        verify=verify_stream(path),
        rest=rest_reads(path, asked.rounds),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.archive", description="Measure the embedded archive.")
    parser.add_argument("--events", type=int, default=10_000_000, help="size of the archive (default 10 million)")
    parser.add_argument("--sync-events", type=int, default=100_000, help="events of the sync (default 100,000)")
    parser.add_argument("--rounds", type=int, default=200, help="calls per figure (default 200)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="make the archive here, or take the one that is here")
    parser.add_argument("--date", type=date.fromisoformat, default=datetime.now(UTC).date(), help="date to report")
    parser.add_argument("--write", action="store_true", help="put the report into docs/archive-performance.md")
    asked = parser.parse_args()
    if asked.events < 1_000 or asked.sync_events < 1 or asked.rounds < 1:
        parser.error("--events is at least 1,000, --sync-events and --rounds at least 1")
    return asked


def _built(path: Path, events: int, say: Callable[[str], None]) -> Built:
    """Make the archive unless it is there whole; how it was made is kept beside it."""
    record = path.with_suffix(".json")
    if record.exists():
        return Built(**json.loads(record.read_text()))
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    say(f"an archive of {events:,} events")
    with closing(SqliteArchive(path)) as archive:
        built = build(archive, events, say)
    record.write_text(json.dumps(asdict(built)))
    return built


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as folder:
        yield Path(folder)


def _versions() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}"


if __name__ == "__main__":
    sys.exit(main())
