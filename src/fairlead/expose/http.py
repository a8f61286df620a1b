"""A small HTTP request and response, and the few lines that bind a function between them to ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from fairlead.errors import FairleadError, HeadersTooLarge, RequestMalformed, RequestTimedOut, RequestTooLarge
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


class Response(NamedTuple):
    """An answer; `content-length` is added when it is sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


Answer: TypeAlias = Callable[[Request], Awaitable[Response]]

_BODILESS = frozenset({"GET", "HEAD", "OPTIONS"})
# The servers bound one header or none; what agents and proxies send stays far below this.
_MOST_HEADER_BYTES = 64 * 1024


def problem_response(error: FairleadError) -> Response:
    """The REST answer for an error."""
    problem = to_problem(error)
    return Response(problem.status, problem.headers, problem.body)


def asgi(answer: Answer, *, max_request_bytes: int, body_timeout: float = 30.0) -> AsgiApp:
    """Bind an answering function to ASGI 3; whatever fails becomes a problem, and a record in the log.

    `body_timeout` is how many seconds a body may take to arrive.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
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
        if sum([len(name) + len(value) for name, value in scope["headers"]]) > _MOST_HEADER_BYTES:
            raise HeadersTooLarge(f"The headers are larger than {_MOST_HEADER_BYTES:,} bytes.")
        body = b"" if method in _BODILESS else await _body_within(receive, max_request_bytes, body_timeout)
        path = scope["raw_path"].decode("latin-1")
        return await answer(Request(method, path, scope["query_string"], scope["headers"], body))

    return app


async def _body_within(receive: Receive, limit: int, seconds: float) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            return await _body(receive, limit)
    except TimeoutError:
        raise RequestTimedOut(f"The body did not arrive within {seconds:g} seconds.", remedy="Send it again.") from None


async def _body(receive: Receive, limit: int) -> bytes:
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            # Half a body can be a whole one to a lenient reader, and nobody waits for the answer.
            raise RequestMalformed("The connection ended before the body was complete.")
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
