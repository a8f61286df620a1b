"""Archives that tests read: of a sandbox, or of events of their own; and what `fairlead events` says of them."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import random
import select
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from click.testing import CliRunner

import serving
from command import Finished, environment
from fairlead.app.syncing import SyncOptions, open_syncing
from fairlead.archive.factory import open_archive
from fairlead.archive.keys import key_from_text
from fairlead.archive.model import Batch
from fairlead.archive.place import place_of
from fairlead.archive.preparation import Incoming, preparation
from fairlead.cli.choice import Choice
from fairlead.cli.commands import commands
from fairlead.cli.documents import runnable_plans
from fairlead.cli.failures import exit_status
from fairlead.ingest.sync import Wish
from fairlead.sandbox.app import create_app
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, SandboxOptions
from fairlead.settings import Secret, Settings
from fairlead.upstream.clock import Clock

KEY = f"fairlead-archive-key-1:{b64encode(bytes(range(32))).decode()}"
SECOND = 1_000_000_000
START = int(serving.NOW) * SECOND
OTHER = "11111111-2222-4333-8444-555555555555"
TARGET = "72020e28-a14a-4a63-8655-ccb99ee1edfe"
EVENTS = 1_500


@dataclass(frozen=True, slots=True)
class Kept:
    """An archive in a file, and what `fairlead events` says of it."""

    file: Path

    def ask(self, *arguments: str, code: int = 0) -> Finished:
        """Run a command of `fairlead events` in this process; the exit status is checked."""
        done = CliRunner(catch_exceptions=True).invoke(
            commands, ["events", *arguments, "--archive", str(self.file)], standalone_mode=False
        )
        status, err = done.exit_code, done.stderr
        if isinstance(done.exception, Exception):
            with told() as lines:
                status = exit_status(done.exception)
            err += "".join(lines)
        assert status == code, (done.output, done.exception)
        return Finished(status, done.stdout, err)

    def lines(self, *arguments: str) -> list[list[str]]:
        """What a command writes to a pipe, as values."""
        return [line.split("\t") for line in self.ask(*arguments).out.splitlines()]

    def objects(self, *arguments: str) -> list[Any]:
        """What a command writes as JSON, one value on each line."""
        return [json.loads(line) for line in self.ask(*arguments, "--json").out.splitlines()]

    def keep(self, *events: Any, organization: str = DEMO_ORGANIZATION_ID, at: int = START) -> None:
        """Keep events as if they had just been read; bytes are kept as they are."""
        archive = open_archive(place_of(str(self.file), Settings()))
        prepare = preparation(key_from_text(KEY).tag_key, None)
        raws = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in events]
        try:
            assert archive.take_lease(organization, "test", at, at + SECOND)
            prepared = tuple(prepare(Incoming(raw, START)) for raw in raws)
            archive.keep(Batch(organization=organization, holder="test", fetched_at=at, events=prepared))
        finally:
            archive.close()


@contextmanager
def told() -> Iterator[list[str]]:
    """What is written to standard error inside."""
    runner = CliRunner()
    with runner.isolation() as streams:
        lines: list[str] = []
        yield lines
        lines.append(streams[1].getvalue().decode())


async def _synced_from(file: Path, url: str) -> None:
    settings = replace(serving.settings_for_tests(), archive_key=Secret(KEY))
    options = SyncOptions(
        plans=runnable_plans(Choice()), settings=settings, archive=str(file), upstream=url,
        organizations=(DEMO_ORGANIZATION_ID,), budget=1.0,
    )  # fmt: skip
    clock = Clock(now=time.monotonic, wall=lambda: serving.NOW, sleep=asyncio.sleep)
    async with open_syncing(options) as syncing:
        way = replace(syncing.way, clock=clock, random=random.Random(1).random)
        await replace(syncing, way=way).run(Wish(organization=DEMO_ORGANIZATION_ID), lambda _progress: None)


def synced(file: Path) -> Kept:
    """An archive of a sandbox's 1,500 events, the same at every run."""
    options = SandboxOptions(events=EVENTS, now=serving.NOW, rate_limit=0)
    with serving.upstream(create_app(options, lambda: serving.NOW)) as url:
        asyncio.run(_synced_from(file, url))
    return Kept(file)


def event(number: int, **fields: Any) -> dict[str, Any]:
    """An event of a container, `number` seconds after the start."""
    moment = datetime.fromtimestamp(START // SECOND + number, UTC)
    return {
        "id": f"00000000-0000-4000-8000-{number:012x}",
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "event_type": "UPDATE",
        "target_id": TARGET,
        "target_name": "nginx",
        "target_type": "CONTAINER",
        "origin": "API",
        "triggered_by": "Ada",
    } | fields


def on_a_terminal(kept: Kept, *arguments: str, env: dict[str, str] | None = None) -> str:
    """What a command shows on a terminal of 100 columns."""
    main, terminal = pty.openpty()
    command = [sys.executable, "-m", "fairlead", "events", *arguments, "--archive", str(kept.file)]
    with subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment(env)):
        os.close(terminal)
        shown = b""
        while select.select([main], [], [], 30)[0]:
            try:
                shown += os.read(main, 65_536)
            except OSError:  # how Linux says that a terminal has no more
                break
    os.close(main)
    return shown.decode().replace("\r\n", "\n")
