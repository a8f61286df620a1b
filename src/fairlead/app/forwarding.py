"""Opens what `fairlead events forward` needs: the archive, the notebook, and the way to the receiver."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from fairlead.app.stopping import stop_once, stopped_within
from fairlead.archive.factory import open_archive
from fairlead.archive.place import Place, place_of
from fairlead.archive.store import Archive
from fairlead.errors import NotArchived
from fairlead.forward.batches import Deliver, Limits
from fairlead.forward.forwarding import Job, Progress, Summary, forward
from fairlead.forward.notebook import Notebook
from fairlead.forward.syslog import Line, open_syslog
from fairlead.forward.webhook import webhook
from fairlead.settings import Settings
from fairlead.upstream.client import open_client

_MOST_BYTES = 1024 * 1024
_UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A webhook: its address, and the keys that deliveries are signed with."""

    address: str
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardOptions:
    """What is forwarded (of the organizations named, or of all) from which archive to whom, and how.

    `state` is where is remembered how far, `refused` where events go that cannot be delivered; both have defaults
    beside the archive. `poll` is how often to look for new events, None to end with those there are.
    """

    settings: Settings
    receiver: Hook | Line
    shown: str
    archive: str = ""
    organizations: tuple[str, ...] = ()
    state: Path | None = None
    refused: Path | None = None
    start: int | Literal["now"] | None = None
    batch: int = 100
    tries: int = 10
    rate: float | None = None
    poll: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run, and where its files are."""

    summary: Summary
    notebook: Notebook


async def forward_events(options: ForwardOptions, report: Callable[[Progress], None]) -> Outcome:
    """Forward until the log ends, or for ever, until SIGTERM or SIGINT: what is under way is ended."""
    place, stop = place_of(options.archive, options.settings), stop_once()
    archive, notebook = open_archive(place), notebook_of(options, place)
    try:
        await asyncio.to_thread(_refuse_unknown, archive, options.organizations)
        with notebook.claimed():
            async with _open_receiver(options) as deliver:
                job = Job(
                    archive=archive,
                    deliver=deliver,
                    notebook=notebook,
                    limits=Limits(events=options.batch, size=_MOST_BYTES),
                    pause=lambda seconds: stopped_within(stop, seconds),
                    wall=time.time,
                    random=random.random,
                    report=report,
                    organizations=options.organizations,
                    tries=options.tries,
                    poll=options.poll,
                    start=archive.frontier().size if options.start == "now" else options.start,
                    rate=options.rate,
                )
                return Outcome(summary=await forward(job), notebook=notebook)
    finally:
        await asyncio.to_thread(archive.close)


def notebook_of(options: ForwardOptions, place: Place) -> Notebook:
    """The files of a forwarding: those that are named, else one for each receiver beside the archive."""
    whose = f"{place.url.reveal()}\n" if place.url else ""
    receiver = options.receiver
    target = receiver.address if isinstance(receiver, Hook) else options.shown
    name = f"{_UNSAFE.sub('-', options.shown)}-{sha256(f'{whose}{target}'.encode()).hexdigest()[:8]}"
    beside = place.file or options.settings.data_home / "postgresql"
    path = options.state or beside.with_name(f"{beside.name}.forward-{name}.json")
    return Notebook(path=path, refused=options.refused or path.with_name(f"{path.name}.refused.ndjson"))


@asynccontextmanager
async def _open_receiver(options: ForwardOptions) -> AsyncIterator[Deliver]:
    receiver = options.receiver
    if isinstance(receiver, Hook):
        async with open_client(options.settings) as client:
            yield webhook(client.send, receiver.address, receiver.keys, time.time)
    else:
        async with open_syslog(receiver) as deliver:
            yield deliver


def _refuse_unknown(archive: Archive, organizations: tuple[str, ...]) -> None:
    known = archive.organizations()
    for each in organizations:
        if each not in known:
            raise NotArchived(
                f"The archive {archive.name} has no organization {each[:60]}.", remedy="Run `fairlead events sync`."
            )
