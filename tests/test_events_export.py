"""`fairlead events export`: every event of the archive in files, each once, whatever is interrupted."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pty
import random
import signal
import sqlite3
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.dataset
import pyarrow.parquet
import pytest
import zstandard

from command import environment, fairlead
from fairlead.archive.events import read_event
from fairlead.archive.exports.drafts import write_file
from fairlead.archive.exports.layout import Layout
from fairlead.archive.factory import open_archive
from fairlead.archive.forms.parquet import day_of
from fairlead.archive.model import Query
from fairlead.archive.place import place_of
from fairlead.settings import Settings
from mixed_events import ORGANIZATION, OTHER, KeptEvents, made_events, mixed_archive, plain_event
from server_process import DEADLINE, until


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> KeptEvents:
    """Two organizations, late events, a revision."""
    return mixed_archive(tmp_path_factory.mktemp("mixed") / "a.db")


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> KeptEvents:
    """10,000 events of a kilobyte."""
    made = KeptEvents(tmp_path_factory.mktemp("many") / "a.db")
    made.keep(plain_event(number, change="x" * 1_000) for number in range(10_000))
    return made


def latest() -> list[bytes]:
    """What the archive of `mixed_archive` has of the first organization: known without asking it."""
    events = made_events(400)
    events[0] = events[0].replace(b'"origin":', b'"origin" :')
    return events


def export(kept: KeptEvents, *arguments: str | Path, code: int = 0) -> str:
    """Run it; what it wrote to standard output, or said when it failed."""
    done = fairlead("events", "export", "--archive", kept.path, *arguments)
    assert done.code == code, done.err
    return done.out if code == 0 else done.err


def test_an_export_is_the_archive_byte_for_byte(kept: KeptEvents) -> None:
    """The lines are the latest revisions of an organization's events as they came, late ones in their place."""
    lines = export(kept, "--organization", ORGANIZATION).encode().splitlines()
    assert Counter(lines) == Counter(latest())
    assert [read_event(line).timestamp for line in lines] == sorted(str(read_event(raw).timestamp) for raw in latest())


def test_a_range_has_its_first_instant_and_not_its_last(kept: KeptEvents) -> None:
    """Ranges that follow each other have every event once."""
    instants = [str(read_event(raw).timestamp) for raw in latest()]
    begin, end = instants[100], instants[200]
    lines = export(kept, "--organization", ORGANIZATION, "--from", begin, "--to", end).splitlines()
    expected = [instant for instant in instants if begin <= instant < end]
    assert [json.loads(line)["timestamp"] for line in lines] == expected


def _csv_ids(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
        return [row["id"] for row in csv.DictReader(file)]


def _zstd_lines(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file).read().splitlines()


READ: dict[str, tuple[str, Callable[[Path], list[str]]]] = {
    "csv": ("x.csv.gz", _csv_ids),
    "ocsf": ("x.ndjson.zst", lambda path: [json.loads(line)["metadata"]["uid"] for line in _zstd_lines(path)]),
    "ecs": ("x.ndjson", lambda path: [json.loads(line)["event"]["id"] for line in path.read_bytes().splitlines()]),
    "parquet": ("x.parquet", lambda path: pyarrow.parquet.read_table(path)["id"].to_pylist()),
}


@pytest.mark.parametrize("form", READ)
def test_every_format_has_every_event(kept: KeptEvents, tmp_path: Path, form: str) -> None:
    """In a file that appears when it is whole, compressed as its name says."""
    name, ids = READ[form]
    excel = ("--excel", "--columns", "id,timestamp") if form == "csv" else ()
    export(kept, "--organization", ORGANIZATION, "--format", form, "-o", tmp_path / name, *excel)
    assert ids(tmp_path / name) == [read_event(raw).id for raw in latest()]
    assert os.listdir(tmp_path) == [name]


def test_hostile_events_do_nothing_in_a_spreadsheet_or_a_terminal(tmp_path: Path) -> None:
    """No cell is a formula; what moves a cursor is an escape that means the same in JSON."""
    kept = KeptEvents(tmp_path / "a.db")
    evil = plain_event(1, target_name='=HYPERLINK("http://evil")').replace(b"UPDATE", "\u009b31m\u202e".encode())
    kept.keep([evil])
    rows = list(csv.DictReader(io.StringIO(export(kept, "--format", "csv"))))
    assert rows[0]["target_name"] == '\'=HYPERLINK("http://evil")'
    assert "\u009b" not in rows[0]["event_type"]
    shown = _on_a_terminal("events", "export", "--archive", str(kept.path))
    assert json.loads(shown) == json.loads(evil)
    assert "\u009b" not in shown
    assert "\u202e" not in shown


def _on_a_terminal(*arguments: str) -> str:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "fairlead", *arguments]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.DEVNULL, env=environment(), timeout=60, check=True)
    assert done.returncode == 0
    os.close(theirs)
    with open(ours, "rb", closefd=True) as terminal:
        return os.read(terminal.fileno(), 65_536).decode()


def test_an_export_that_fails_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    """Half a file never stands where a whole one did."""
    kept = KeptEvents(tmp_path / "a.db")
    kept.keep(plain_event(number) for number in range(30))
    connection = sqlite3.connect(kept.path)
    connection.execute("UPDATE body SET envelope = x'00' WHERE position = (SELECT max(position) FROM body)")
    connection.commit()
    connection.close()
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "x.ndjson").write_text("before")
    assert "damaged" in export(kept, "-o", folder / "x.ndjson", code=1)
    assert {each.name: each.read_text() for each in folder.iterdir()} == {"x.ndjson": "before"}
    assert "No space left" in export(kept, "-o", "/dev/full", "--to", "2026-10-01T00:05:00Z", code=74)
    assert "cannot be written to" in export(kept, "-o", tmp_path / "nowhere" / "x", code=4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--format", "parquet"), "--output"),
        (("--format", "csv", "--columns", "idd"), "did you mean `id`"),
        (("--follow",), "needs --directory"),
        (("--directory", "d", "--since", "2h"), "--from does not go with --directory"),
    ],
)
def test_what_cannot_be_exported_is_said(kept: KeptEvents, arguments: tuple[str, ...], words: str) -> None:
    """Options that would say nothing are mistakes."""
    assert words in export(kept, "--organization", ORGANIZATION, *arguments, code=2)


def test_a_folder_has_every_event_of_the_log_and_only_grows(tmp_path: Path) -> None:
    """What comes late and what changed since is in a new file; finished files never change."""
    kept, folder = mixed_archive(tmp_path / "a.db"), tmp_path / "lake"
    export(kept, "--directory", folder, "--file-events", "90", "--compress", "gz", "--envelope")
    first = {path: path.read_bytes() for path in files_of(folder)}
    assert _enveloped(first) == [(event.organization, event.number, event.raw) for event in kept.log()]
    assert {path.parent.name for path in first} == {f"organization_id={each}" for each in (ORGANIZATION, OTHER)}

    kept.keep([plain_event(1)])
    export(kept, "--directory", folder, "--file-events", "90", "--compress", "gz", "--envelope")
    second = {path: path.read_bytes() for path in files_of(folder)}
    assert first.items() <= second.items()
    assert len(second) == len(first) + 1
    assert _enveloped(second) == [(event.organization, event.number, event.raw) for event in kept.log()]


def _enveloped(files: dict[Path, bytes]) -> list[tuple[str, int, bytes]]:
    lines = [line for content in files.values() for line in gzip.decompress(content).splitlines()]
    found = [(json.loads(line)["archive"], line.partition(b',"event":')[2][:-1]) for line in lines]
    return sorted(
        ((archive["organization_id"], archive["number"], raw) for archive, raw in found), key=lambda each: each[1]
    )


def files_of(folder: Path) -> list[Path]:
    """The finished files."""
    return sorted(path for path in folder.glob("organization_id=*/**/*") if path.is_file() and path.name[0] != ".")


def test_a_folder_of_parquet_has_days_that_engines_read_as_one_table(kept: KeptEvents, tmp_path: Path) -> None:
    """Partitions are organizations and UTC days of the event, wherever in the log it came."""
    export(kept, "--directory", tmp_path / "lake", "--format", "parquet", "--file-events", "300")
    table = pyarrow.dataset.dataset(files_of(tmp_path / "lake"), partitioning="hive", format="parquet").to_table()
    rows = sorted(table.select(["number", "organization_id", "day", "raw"]).to_pylist(), key=lambda row: row["number"])
    assert [(row["number"], row["organization_id"], row["raw"], row["day"]) for row in rows] == [
        (event.number, event.organization, event.raw, day_of(read_event(event.raw).timestamp)) for event in kept.log()
    ]


def test_a_folder_of_something_else_is_refused(kept: KeptEvents, tmp_path: Path) -> None:
    """Another format, another archive, another export at the same time, or files of somebody else."""
    folder = tmp_path / "lake"
    export(kept, "--directory", folder)
    assert "another format" in export(kept, "--directory", folder, "--format", "csv", code=4)
    longer = KeptEvents(tmp_path / "longer.db")
    longer.keep(plain_event(number) for number in range(600))
    assert "is not the one" in export(longer, "--directory", folder, code=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    assert "not empty" in export(kept, "--directory", tmp_path / "mine", code=4)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> KeptEvents:
    """1,000 small events."""
    made = KeptEvents(tmp_path_factory.mktemp("small") / "a.db")
    made.keep(plain_event(number) for number in range(1_000))
    return made


def test_a_folder_loses_and_repeats_nothing_whenever_it_is_killed(small: KeptEvents, tmp_path: Path) -> None:
    """Killed at random points, with finished files taken away in between, every event is in one of them."""
    chance, folder, taken = random.Random(7), tmp_path / "lake", Counter[bytes]()
    place = folder / f"organization_id={ORGANIZATION}"
    command = [sys.executable, "-m", "fairlead", "events", "export", "--archive", str(small.path)]
    command += ["--directory", str(folder), "--file-events", "10"]
    for _ in range(5):
        with subprocess.Popen(command, env=environment(), stdout=subprocess.DEVNULL) as process:
            seen: set[str] = set()
            wanted = chance.randint(8, 32)
            while len(seen) < wanted and process.poll() is None:
                seen.update(os.listdir(place) if place.exists() else ())
            process.kill()
        taken += _take(folder, chance.random())
    export(small, "--directory", folder, "--file-events", "10")
    taken += _take(folder, 1.0)
    assert taken == Counter(event.raw for event in small.log())
    assert not list(folder.glob("*/.*"))


def _take(folder: Path, share: float) -> Counter[bytes]:
    """Take some of the finished files away, as a shipper of logs does."""
    found = Counter[bytes]()
    files = files_of(folder)
    for path in files[: int(len(files) * share)] if share < 1 else files:
        found.update(path.read_bytes().splitlines())
        path.unlink()
    return found


def test_a_folder_follows_the_archive_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """Events that are archived later come without another run; SIGTERM ends it between files."""
    kept, folder = KeptEvents(tmp_path / "a.db"), tmp_path / "lake"
    kept.keep([plain_event(1)])
    command = [sys.executable, "-m", "fairlead", "events", "export", "--archive", str(kept.path)]
    command += ["--directory", str(folder), "--follow", "--every", "0.1"]
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        until(lambda: len(files_of(folder)) == 1, "the first file")
        assert "another export" in export(kept, "--directory", folder, code=4)
        kept.keep([plain_event(2)])
        until(lambda: len(files_of(folder)) == 2, "a file for what came later")
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert "Exported 2 events in 2 files" in out


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """The most memory that Python held since the beginning."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_memory_does_not_grow_with_the_archive(many: KeptEvents, tmp_path: Path, traced: Callable[[], int]) -> None:
    """10 MB of events leave through a few."""
    archive = open_archive(place_of(str(many.path), Settings()))
    write_file(tmp_path / "x", archive.events(Query(organization=ORGANIZATION)), ORGANIZATION, Layout(form="ndjson"))
    archive.close()
    assert (tmp_path / "x").stat().st_size > 10_000_000
    assert traced() < 4_000_000
