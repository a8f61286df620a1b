"""The surface that callers see, and those before it for as long as calls are in flight on them."""

from __future__ import annotations

import asyncio
import contextlib

from fairlead.app.background import Start
from fairlead.app.surface import Surface
from fairlead.expose.connection import Connection, Handler
from fairlead.expose.http import Request
from fairlead.expose.server import Server


class _Counted:
    """A handler that knows how many requests it is answering."""

    __slots__ = ("_count", "_handler", "_over")

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._count = 0
        self._over: asyncio.Future[None] | None = None

    async def __call__(self, request: Request, connection: Connection) -> None:
        self._count += 1
        try:
            await self._handler(request, connection)
        finally:
            self._count -= 1
            if self._over is not None and not self._count and not self._over.done():
                self._over.set_result(None)

    async def over(self) -> None:
        """Wait until nothing is being answered; nothing new may come any more."""
        if self._count:
            self._over = asyncio.get_running_loop().create_future()
            await self._over


class Stage:
    """What is shown to callers. A surface that is replaced has `patience` seconds to finish its calls."""

    __slots__ = ("_patience", "_retire", "_start", "mcp", "rest", "servers", "surface")

    def __init__(self, start: Start, patience: float) -> None:
        self._start = start
        self._patience = patience
        self._retire = asyncio.Event()
        self.surface: Surface
        self.rest: Handler
        self.mcp: Handler
        self.servers: tuple[Server, Server] | None = None
        """REST and MCP, once they listen."""

    async def show(self, surface: Surface) -> None:
        """Answer every request from now on with this surface; calls in flight stay with the one before."""
        opened: asyncio.Future[Handler] = asyncio.get_running_loop().create_future()
        before, self._retire = self._retire, asyncio.Event()
        self._start(self._hold(surface, opened, self._retire))
        # Nothing may come between the two ports: a caller of both would see two documents.
        self.surface, self.rest, self.mcp = surface, surface.rest, await opened
        if self.servers is not None:
            self.servers[0].handler, self.servers[1].handler = self.rest, self.mcp
        before.set()

    async def _hold(self, surface: Surface, opened: asyncio.Future[Handler], retired: asyncio.Event) -> None:
        async with surface.mcp as handler:
            counted = _Counted(handler)
            opened.set_result(counted)
            await retired.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(counted.over(), self._patience)
