"""Verifying and proving: whatever is done to an archive's file is found, and a proof needs no archive."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import zstandard
from click.testing import CliRunner

from command import fairlead
from fairlead.archive.compression import codec
from fairlead.archive.coverage import Slice
from fairlead.archive.events import nanos_of
from fairlead.archive.factory import open_archive
from fairlead.archive.merkle import EMPTY, extended, leaf_hash
from fairlead.archive.model import DIMENSIONS, Batch, Gap
from fairlead.archive.place import Place, key_of, place_of
from fairlead.archive.preparation import Incoming, LeafHead, leaf_data, preparation
from fairlead.cli.events import events as command
from fairlead.ingest.attesting import Attester, attest
from fairlead.sandbox.options import SandboxOptions
from fairlead.sandbox.rendering import event_at, look
from fairlead.sandbox.world import world
from fairlead.settings import read_settings
from golden_files import FOLDER

ORGANIZATION = "5f3c1a52-7a0e-4d5b-9c61-2f8e4b90d7a1"
NOW = 1_795_000_000
SECOND = 1_000_000_000
HOUR, DAY = 3_600 * SECOND, 86_400 * SECOND
SIZE = 1_001
REVISED = 700  # the second version of event 10: events of a run are numbered by their time
PAGE = (FOLDER.parent.parent / "docs" / "proof.md").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Kept:
    """An archive on the disk: what a thief or a forger has to do with."""

    place: Place

    @property
    def file(self) -> Path:
        """The database."""
        assert self.place.file is not None
        return self.place.file

    def copied(self, folder: Path) -> Kept:
        """The same archive somewhere else."""
        shutil.copytree(self.file.parent, folder, dirs_exist_ok=True)
        return Kept(place_of(str(folder / "archive.db"), read_settings({})))

    def execute(self, statement: str, *values: object) -> list[Any]:
        """Do to the database what no command does."""
        connection = sqlite3.connect(self.file)
        with connection:
            found = connection.execute(statement, values).fetchall()
        connection.close()
        return found

    def keep(self, raw: list[bytes], *, attested: bool = True, **others: Any) -> None:
        """Keep events as a run does, and sign for them."""
        archive = open_archive(self.place)
        key = key_of(self.place, archive)
        prepare = preparation(key.tag_key, None)
        archive.take_lease(ORGANIZATION, "test", NOW * SECOND, NOW * SECOND + DAY)
        prepared = tuple(prepare(Incoming(each, NOW * SECOND)) for each in raw)
        batch = Batch(organization=ORGANIZATION, holder="test", fetched_at=NOW * SECOND, events=prepared)
        archive.keep(replace(batch, **others))
        if attested:
            attest(Attester(key=key, folder=self.place.checkpoints), archive, NOW, "test", {})
        archive.close()

    def verified(self, *arguments: str | Path) -> dict[str, Any]:
        """What `fairlead events verify` says."""
        status, text = ran("verify", "--json", "--archive", self.file, *arguments)
        found: dict[str, Any] = json.loads(text)
        assert status == (0 if found["verified"] else 1)
        return found

    def found(self) -> list[tuple[str, int | None, int | None]]:
        """The kinds and numbers of what is wrong."""
        return [(each["kind"], each["number"], each["last"]) for each in self.verified()["findings"]]

    @property
    def public_key(self) -> str:
        """The published key."""
        return (self.place.checkpoints / "public-key").read_text().strip()

    def id_of(self, number: int) -> str:
        """The id of an event."""
        archive = open_archive(self.place)
        (event,) = archive.log(number, 1)
        archive.close()
        return event.id


def ran(*arguments: str | Path) -> tuple[int, str]:
    """The exit status and the output of a command of `fairlead events`."""
    done = CliRunner().invoke(command, [str(each) for each in arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.return_value or 0, done.stdout


def _events(count: int) -> list[bytes]:
    history, style = world(1, 1_000, NOW * 1_000_000), look(SandboxOptions())
    return [event_at(history, number, style) for number in range(count)]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """1,001 events of three runs, among them a tie, a second revision and one without an id; and two gaps."""
    kept = Kept(place_of(str(tmp_path_factory.mktemp("original") / "archive.db"), read_settings({})))
    made = _events(1_000)
    tie = json.loads(made[998])
    made[999] = json.dumps({**json.loads(made[999]), "timestamp": tie["timestamp"]}).encode()
    made[5] = made[5].replace(b'"id":', b'"no":')
    start, middle = (nanos_of(json.loads(made[number])["timestamp"]) or 0 for number in (0, 700))
    kept.keep(made[:400], covered=(Slice(start, middle - HOUR),), gaps=(Gap(None, start, "beyond-retention", NOW),))
    kept.keep(made[400:700], covered=(Slice(middle - HOUR, middle),))
    kept.keep(
        [*made[700:], made[10].replace(b'"origin":"', b'"origin":"NOT_')],
        covered=(Slice(middle + HOUR, NOW * SECOND),),
        gaps=(Gap(middle, middle + HOUR, "not-read-in-time", NOW + 1),),
    )
    return kept


@pytest.fixture
def kept(original: Kept, tmp_path: Path) -> Kept:
    """A copy to damage."""
    return original.copied(tmp_path / "copy")


def test_a_whole_archive_is_verified(original: Kept) -> None:
    """Every event, three checkpoints inside and outside, and the root that anyone can compare; also by the command."""
    found = original.verified()
    assert (found["size"], found["checkpoints"], found["attested"]) == (SIZE, 3, SIZE)
    assert (found["findings"], found["unsigned"], found["assumed"]) == ([], {}, {})
    newest = (original.place.checkpoints / f"{SIZE:020d}.checkpoint").read_text()
    assert found["root"] == newest.split("\n")[2]
    shown = fairlead("events", "verify", "--archive", original.file, "--jobs", "1")
    assert (shown.code, shown.err) == (0, "")
    assert f"All {SIZE:,} events are as they were stored" in shown.out
    assert f"key          {original.public_key}" in shown.out


def test_events_with_odd_values_are_as_whole_as_others(tmp_path: Path) -> None:
    """Empty texts, numbers, objects and halves of characters where names belong; times that are none, and no event."""
    kept = Kept(place_of(str(tmp_path / "archive.db"), read_settings({})))
    first = json.loads(_events(1)[0])
    values = ("", " ", None, 7, {"a": 1}, [], "\ud800", "a\u0000b", "x" * 70_000)
    odd = [{**first, "id": f"odd-{number}", **dict.fromkeys(DIMENSIONS, value)} for number, value in enumerate(values)]
    times = [{**first, "id": f"time-{time}", "timestamp": time} for time in ("", "now", None, "0001-01-01T00:00:00Z")]
    kept.keep([json.dumps(each).encode() for each in (*odd, *times, {**first, "id": ""}, {}, [], 5)])
    found = kept.verified()
    assert (found["findings"], found["size"]) == ([], len(odd) + len(times) + 4)


def test_ids_that_differ_in_case_are_two(tmp_path: Path) -> None:
    """Each has its own revisions, whatever a person who looks for one may type."""
    kept = Kept(place_of(str(tmp_path / "archive.db"), read_settings({})))
    first = json.loads(_events(1)[0])
    kept.keep([json.dumps({**first, "id": name, "n": n}).encode() for n, name in enumerate(("abc", "abc", "ABC"))])
    assert kept.verified()["findings"] == []
    archive = open_archive(kept.place)
    assert [[each.revision for each in archive.revisions(name)] for name in ("abc", "ABC", "aBc")] == [
        [0, 1],
        [0],
        [0, 1],
    ]
    archive.close()


def test_an_archive_is_verified_without_its_secret(kept: Kept, tmp_path: Path) -> None:
    """The published key does: as text, as a file, or from the folder of checkpoints; another one is refused."""
    kept.place.key_file.unlink()
    (tmp_path / "key.txt").write_text(kept.public_key)
    for arguments in ((), ("--public-key", kept.public_key), ("--public-key", tmp_path / "key.txt")):
        assert kept.verified(*arguments)["verified"]
    (kept.place.checkpoints / "public-key").unlink()
    refused = fairlead("events", "verify", "--archive", kept.file)
    assert (refused.code, "There is no key to verify" in refused.err) == (4, True)
    other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    refused = fairlead("events", "verify", "--archive", kept.file, "--public-key", other)
    assert (refused.code, "the key is of PeterNeumann" in refused.err) == (1, True)


def test_a_gap_that_grew_since_it_was_signed_for_is_still_recorded(kept: Kept) -> None:
    """An outage that goes on makes its gap longer; one that became shorter hides what is missing."""
    ((end,),) = kept.execute("SELECT \"end\" FROM gap WHERE reason = 'not-read-in-time'")
    kept.keep([], attested=False, gaps=(Gap(end, end + HOUR, "not-read-in-time", NOW + 2),))
    assert kept.verified()["findings"] == []
    kept.keep([_events(1)[0].replace(b'"origin":"', b'"origin":"X')])
    assert kept.verified()["findings"] == []
    kept.execute("UPDATE gap SET \"end\" = ? WHERE reason = 'not-read-in-time'", end)
    assert kept.found() == [("gap", None, None)]


def test_events_that_no_checkpoint_covers_are_counted(kept: Kept) -> None:
    """They agree with their hashes, and nobody has signed for them yet."""
    kept.keep([_events(1)[0].replace(b'"origin":"', b'"origin":"X')], attested=False)
    found = kept.verified()
    assert (found["verified"], found["size"], found["attested"]) == (True, SIZE + 1, SIZE)
    _, shown = ran("verify", "--archive", kept.file)
    assert f"which cover {SIZE:,} events; no signature vouches for the 1 after them yet" in shown


def test_processes_find_the_same(tmp_path: Path) -> None:
    """A log that is worth several processes is verified by them, and damage in it named as by one."""
    kept = Kept(place_of(str(tmp_path / "archive.db"), read_settings({})))
    kept.keep([b'{"id":"%d","timestamp":"2026-10-01T09:30:00.%06dZ"}' % (number, number) for number in range(5_000)])
    many = fairlead("events", "verify", "--archive", kept.file, "--jobs", "2", "--json")
    assert (json.loads(many.out)["verified"], json.loads(many.out)["size"]) == (True, 5_000)
    _flip(kept, 4_500)
    kept.execute("UPDATE event SET target_type = origin + 1 WHERE number = 1000")
    many = fairlead("events", "verify", "--archive", kept.file, "--jobs", "2", "--json")
    assert many.code == 1
    assert [each["number"] for each in json.loads(many.out)["findings"][:2]] == [1_000, 4_500]


def _body(kept: Kept, number: int) -> tuple[int, bytes]:
    (row,) = kept.execute("SELECT position, envelope FROM body JOIN event USING (position) WHERE number = ?", number)
    return row  # type: ignore[no-any-return]


def _write(kept: Kept, number: int, envelope: bytes) -> None:
    position, _ = _body(kept, number)
    frame = zstandard.ZstdCompressor().compress(envelope)
    kept.execute("UPDATE body SET envelope = ? WHERE position = ?", frame, position)


def _flip(kept: Kept, number: int) -> None:
    """Another bit in an event's bytes, compressed as it should be."""
    envelope = bytearray(codec([row[0] for row in kept.execute("SELECT data FROM dictionary")]).decompressed(
        _body(kept, number)[1]
    ))  # fmt: skip
    envelope[-3] ^= 1
    _write(kept, number, bytes(envelope))


def _flip_frame(kept: Kept, number: int) -> None:
    position, frame = _body(kept, number)
    damaged = frame[:1] + bytes([frame[1] ^ 1]) + frame[2:]
    kept.execute("UPDATE body SET envelope = ? WHERE position = ?", damaged, position)


def _swap(kept: Kept) -> None:
    kept.execute("UPDATE event SET number = -1 WHERE number = 610")
    kept.execute("UPDATE event SET number = 610 WHERE number = 650")
    kept.execute("UPDATE event SET number = 650 WHERE number = -1")


def _drop(kept: Kept, number: int) -> None:
    position, _ = _body(kept, number)
    for table in ("event", "body"):
        kept.execute(f"DELETE FROM {table} WHERE position = ?", position)


def _rehash(kept: Kept) -> None:
    """Make leaves, tiles and the frontier anew from the events there are, as a forger without the key can."""
    archive = open_archive(kept.place)
    leaves = [
        leaf_hash(
            leaf_data(LeafHead(each.number, each.organization, each.id, each.revision, each.fetched_at), each.raw)
        )
        for each in archive.log(0, SIZE)
    ]
    archive.close()
    frontier, tiles = extended(EMPTY, leaves)
    for table in ("leaf", "tile"):
        kept.execute(f"DELETE FROM {table}")
    for chunk in range(0, len(leaves), 256):
        kept.execute("INSERT INTO leaf VALUES (?, ?)", chunk // 256, b"".join(leaves[chunk : chunk + 256]))
    for tile in tiles:
        kept.execute("INSERT INTO tile VALUES (?, ?, ?)", *tile)
    kept.execute("UPDATE property SET value = ? WHERE name = 'frontier'", frontier.to_bytes())


def _truncate(kept: Kept, size: int) -> None:
    kept.execute("DELETE FROM body WHERE position IN (SELECT position FROM event WHERE number >= ?)", size)
    kept.execute("DELETE FROM event WHERE number >= ?", size)
    _rehash(kept)


def _forge(kept: Kept, number: int) -> None:
    _flip(kept, number)
    _rehash(kept)


def _stray(kept: Kept) -> None:
    """An event that nobody stored and no number of the log leads to, but searches find."""
    columns = "position, number, organization, identity, tag, revision, superseded, fetched_at, event_type"
    others = "target_type, sub_target_type, origin, triggered_by, target_id, project_id, environment_id"
    kept.execute(
        f"INSERT INTO event ({columns}, {others}) SELECT position + 1, -7, organization, identity, tag, revision, 0, "
        f"fetched_at, event_type, {others} FROM event WHERE number = 20"
    )


def _outside(kept: Kept, size: int) -> Path:
    return kept.place.checkpoints / f"{size:020d}.checkpoint"


DAMAGES: dict[str, tuple[Callable[[Kept], object], tuple[str, int | None, int | None]]] = {
    "a bit of an event": (lambda kept: _flip(kept, 123), ("changed", 123, 123)),
    "a bit of a compressed event": (lambda kept: _flip_frame(kept, 124), ("unreadable", 124, 124)),
    "the event type": (
        lambda kept: kept.execute("UPDATE event SET event_type = origin WHERE number = 77"),
        ("column", 77, 77),
    ),
    "the word for an event type": (
        lambda kept: kept.execute("UPDATE word SET text = 'HARMLESS' WHERE text = 'DELETE'"),
        ("column", None, None),
    ),
    "the identity": (
        lambda kept: kept.execute("UPDATE event SET identity = 1 WHERE number = 88"),
        ("column", 88, 88),
    ),
    "the place in time": (
        lambda kept: [
            kept.execute(f"UPDATE {table} SET position = position {by} WHERE position = ?", place)
            for by, place in (("- 5", _body(kept, 99)[0]), ("+ 5", _body(kept, 98)[0]))
            for table in ("body", "event")
        ],
        ("column", 98, 98),
    ),
    "a revision that hides": (
        lambda kept: kept.execute("UPDATE event SET superseded = 1 WHERE number = 300"),
        ("column", 300, 300),
    ),
    "an old revision that shows": (
        lambda kept: kept.execute("UPDATE event SET superseded = 0 WHERE number = 10"),
        ("column", None, None),
    ),
    "when it was read": (
        lambda kept: kept.execute("UPDATE event SET fetched_at = 0 WHERE number = 301"),
        ("changed", 301, 301),
    ),
    "a dropped row": (lambda kept: _drop(kept, 555), ("missing", 555, 555)),
    "a row without its bytes": (
        lambda kept: kept.execute("DELETE FROM body WHERE position = ?", _body(kept, 556)[0]),
        ("unreadable", 556, 556),
    ),
    "swapped rows": (_swap, ("changed", 610, 610)),
    "an event from nowhere": (_stray, ("index", None, None)),
    "a truncated tail": (lambda kept: _truncate(kept, 950), ("truncated", 950, SIZE - 1)),
    "a recomputed chain": (lambda kept: _forge(kept, 500), ("rewritten", 400, 699)),
    "a tile": (lambda kept: kept.execute("UPDATE tile SET hash = zeroblob(32) WHERE place = 1"), ("tile", 256, 511)),
    "the frontier": (
        lambda kept: kept.execute("UPDATE property SET value = x'00' WHERE name = 'frontier'"),
        ("frontier", None, None),
    ),
    "the last dropped row": (lambda kept: _drop(kept, SIZE - 1), ("missing", SIZE - 1, SIZE - 1)),
    "a checkpoint inside": (
        lambda kept: kept.execute("DELETE FROM checkpoint WHERE size = 700"),
        ("not-inside", None, None),
    ),
    "a checkpoint outside": (lambda kept: _outside(kept, 400).unlink(), ("not-outside", None, None)),
    "a checkpoint in both places": (
        lambda kept: [_outside(kept, 700).unlink(), kept.execute("DELETE FROM checkpoint WHERE size = 700")],
        ("claims", None, None),
    ),
    "the text of a checkpoint": (
        lambda kept: _outside(kept, 400).write_text(_outside(kept, 400).read_text().replace("covered", "Covered")),
        ("checkpoint", None, None),
    ),
    "a gap record": (
        lambda kept: kept.execute("DELETE FROM gap WHERE reason = 'not-read-in-time'"),
        ("gap", None, None),
    ),
    "a coverage slice made larger": (
        lambda kept: kept.execute('UPDATE coverage SET "end" = "end" + 60000000000'),
        ("coverage", None, None),
    ),
    "a coverage slice removed": (
        lambda kept: kept.execute("DELETE FROM coverage WHERE start = (SELECT min(start) FROM coverage)"),
        ("coverage", None, None),
    ),
    "a count": (
        lambda kept: kept.execute("UPDATE rollup SET count = count + 1 WHERE dimension = 1"),
        ("index", None, None),
    ),
    "a kind of events": (
        lambda kept: kept.execute("UPDATE kind SET origin = event_type WHERE id = 1"),
        ("index", None, None),
    ),
    "a word of the index": (
        lambda kept: kept.execute(
            "INSERT INTO search (search, rowid, facets, text) VALUES ('delete', ?, '1z', '')", _body(kept, 3)[0]
        ),
        ("index", None, None),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_named(kept: Kept, damage: str) -> None:
    """Whoever can write to the database, and to the folder outside, but cannot sign."""
    act, (kind, number, last) = DAMAGES[damage]
    act(kept)
    found = kept.found()[0]
    assert found[0] == kind
    if number is not None:
        assert found == (kind, number, last)


def test_a_page_of_the_file_that_is_lost_is_told(kept: Kept) -> None:
    """Not by an error that hides how far the archive can still be read."""
    (page,) = kept.execute("SELECT rootpage FROM sqlite_master WHERE name = 'body'")[0]
    kept.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with kept.file.open("r+b") as file:
        file.seek((page - 1) * 4_096)
        file.write(b"\xa5" * 4_096)
    found = kept.verified()["findings"]
    assert (found[0]["kind"], found[0]["number"]) == ("unreadable", 0)
    assert "cannot be used: it is damaged" in found[0]["message"]


def test_the_event_that_is_wrong_is_told_apart(kept: Kept) -> None:
    """Its number, its id and its timestamp, as far as they can be read, and nothing that a terminal obeys."""
    kept.execute("UPDATE event SET event_type = origin WHERE number = 77")
    kept.execute("UPDATE word SET text = 'EV\x1b[2J' WHERE id = (SELECT origin FROM event WHERE number = 77)")
    shown = fairlead("events", "verify", "--archive", kept.file)
    assert shown.code == 1
    first, second = shown.out.split("\n")[:2]
    assert first.startswith("column: Event ")
    assert "\x1b" not in shown.out
    assert "id " in second
    assert f"organization {ORGANIZATION}" in second


def test_a_database_that_was_rolled_back_is_found(kept: Kept, tmp_path: Path) -> None:
    """An older copy is whole in itself, with its own checkpoints; those outside say how much is gone."""
    older = kept.copied(tmp_path / "older")
    kept.keep([_events(1)[0].replace(b'"origin":"', b'"origin":"Y')], covered=(Slice(NOW * SECOND, NOW * SECOND + 5),))
    assert kept.verified()["size"] == SIZE + 1
    shutil.copy(older.file, kept.file)
    assert kept.found()[0] == ("truncated", SIZE, SIZE)
    assert "The log ends after 1,001 events; 1,002 were signed for." in ran("verify", "--archive", kept.file)[1]
    assert older.verified()["verified"]


def test_a_folder_that_is_gone_is_told(kept: Kept) -> None:
    """Nothing passes for verified because nothing was there to compare."""
    kept.place.checkpoints.rename(kept.place.checkpoints.with_name("elsewhere"))
    done = fairlead("events", "verify", "--archive", kept.file)
    assert (done.code, "cannot be used: No such file" in done.err) == (1, True)
    assert kept.verified("--checkpoints", kept.place.checkpoints.with_name("elsewhere"))["verified"]


def test_newer_time_is_signed_with_the_next_event_and_older_time_at_once(kept: Kept) -> None:
    """A run that only waits makes no checkpoint; one that looks further back does, of the same events."""
    later = Slice(NOW * SECOND, NOW * SECOND + DAY)
    kept.keep([], covered=(later,))
    found = kept.verified()
    assert (found["verified"], found["unsigned"]) == (True, {ORGANIZATION: [later._asdict()]})
    kept.keep([], covered=(Slice(0, DAY),))
    found = kept.verified()
    assert (found["verified"], found["unsigned"]) == (True, {})
    assert found["assumed"] == {ORGANIZATION: [Slice(0, DAY)._asdict()]}  # `keep` told no time that was read
    assert _outside(kept, SIZE).with_suffix(".0001.checkpoint").exists()
    assert kept.verified("--public-key", kept.public_key)["checkpoints"] == 3


def test_coverage_of_a_run_that_broke_off_is_told_and_is_no_damage(kept: Kept) -> None:
    """Its events have no checkpoint yet either, and the next run signs for both."""
    event = _events(1)[0].replace(b'"origin":"', b'"origin":"Z')
    kept.keep([event], attested=False, covered=(Slice(0, DAY),))
    found = kept.verified()
    assert (found["verified"], found["unsigned"]) == (True, {ORGANIZATION: [Slice(0, DAY)._asdict()]})
    kept.keep([])
    assert kept.verified()["unsigned"] == {}


def test_a_synced_archive_is_whole(tmp_path: Path) -> None:
    """What `sync` keeps and signs is what `verify` expects, also after a run that looks further back."""
    kept = Kept(place_of(str(tmp_path / "archive.db"), read_settings({})))
    for since in ("1h", "8h"):
        assert fairlead("events", "sync", "--sandbox", "--since", since, "--archive", kept.file).code == 0
        found = kept.verified()
        assert (found["findings"], found["assumed"]) == ([], {})
        assert found["attested"] == found["size"]


@pytest.fixture
def proof(original: Kept, tmp_path: Path) -> Path:
    """A proof of an event in a file."""
    file = tmp_path / "proof.json"
    assert ran("prove", original.id_of(321), "--archive", original.file, "--output", file)[0] == 0
    return file


def test_a_proof_needs_no_archive(original: Kept, proof: Path, tmp_path: Path) -> None:
    """The published key and the file are enough, and the event is in it to the byte."""
    done = fairlead("events", "verify-proof", proof, "--public-key", original.public_key, cwd=tmp_path)
    assert done.code == 0
    assert done.out.startswith(f"Proven: event 321 of the {SIZE:,} that were signed.\n")
    status, raw = ran("verify-proof", proof, "--public-key", original.public_key, "--raw")
    assert (status, json.loads(raw)["id"]) == (0, original.id_of(321))
    assert raw.encode() == b64decode(json.loads(proof.read_text())["event"]["raw"])


@pytest.mark.parametrize("number", [0, 5, 10, REVISED, 1_000])
def test_every_event_can_be_proven(original: Kept, number: int, tmp_path: Path) -> None:
    """The first, the last, one without an id, and both revisions of one."""
    revision = ("--revision", "0") if number == 10 else ()
    status, text = ran("prove", original.id_of(number), "--archive", original.file, *revision)
    assert status == 0
    (tmp_path / "proof.json").write_text(text)
    assert ran("verify-proof", tmp_path / "proof.json", "--public-key", original.public_key)[0] == 0
    event = json.loads(text)["event"]
    assert (event["id"], event["revision"]) == (original.id_of(number), int(number == REVISED))


@pytest.mark.parametrize(
    "changed",
    [
        {"number": 322},
        {"organization": "x"},
        {"organization": f"{ORGANIZATION}\n"},
        {"revision": 1},
        {"fetched_at": 0},
        {"id": "x"},
        {"raw": b64encode(b"{}").decode()},
        {"raw": "%"},
        {"more": 1},
    ],
)
def test_a_proof_of_something_else_is_refused(original: Kept, proof: Path, changed: dict[str, object]) -> None:
    """Nothing that a proof says of its event can be changed."""
    written = json.loads(proof.read_text())
    proof.write_text(json.dumps({**written, "event": {**written["event"], **changed}}))
    done = _refused("verify-proof", proof, "--public-key", original.public_key)
    assert "is not in the log that was signed" in done or "is no proof of an event" in done


def test_a_proof_that_another_key_signed_is_refused(original: Kept, proof: Path) -> None:
    """The key in the file is for show: only the one that is given counts."""
    other = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert "is signed by fairlead.archive/" in _refused("verify-proof", proof, "--public-key", other)
    for text in ("", "{}", "\xff", "[" * 100_000, proof.read_text().replace("proof 1", "proof 2")):
        proof.write_text(text, encoding="utf-8")
        assert "This is no proof of an event" in _refused("verify-proof", proof, "--public-key", original.public_key)


def test_what_cannot_be_proven_is_told(kept: Kept) -> None:
    """An event that is not there, one that no checkpoint covers yet, and one whose archive is damaged."""
    assert "has no such event" in _refused("prove", "nobody", "--archive", kept.file)
    kept.keep([b'{"id":"fresh","timestamp":"2026-10-01T09:00:00Z"}'], attested=False)
    assert "No checkpoint covers event 1,001 yet" in _refused("prove", "fresh", "--archive", kept.file)
    event = kept.id_of(200)
    kept.execute("UPDATE event SET fetched_at = 1 WHERE number = 200")
    assert "does not prove this event" in _refused("prove", event, "--archive", kept.file)


def _refused(*arguments: str | Path) -> str:
    from fairlead.errors import FairleadError  # noqa: PLC0415

    with pytest.raises(FairleadError) as refusal:
        ran(*arguments)
    return refusal.value.public


def test_the_documented_lines_check_a_proof_without_fairlead(original: Kept, proof: Path, tmp_path: Path) -> None:
    """Twenty lines of Python, and nothing of ours."""
    lines = PAGE.split("```python\n")[1].split("```")[0]
    assert len(lines.strip().split("\n")) <= 25
    (tmp_path / "check.py").write_text(lines, encoding="utf-8")

    def check(file: Path, key: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-I", str(tmp_path / "check.py"), str(file), key]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    good = check(proof, original.public_key)
    assert (good.returncode, good.stdout.strip()) == (0, "proven"), good.stderr
    forged = tmp_path / "forged.json"
    forged.write_text(proof.read_text().replace('"number": 321', '"number": 320'))
    assert check(forged, original.public_key).returncode != 0
