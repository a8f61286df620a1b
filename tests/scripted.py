"""An upstream that answers by script, and calls of it with a clock of the test's own and counts of what happened."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import serving
from fairlead.expose.asgi import Receive, Scope, Send
from fairlead.settings import Settings
from fairlead.upstream.calls import UpstreamCalls, upstream_calls
from fairlead.upstream.client import open_client
from fairlead.upstream.clock import Clock
from fairlead.upstream.request import Call, UpstreamRequest, UpstreamResponse

WALL = 1_795_000_000.0  # 2026-11-18T11:06:40Z
Answer = tuple[int, dict[str, str]]


@dataclass(slots=True)
class Api:
    """An upstream that answers by script: `script` makes the answer to the n-th request, n from 1.

    With `gate`, answers wait for it to open; `gone` tells that a caller went away before its answer.
    """

    script: Callable[[int, dict[str, str]], Answer] = lambda _number, _headers: (200, {})
    gate: threading.Event | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    gone: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(headers)
        number = len(self.asked)
        await receive()
        self.arrived.release()
        try:
            await self._open_gate()
        except asyncio.CancelledError:
            self.gone.set()
            raise
        status, answered = self.script(number, headers)
        names = [(name.encode(), value.encode()) for name, value in answered.items()]
        await send({"type": "http.response.start", "status": status, "headers": names})
        await send({"type": "http.response.body", "body": b"" if status == 304 else f"{number}".encode()})

    async def _open_gate(self) -> None:
        gate = self.gate  # a thread would not end when the caller goes away
        while gate is not None and not gate.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    async def saw(self, requests: int) -> None:
        """Wait until this many more requests have come."""
        for _ in range(requests):
            assert await asyncio.to_thread(self.arrived.acquire, timeout=10)


@contextmanager
def api(**given: Any) -> Iterator[Api]:
    """A scripted upstream on a free port."""
    made = Api(**given)
    with serving.upstream(made) as made.url:
        try:
            yield made
        finally:
            if made.gate is not None:
                made.gate.set()


@dataclass(slots=True)
class Time:
    """A clock that only `sleep` and the test move."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)

    def clock(self) -> Clock:
        return Clock(now=lambda: self.seconds, wall=lambda: WALL + self.seconds, sleep=self.sleep)


@dataclass(slots=True)
class Seen:
    """What the metrics were told, by the name of the measure."""

    told: list[tuple[Any, ...]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values: self.told.append((name, *values))

    def count(self, name: str) -> int:
        return sum(event[0] == name for event in self.told)

    def last(self, name: str) -> tuple[Any, ...]:
        return [event[1:] for event in self.told if event[0] == name][-1]


@dataclass(slots=True, kw_only=True)
class Ready:
    """Calls of a scripted upstream, the clock they live by, and what was counted."""

    calls: UpstreamCalls
    time: Time
    seen: Seen
    url: str

    def get(self, *, token: str = "a", path: str = "/") -> UpstreamRequest:
        return UpstreamRequest("GET", self.url + path, (("Authorization", f"Token {token}"),))

    def post(self) -> UpstreamRequest:
        return UpstreamRequest("POST", f"{self.url}/", (), b"{}")


@asynccontextmanager
async def ready(upstream: Api, *, clock: Clock | None = None, **settings: Any) -> AsyncIterator[Ready]:
    """The calls of an upstream over a real client, with a clock of the test's own."""
    time_, seen, chosen = Time(), Seen(), Settings(**settings)
    async with open_client(chosen) as client:
        made: Any = seen

        async def send(request: UpstreamRequest) -> UpstreamResponse:
            try:
                return await client.send(request)
            except asyncio.CancelledError:
                seen.told.append(("cancelled",))
                raise

        calls = upstream_calls(send, chosen, clock=clock or time_.clock(), random=lambda: 0.5, metrics=made)
        yield Ready(calls=calls, time=time_, seen=seen, url=upstream.url)


def real_clock() -> Clock:
    """The clock of a server."""
    return Clock(now=time.monotonic, wall=time.time, sleep=asyncio.sleep)


async def outcomes(call: Call, *requests: UpstreamRequest) -> list[UpstreamResponse | BaseException]:
    """What concurrent calls come to."""
    return await asyncio.gather(*(call(request) for request in requests), return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something holds, at most ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  conditions of a loop have no event
            await asyncio.sleep(0)


def http_date(seconds: float) -> str:
    """A time as HTTP writes it."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
