"""The sandbox bound to ASGI."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import cast

from fairlead.sandbox.options import SandboxOptions
from fairlead.sandbox.replies import Request, Response
from fairlead.sandbox.routes import Answer, respond, sandbox

Message = MutableMapping[str, object]
Scope = MutableMapping[str, object]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
_CLOCK_AHEAD = 90.0


def create_app(options: SandboxOptions, clock: Callable[[], float]) -> Application:
    """An ASGI 3 application that stands in for the upstream; `clock` tells Unix seconds, per request."""
    start = clock()
    shift = (options.now if options.now is not None else start) - start
    if "clock-ahead" in options.faults:
        shift += _CLOCK_AHEAD
    state = sandbox(options, start + shift)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            response = await _found(respond(state, _request(scope), clock() + shift), receive)
            if response is not None:
                await _send(response, send)

    return application


async def _found(search: Answer, receive: Receive) -> Response | None:
    """The response, or None if the caller left a long search before its end."""
    try:
        next(search)
    except StopIteration as end:
        return cast("Response", end.value)
    async with asyncio.TaskGroup() as group:
        gone = group.create_task(_gone(receive))
        response = await _patiently(search, gone)
        gone.cancel()
    return response


async def _patiently(search: Answer, gone: asyncio.Task[None]) -> Response | None:
    while True:
        await asyncio.sleep(0)
        if gone.done():
            return None
        try:
            next(search)
        except StopIteration as end:
            return cast("Response", end.value)


async def _gone(receive: Receive) -> None:
    # Some test harnesses answer `receive` at once, again and again; they must not starve the search.
    while (await receive())["type"] != "http.disconnect":  # noqa: ASYNC110
        await asyncio.sleep(0)


def _request(scope: Mapping[str, object]) -> Request:
    headers = cast("list[tuple[bytes, bytes]]", scope["headers"])
    path = scope.get("raw_path") or cast("str", scope["path"]).encode()
    hosts = [value for name, value in headers if name == b"host"]
    return Request(
        method=cast("str", scope["method"]),
        path=cast("bytes", path),
        query=cast("bytes", scope.get("query_string", b"")),
        authorizations=tuple(value.decode("latin-1") for name, value in headers if name == b"authorization"),
        host=hosts[0].decode("latin-1") if hosts else "",
    )


async def _send(response: Response, send: Send) -> None:
    headers = [(name.encode(), value.encode()) for name, value in response.headers]
    headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    if response.pause:
        half = len(response.body) // 2
        await send({"type": "http.response.body", "body": response.body[:half], "more_body": True})
        await asyncio.sleep(response.pause)
        await send({"type": "http.response.body", "body": response.body[half:]})
        return
    await send({"type": "http.response.body", "body": response.body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
