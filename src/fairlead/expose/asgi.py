"""Binds an ASGI 3 application to a connection: for what comes as one, such as the MCP SDK and the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import unquote

from fairlead.expose.connection import Connection, Handler
from fairlead.expose.http import Request

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


def asgi_handler(app: AsgiApp) -> Handler:
    """The handler that runs an application; its task is cancelled when the caller goes away."""

    async def handle(request: Request, connection: Connection) -> None:
        messages: list[Message] = [{"type": "http.request", "body": request.body, "more_body": False}]
        whole: list[bool] = []

        async def receive() -> Message:
            if messages:
                return messages.pop()
            await asyncio.get_running_loop().create_future()  # until the task is cancelled
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in message["headers"])
                connection.start(message["status"], headers)
            else:
                more = message.get("more_body", False)
                connection.write(message.get("body", b""), more=more)
                if not more:
                    whole.append(True)
                await connection.drained()

        await app(_scope(request), receive, send)
        if not whole:
            connection.abort()  # so that half an answer does not look like a whole one

    return handle


def _scope(request: Request) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(request.path),
        "raw_path": request.path.encode("latin-1"),
        "query_string": request.query,
        "root_path": "",
        "headers": request.headers,
        "client": (request.remote, 0),
        "server": None,
        "state": {},
    }
