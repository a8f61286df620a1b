"""One connection of a caller: HTTP/1.1 on an asyncio transport, parsed by llhttp, every size and every wait bounded.

Written here rather than taken from an ASGI server because a gateway needs what ASGI has no word for: the path as it
was sent, a refusal for every bound in the form of our problems, an end of the call when its caller goes away, and
one write for one answer.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeAlias, cast

import httptools

from fairlead.errors import (
    FairleadError,
    HeadersTooLarge,
    Overloaded,
    RequestMalformed,
    RequestTimedOut,
    RequestTooLarge,
)
from fairlead.expose.http import Answer, Request, Response, problem_response, request_target
from fairlead.expose.limits import Limits
from fairlead.expose.problems import internal_error
from fairlead.expose.records import record_fault
from fairlead.upstream.departure import Departure, departing

Handler: TypeAlias = Callable[[Request, "Connection"], Awaitable[None]]

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BODILESS = frozenset({204, 304})
# What of a request has come so far.
_NOTHING, _HEAD, _BODY = range(3)
_MOST_WAITING = 16
_LINGER = 2.0
_LEAST_PROGRESS = 64 * 1024


class Port:
    """What the connections of one port share. `handler` may be replaced while it serves; `date` is the header's."""

    __slots__ = ("connections", "date", "draining", "empty", "handler", "limits", "loop")

    def __init__(self, handler: Handler, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self.handler = handler
        self.limits = limits
        self.loop = loop
        self.connections: set[Connection] = set()
        self.draining = False
        self.date = ""
        self.empty = asyncio.Event()

    def left(self, connection: Connection) -> None:
        """Forget a connection that ended."""
        self.connections.discard(connection)
        if not self.connections:
            self.empty.set()


class Connection(asyncio.Protocol):
    """Reads requests, has each answered by the port's handler in a task of its own, one after the other.

    A caller that goes away ends the task of its request.
    """

    __slots__ = (
        "_body",
        "_chunked",
        "_departure",
        "_head",
        "_head_bytes",
        "_headers",
        "_keep_alive",
        "_lingering",
        "_parser",
        "_paused",
        "_port",
        "_reading",
        "_refusal",
        "_resumed",
        "_size",
        "_started",
        "_surplus",
        "_target",
        "_task",
        "_transport",
        "_unsent",
        "_waiting",
        "deadline",
        "remote",
    )  # fmt: skip

    def __init__(self, port: Port) -> None:
        self._port = port
        self._transport: asyncio.Transport
        self._parser = httptools.HttpRequestParser(self)
        self._task: asyncio.Task[None] | None = None
        self._departure = Departure()
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._refusal: FairleadError | None = None
        self._resumed: asyncio.Future[None] | None = None
        self._lingering = self._paused = self._surplus = False
        self._keep_alive = True
        self._head = self._started = self._chunked = False
        self.deadline = math.inf
        self.remote = ""
        self._begin()

    def _begin(self) -> None:
        """Forget the last request: nothing of the next one has come yet."""
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._head_bytes = 0
        self._reading = _NOTHING

    # The transport's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection into the port's count; one too many is told so with its first request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        peer = transport.get_extra_info("peername")
        self.remote = peer[0] if isinstance(peer, tuple) else ""
        self.deadline = self._port.loop.time() + self._port.limits.header_timeout
        self._port.connections.add(self)
        self._surplus = len(self._port.connections) > self._port.limits.max_connections

    def data_received(self, data: bytes) -> None:
        """Parse what came; a request that cannot be parsed is refused, and the connection closed after it."""
        if self._refusal is not None or self._lingering:
            return
        # Empty lines before a request are not its beginning, and buy no further time.
        if self._reading == _NOTHING and self._task is None and not self._head_bytes:
            self.deadline = self._port.loop.time() + self._port.limits.header_timeout
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._keep_alive = False  # answered as plain HTTP/1.1, which an upgrade may always be
        except httptools.HttpParserError as failure:
            cause = failure.__context__
            self._refuse(cause if isinstance(cause, FairleadError) else RequestMalformed("This is not HTTP/1.1."))
            return
        if self._head_bytes > self._port.limits.max_header_bytes:
            self._refuse(self._too_long())

    def eof_received(self) -> bool:
        """The caller sends no more: as other gateways do, take it as gone."""
        return False

    def connection_lost(self, _exc: Exception | None) -> None:
        """End the request nobody waits for any more."""
        self._waiting.clear()
        if self._task is not None and self._departure.ends():
            self._task.cancel()
        self._port.left(self)

    def pause_writing(self) -> None:
        """The caller reads slower than we write: it has a bounded time to catch up."""
        self._paused = True
        self._unsent = self._transport.get_write_buffer_size()
        self.deadline = self._port.loop.time() + self._port.limits.write_timeout

    def resume_writing(self) -> None:
        """The caller has caught up."""
        self._paused = False
        self.deadline = math.inf
        if self._resumed is not None and not self._resumed.done():
            self._resumed.set_result(None)
        if self._task is None:
            self._next()

    # The parser's side.

    def on_message_begin(self) -> None:
        """Start the next request."""
        self._reading = _HEAD

    def on_url(self, url: bytes) -> None:
        """Take a part of the request's target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; white space around its value is no part of it (RFC 9110, section 5.5).

        What comes after the body (RFC 9110, section 6.5) is none: nothing that was checked may change any more.
        """
        if self._reading == _BODY:
            return
        self._headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """Refuse what is too large before it is read, and let a caller that asks first send its body."""
        self._reading = _BODY
        limits, size, hosts, expects = self._port.limits, 0, 0, False
        for name, value in self._headers:
            size += len(name) + len(value)
            if name == b"host":
                hosts += 1
            elif name == b"content-length" and int(value) > limits.max_request_bytes:
                raise self._too_large()
            elif name == b"expect":
                expects = value.lower() == b"100-continue"
        if size > limits.max_header_bytes:
            raise self._too_long()
        if hosts > 1:
            raise RequestMalformed("There is more than one Host header.")
        if self._parser.get_http_version() not in {"1.0", "1.1"}:
            raise RequestMalformed("This is not HTTP/1.1.")
        if self._task is None:
            self.deadline = self._port.loop.time() + self._port.limits.body_timeout
            if expects:
                self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Take a part of the body; what comes between its parts is bounded like a head."""
        self._head_bytes = 0
        self._size += len(body)
        if self._size > self._port.limits.max_request_bytes:
            raise self._too_large()
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A whole request is there: answer it, or after those before it."""
        path, query, headers = request_target(self._target, self._headers)
        body = b"".join(self._body) if self._body else b""
        method = self._parser.get_method().decode("latin-1")
        request = Request(method, path, query, headers, body, self.remote)
        self._waiting.append((request, self._parser.should_keep_alive()))
        self._begin()
        if self._task is None and not self._paused:
            self._next()
        elif len(self._waiting) == _MOST_WAITING:
            self._transport.pause_reading()

    # Answering.

    def _next(self) -> None:
        """Start the next request that waits, or rest until one comes."""
        if self._waiting:
            request, keep_alive = self._waiting.popleft()
            self._keep_alive = keep_alive and self._keep_alive
            self._head = request.method == "HEAD"
            self._started = False
            self.deadline = math.inf
            self._task = self._departure.task = self._port.loop.create_task(self._answer(request))
            if len(self._waiting) == _MOST_WAITING - 1:
                self._transport.resume_reading()
        elif self._refusal is not None:
            self._answer_refusal(self._refusal)
        elif self._port.draining:
            self._transport.close()
        else:
            limits = self._port.limits
            wait = (limits.idle_timeout, limits.header_timeout, limits.body_timeout)[self._reading]
            self.deadline = self._port.loop.time() + wait

    async def _answer(self, request: Request) -> None:
        departing.set(self._departure)
        try:
            if self._surplus:
                raise Overloaded("This server has as many connections as it takes.", retry_after=1)
            await self._port.handler(request, self)
        except FairleadError as error:
            self._fail(error)
        except asyncio.CancelledError:
            self._transport.abort()
            raise
        except Exception as fault:  # noqa: BLE001 - the outermost adapter: nobody else can answer
            record_fault("http", request.method, fault)
            self._fail(internal_error())
        self._task = None
        if self._transport.is_closing():
            return
        if not self._keep_alive:
            self._linger()
        elif not self._paused:
            self._next()

    def _fail(self, error: FairleadError) -> None:
        if self._started:
            self._transport.abort()  # half an answer must not look like a whole one
        else:
            self.respond(problem_response(error), last=self._surplus)

    def respond(self, response: Response, *, last: bool = False) -> None:
        """Write a whole answer; `last` closes the connection after it."""
        if self._transport.is_closing():
            return
        self._keep_alive = self._keep_alive and not last
        length = len(response.body)
        framing = "" if response.status in _BODILESS else f"content-length: {length}\r\n"
        head = self._head_of(response.status, response.headers, framing)
        self._started = True
        self._transport.write(head if self._head or not length else head + response.body)

    def start(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        """Write the head of an answer that comes in parts; without a length it is chunked, where HTTP can."""
        names = {name for name, _ in headers}
        self._chunked = "content-length" not in names and status not in _BODILESS
        framing = "transfer-encoding: chunked\r\n" if self._chunked else ""
        self._started = True
        self._transport.write(self._head_of(status, headers, framing))

    def write(self, part: bytes, *, more: bool) -> None:
        """Write a part of an answer's body."""
        if self._head:
            return
        if not self._chunked:
            self._transport.write(part)
            return
        chunk = b"%x\r\n%b\r\n" % (len(part), part) if part else b""
        self._transport.write(chunk if more else chunk + b"0\r\n\r\n")

    async def drained(self) -> None:
        """Wait until the caller has read most of what was written."""
        if self._paused:
            self._resumed = self._port.loop.create_future()
            await self._resumed

    def _head_of(self, status: int, headers: tuple[tuple[str, str], ...], framing: str) -> bytes:
        self._keep_alive = self._keep_alive and not self._port.draining
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
        if lines.count("\n") != len(headers):
            raise ValueError("a header of an answer holds a line break")
        line = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
        closing = "" if self._keep_alive else "connection: close\r\n"
        return f"{line}{lines}{framing}{closing}date: {self._port.date}\r\n\r\n".encode("latin-1", "replace")

    # Ending.

    def _refuse(self, error: FairleadError) -> None:
        """Answer no further request: this one cannot be read, so where the next begins is unknown."""
        self._refusal = error
        if self._task is None and not self._waiting:
            self._answer_refusal(error)

    def _answer_refusal(self, error: FairleadError) -> None:
        self._head = False
        self.respond(problem_response(error), last=True)
        self._linger()

    def _linger(self) -> None:
        """Close once the caller has read the answer: closing over what it still sends would tear the answer up."""
        self._lingering = True
        self.deadline = self._port.loop.time() + _LINGER
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def expire(self) -> None:
        """End what took longer than its deadline."""
        unsent = self._transport.get_write_buffer_size()
        if self._paused and unsent <= self._unsent - _LEAST_PROGRESS:
            # A thin line is no attack: the time is for each part of an answer, not for all of it.
            self._unsent = unsent
            self.deadline = self._port.loop.time() + self._port.limits.write_timeout
        elif self._lingering or unsent:
            self._transport.abort()
        elif self._reading == _NOTHING:
            self._transport.close()
        else:
            limits = self._port.limits
            part, seconds = (
                ("headers", limits.header_timeout) if self._reading == _HEAD else ("body", limits.body_timeout)
            )
            said = f"The {part} did not arrive within {seconds:g} seconds."
            self._refuse(RequestTimedOut(said, remedy="Send it again."))

    def finish(self) -> None:
        """Close as soon as nothing is being answered."""
        if self._task is None and not self._lingering and not self._paused:
            self._transport.close()

    def abort(self) -> None:
        """Close at once; the task of the request ends with it."""
        self._transport.abort()

    def _too_long(self) -> FairleadError:
        return HeadersTooLarge(f"The headers are larger than {self._port.limits.max_header_bytes:,} bytes.")

    def _too_large(self) -> FairleadError:
        return RequestTooLarge(f"The body is larger than {self._port.limits.max_request_bytes:,} bytes.")


def answering(answer: Answer) -> Handler:
    """The handler that writes what a function answers."""

    async def handle(request: Request, connection: Connection) -> None:
        connection.respond(await answer(request))

    return handle
