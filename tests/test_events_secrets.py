"""No secret of an event is anywhere once it is archived, in whatever way it might be stored."""

from __future__ import annotations

import contextlib
import json
import re
import sqlite3
from pathlib import Path

import pytest

from fairlead.archive.events import read_event
from fairlead.ingest.sync import Wish
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN
from syncing import scene, unheard

_INVITED = re.compile(r"inviteToken=([0-9a-f-]{36})")


def secrets_of(history: dict[str, bytes]) -> set[str]:
    """The part of each secret in the sandbox's events that nothing else has: values, tokens and invitations."""
    found: set[str] = set()
    for raw in history.values():
        event = read_event(raw)
        for text in filter(None, (event.change, event.original_change)):
            state = json.loads(text)
            if event.sub_target_type == "VARIABLE" and state.get("value"):
                found.add(state["value"].removesuffix(" (previous)").rpartition("-")[2])
            if isinstance(state.get("token"), str):
                found.add(state["token"])
            found |= set(_INVITED.findall(text))
    return {each for each in found if len(each) >= 12}


async def test_no_secret_is_anywhere_in_an_archive(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Values of variables, tokens and invitations leave no byte behind, in whatever way they might be stored."""
    async with scene(tmp_path / "a.db", events=2_600, retention_days=30) as stage:
        history = stage.history()
        secrets = secrets_of(history)
        assert len(secrets) > 100
        async with stage.open_run(keep_secrets=False) as syncing:
            await syncing.run(Wish(organization=DEMO_ORGANIZATION_ID), unheard)
            # Before the last connection is closed there is a log beside the database, and an index of it.
            files = in_files(tmp_path)
            assert {str(tmp_path / name) for name in ("a.db", "a.db-wal", "a.db-shm", "a.db.key")} <= files.keys()
            assert_absent(secrets, files)
        assert_absent(secrets, in_files(tmp_path))
        kept = stage.kept()
        assert kept.keys() == history.keys()
        assert_absent(secrets, dict(kept.items()))
        assert_absent(secrets, in_tables(tmp_path / "a.db"))
        told = capfd.readouterr()
        assert_absent(secrets | {DEMO_TOKEN}, {"output": told.out.encode(), "records": told.err.encode()})


async def test_the_search_for_secrets_finds_them_where_they_are_kept(tmp_path: Path) -> None:
    """With `--keep-secrets` the same search finds every one, so that finding none above means something."""
    async with scene(tmp_path / "a.db", events=600) as stage:
        await stage.run(keep_secrets=True)
        everything = b"\0".join(stage.kept().values())
        words = in_tables(tmp_path / "a.db")["search"]
        secrets = secrets_of(stage.history())
        assert len(secrets) > 20
        assert all(secret.encode() in everything for secret in secrets)
        assert any(secret.encode() in words for secret in secrets)


def in_files(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by path."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def in_tables(archive: Path) -> dict[str, bytes]:
    """What each table has, in clear: texts and bytes as they are, and the vocabulary of the full-text index."""
    with contextlib.closing(sqlite3.connect(archive)) as connection:
        connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, search, row)")
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: _cells(connection, name) for name in names if name != "search"}
        return found | {"search": _cells(connection, "vocabulary")}


def _cells(connection: sqlite3.Connection, table: str) -> bytes:
    rows = connection.execute(f'SELECT * FROM "{table}"')
    return b"\0".join(cell if isinstance(cell, bytes) else str(cell).encode() for row in rows for cell in row)


def assert_absent(secrets: set[str], places: dict[str, bytes]) -> None:
    """None of the secrets is in any of the places, with its hyphens or without."""
    joined = b"\0".join(places.values())
    left = [each for each in secrets if each.encode() in joined or each.replace("-", "").encode() in joined]
    assert left == []
