"""A port that answers: its connections, their deadlines, and how it ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

from fairlead.expose.connection import Connection, Handler, Port
from fairlead.expose.limits import Limits

_SWEEP = 0.25
_BACKLOG = 2048


class Server(Port):
    """A port that listens."""

    __slots__ = ("_clock", "_listener", "_sweeping")

    def __init__(self, handler: Handler, limits: Limits, clock: Callable[[], float]) -> None:
        super().__init__(handler, limits, asyncio.get_running_loop())
        self._clock = clock
        self._listener: asyncio.Server | None = None
        self._sweeping: asyncio.TimerHandle | None = None

    async def listen(self, listener: socket.socket) -> None:
        """Take connections of a bound socket from now on."""
        # asyncio listens again, with a backlog of its own.
        self._listener = await self.loop.create_server(lambda: Connection(self), sock=listener, backlog=_BACKLOG)
        self._sweep()

    def _sweep(self) -> None:
        """Look for deadlines that passed: one timer for the port costs less than one for each wait."""
        now = self.loop.time()
        self.date = formatdate(self._clock(), usegmt=True)
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
            self.empty.clear()
            try:
                await asyncio.wait_for(self.empty.wait(), grace)
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
    server = Server(handler, limits, clock)
    await server.listen(listener)
    try:
        yield server
    finally:
        await server.close(grace)
