"""An upstream of raw sockets on the test's own loop, where nothing is polite by itself."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
HEAD = b"HTTP/1.1 200 OK\r\n"
MEGABYTE = 1024 * 1024
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Raw:
    """What an upstream was asked, as bytes, and how many callers came and went away."""

    url: str = ""
    asked: list[bytes] = field(default_factory=list)
    came: int = 0
    left: int = 0

    def target(self) -> str:
        """The target of the last request."""
        return self.asked[-1].split(b" ")[1].decode()


def saying(*parts: bytes) -> Answer:
    """Answer with these bytes."""

    async def say(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return say


def then_closing(part: bytes) -> Answer:
    """Answer with these bytes and close the connection."""

    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(part)
        writer.close()

    return say


def endless(start: bytes, part: bytes) -> Answer:
    """Begin an answer, and repeat one part until the caller is gone or has taken far too much."""
    return saying(start, *[part] * (512 * MEGABYTE // len(part)))


@asynccontextmanager
async def upstream(answer: Answer, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Raw]:
    """An upstream that gives one answer to every request."""
    raw, writers = Raw(), []
    running: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.append(asyncio.current_task())
        writers.append(writer)
        raw.came += 1
        try:
            while True:
                raw.asked.append(await _request(reader))
                await answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            raw.left += 1
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    raw.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield raw
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*filter(None, running), return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    return head + await reader.readexactly(int(length.partition(b":")[2]))
