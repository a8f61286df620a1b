"""A port that answers: its connections, their deadlines, and how it ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate

from fairlead.expose.connection import Connection, Handler

_SWEEP = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one port allows its callers. Times are seconds, sizes are bytes."""

    max_connections: int = 2_000
    max_header_bytes: int = 64 * 1024
    max_request_bytes: int = 4 * 1024 * 1024
    header_timeout: float = 10.0
    body_timeout: float = 30.0
    write_timeout: float = 30.0
    idle_timeout: float = 75.0


@dataclass(slots=True, eq=False)
class Server:
    """What the connections of one port share. `handler` may be replaced while it serves."""

    handler: Handler
    limits: Limits
    loop: asyncio.AbstractEventLoop
    clock: Callable[[], float]
    connections: set[Connection] = field(default_factory=set, repr=False)
    draining: bool = False
    date: str = ""
    _empty: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _listener: asyncio.Server | None = field(default=None, repr=False)
    _sweeping: asyncio.TimerHandle | None = field(default=None, repr=False)

    def time(self) -> float:
        """Seconds of the loop's clock, which deadlines are counted in."""
        return self.loop.time()

    def left(self, connection: Connection) -> None:
        """Forget a connection that ended."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    async def listen(self, listener: socket.socket) -> None:
        """Take connections of a bound socket from now on."""
        self._listener = await self.loop.create_server(lambda: Connection(self), sock=listener)
        self._sweep()

    def _sweep(self) -> None:
        """Look for deadlines that passed: one timer for the port costs less than one for each wait."""
        now = self.time()
        self.date = formatdate(self.clock(), usegmt=True)
        for connection in [each for each in self.connections if each.deadline <= now]:
            connection.expire()
        self._sweeping = self.loop.call_later(_SWEEP, self._sweep)

    def drain(self) -> None:
        """Take no more connections, and close each as soon as its request is answered."""
        self.draining = True
        if self._listener is not None:
            self._listener.close()
        for connection in tuple(self.connections):
            connection.finish()

    async def close(self, grace: float) -> None:
        """Drain for at most `grace` seconds, then end what is left."""
        self.drain()
        if self.connections:
            self._empty.clear()
            try:
                await asyncio.wait_for(self._empty.wait(), grace)
            except TimeoutError:
                self.abort()
        if self._sweeping is not None:
            self._sweeping.cancel()

    def abort(self) -> None:
        """End every connection and what it waits for, at once."""
        self.drain()
        for connection in tuple(self.connections):
            connection.abort()


@asynccontextmanager
async def listening(
    handler: Handler, listener: socket.socket, limits: Limits, *, grace: float, clock: Callable[[], float]
) -> AsyncIterator[Server]:
    """Serve on a bound socket until the context ends, then drain."""
    server = Server(handler, limits, asyncio.get_running_loop(), clock)
    await server.listen(listener)
    try:
        yield server
    finally:
        await server.close(grace)
