"""Runs of `fairlead events sync` in this process: a sandbox behind a socket, and a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import serving
from fairlead.app.ports import address_of, bound
from fairlead.app.syncing import Syncing, SyncOptions, open_syncing
from fairlead.archive.coverage import Slice
from fairlead.archive.events import nanos_of, read_event
from fairlead.archive.model import OrganizationState
from fairlead.archive.sqlite.archive import SqliteArchive
from fairlead.cli.choice import Choice
from fairlead.cli.documents import runnable_plans
from fairlead.expose.asgi import AsgiApp, Receive, Scope, Send, asgi_handler
from fairlead.expose.limits import Limits
from fairlead.expose.server import listening
from fairlead.ingest.progress import Progress, Summary
from fairlead.ingest.sync import RENEWAL, Wish
from fairlead.sandbox.app import create_app
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, SandboxOptions
from fairlead.sandbox.rendering import event_at, look
from fairlead.sandbox.world import older_than, world
from fairlead.settings import Settings
from fairlead.upstream.clock import Clock

NOW = serving.NOW
SEED = 6
"""A history with 148 events in one microsecond, among its newest 600."""

DAY = 86_400.0
LIMITS = Limits(max_connections=64, max_request_bytes=65_536, header_timeout=20, body_timeout=20, write_timeout=20)


@dataclass(slots=True)
class Hands:
    """A clock whose sleep moves it on at once; how long was slept is remembered."""

    wall: float = NOW
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        """What time it is."""
        return self.wall

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once; only the lease's renewal waits for ever."""
        if seconds == RENEWAL:
            await asyncio.Event().wait()
        self.slept.append(seconds)
        self.wall += seconds
        await asyncio.sleep(0)

    @property
    def clock(self) -> Clock:
        """This clock, as those who wait take it."""
        return Clock(now=self.now, wall=self.now, sleep=self.sleep)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A sandbox that answers, and the clock that it and the runs go by."""

    url: str
    options: SandboxOptions
    hands: Hands
    archive: Path
    asked: Counter[int]
    """Requests by the hour they came in."""

    async def run(self, *, deep: bool = False, since: int | None = None, **told: Any) -> Summary:
        """One run; `told` goes to `open_run`."""
        async with self.open_run(**told) as syncing:
            return await syncing.run(Wish(organization=DEMO_ORGANIZATION_ID, since=since, deep=deep), unheard)

    @asynccontextmanager
    async def open_run(
        self,
        *,
        page_size: int = 100,
        budget: float = 1.0,
        keep_secrets: bool = True,
        settings: dict[str, Any] | None = None,
    ) -> AsyncIterator[Syncing]:
        """What a run needs, with the scene's clock."""
        options = SyncOptions(
            plans=_plans(),
            settings=settings_of(**settings or {}),
            archive=str(self.archive),
            organizations=(DEMO_ORGANIZATION_ID,),
            upstream=self.url,
            budget=budget,
            keep_secrets=keep_secrets,
        )
        async with open_syncing(options) as syncing:
            way = replace(syncing.way, clock=self.hands.clock, random=lambda: 0.5, page_size=page_size)
            yield replace(syncing, way=way)

    def kept(self) -> dict[str, bytes]:
        """The events of the archive by id; of each the newest revision, and no id twice."""
        archive = SqliteArchive(self.archive)
        try:
            rows = list(archive.log(0, archive.frontier().size))
        finally:
            archive.close()
        found = {row.id: row.raw for row in rows if not row.superseded}
        assert len(found) == sum(not row.superseded for row in rows)
        return found

    def state(self) -> OrganizationState:
        """What the archive knows of the organization."""
        archive = SqliteArchive(self.archive)
        try:
            return archive.state(DEMO_ORGANIZATION_ID)
        finally:
            archive.close()

    def history(self) -> dict[str, bytes]:
        """Every event of the sandbox by id, as it renders them."""
        return history_of(self.options)


@asynccontextmanager
async def scene(
    archive: Path, *, app: AsgiApp | None = None, behind: float = 0.0, **options: Any
) -> AsyncIterator[Scene]:
    """A sandbox of 600 events over 2.8 days, with the big tie among them, unless the options say otherwise.

    `app` takes its place. `behind` is by how many seconds its clock is behind that of the runs.
    """
    chosen = SandboxOptions(**{"events": 600, "seed": SEED, "retention_days": 4, "rate_limit": 0} | options)
    hands = Hands()
    served = app or create_app(chosen, lambda: hands.wall - behind)
    asked: Counter[int] = Counter()

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        asked[int(hands.wall) // 3_600] += scope["type"] == "http"
        await served(scope, receive, send)

    with bound("127.0.0.1", 0, "") as listener:
        handler = asgi_handler(counted)
        async with listening(handler, listener, LIMITS, grace=0.1, clock=lambda: hands.wall - behind):
            url = address_of(listener, "127.0.0.1")
            yield Scene(url=url, options=chosen, hands=hands, archive=archive, asked=asked)


def settings_of(**changed: Any) -> Settings:
    """Settings of a run: the upstream is never left alone for a while, because that would take real time."""
    return serving.settings_for_tests(**{"breaker_failures": 0, "read_timeout": 20.0} | changed)


def history_of(options: SandboxOptions) -> dict[str, bytes]:
    """Every event of a sandbox that was started at NOW, by id."""
    start = (options.now or NOW) + (90 if "clock-ahead" in options.faults else 0)
    history, style = world(options.seed, options.events, int(start * 1_000_000)), look(options)
    written = [event_at(history, k, style) for k in range(history.count)]
    return {read_event(raw).id or "": raw for raw in written}


def happened(options: SandboxOptions, since: float, until: float, start: float = NOW) -> dict[str, bytes]:
    """The events of a live sandbox between two instants, by id."""
    history, style = world(options.seed, options.events, int(start * 1_000_000)), look(options)
    first, end = (older_than(history, int(instant * 1_000_000)) for instant in (since, until))
    written = [event_at(history, k, style) for k in range(first, end)]
    return {read_event(raw).id or "": raw for raw in written}


def within(events: dict[str, bytes], span: Slice) -> dict[str, bytes]:
    """Those of the events whose timestamps lie in a slice."""
    return {name: raw for name, raw in events.items() if span.start <= instant_of(raw) < span.end}


def instant_of(raw: bytes) -> int:
    """The instant of an event."""
    nanos = nanos_of(read_event(raw).timestamp)
    assert nanos is not None
    return nanos


@cache
def _plans() -> Any:
    return runnable_plans(Choice())


def unheard(progress: Progress) -> None:
    """Nobody looks at the progress."""
