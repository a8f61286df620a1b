"""A small HTTP request and response, and the few lines that bind a function between them to ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias

from fairlead.errors import FairleadError, RequestTooLarge
from fairlead.expose.problems import internal_error, to_problem
from fairlead.expose.records import record_fault

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...] | list[tuple[bytes, bytes]]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived: `path` still percent-encoded, header names in lower case."""

    method: str
    path: str
    query: bytes
    headers: Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: bytes) -> bytes | None:
        """The first header of this lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; `content-length` is added when it is sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


Answer: TypeAlias = Callable[[Request], Awaitable[Response]]

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})


def problem_response(error: FairleadError) -> Response:
    """The REST answer for an error."""
    problem = to_problem(error)
    return Response(problem.status, problem.headers, problem.body)


def asgi(answer: Answer, *, max_request_bytes: int) -> AsgiApp:
    """Bind an answering function to ASGI 3; whatever fails becomes a problem, and a record in the log."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        if scope["type"] != "http":
            return
        try:
            response = await _respond(scope, receive)
        except FairleadError as error:
            response = problem_response(error)
        except Exception as fault:  # noqa: BLE001 - the outermost adapter: nobody else can answer
            record_fault("http", scope["method"], fault)
            response = problem_response(internal_error())
        await send_response(response, send, head=scope["method"] == "HEAD")

    async def _respond(scope: Scope, receive: Receive) -> Response:
        method = scope["method"]
        body = b"" if method in _BODILESS else await _body(receive, max_request_bytes)
        path = scope["raw_path"].decode("latin-1")
        return await answer(Request(method, path, scope["query_string"], scope["headers"], body))

    return app


async def _body(receive: Receive, limit: int) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise RequestTooLarge(f"The body is larger than {limit:,} bytes.")
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


async def send_response(response: Response, send: Send, *, head: bool) -> None:
    """Send an answer; a HEAD request gets its headers only."""
    headers = [(_header_name(name), value.encode("latin-1", "replace")) for name, value in response.headers]
    if response.status != 204:
        headers.append((b"content-length", str(len(response.body)).encode()))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else response.body})


@lru_cache(maxsize=1_000)
def _header_name(name: str) -> bytes:
    return name.encode("latin-1")


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
