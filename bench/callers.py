"""Callers of every kind at once, for as long as a soak takes: what a gateway meets in production, compressed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count, cycle, repeat
from urllib.parse import urlsplit
from uuid import UUID

from bench.peers import Peer, request
from bench.slow_upstream import BUSY_ORGANIZATION
from bench.upstream import DIFFERING, ORGANIZATION

DIFFERENT, IDENTICAL, TOOLS, REFUSED, LEAVING = "different", "identical", "tools/call", "refused", "abandoned"
# A caller that leaves does so while the upstream still thinks.
_PATIENCE = 0.005
_PAUSE = 0.01
_UNKNOWN_ORGANIZATION = str(UUID(int=1))


@dataclass(slots=True)
class Tally:
    """How many calls of each kind were answered as they should be, and how many were not."""

    expected: Counter[str] = field(default_factory=Counter)
    unexpected: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Callers that do the same; `succeeds` says what they should be answered, `pause` how long each then rests."""

    name: str
    callers: int
    url: str
    requests: Iterator[bytes]
    succeeds: bool = True
    pause: float = 0.0


@asynccontextmanager
async def calling(rest: Peer, mcp: Peer) -> AsyncIterator[Tally]:
    """Every kind of caller, busy until the context ends."""
    tally = Tally()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_leave(kind, tally) if kind.name == LEAVING else _call(kind, tally))
            for kind in _kinds(rest, mcp)
            for _ in range(kind.callers)
        ]
        yield tally
        for task in tasks:
            task.cancel()


def _kinds(rest: Peer, mcp: Peer) -> Iterator[_Kind]:
    page = request(rest)
    yield _Kind(name=DIFFERENT, callers=20, url=rest.url, requests=_numbered(page, 1))
    yield _Kind(name=IDENTICAL, callers=10, url=rest.url, requests=repeat(page))
    yield _Kind(name=TOOLS, callers=4, url=mcp.url, requests=_numbered(request(mcp), 2))
    refused = (
        page.replace(b"/v1/", b"/v0/"),
        page.replace(b"pageSize=7", b"pageSize=many"),
        page.replace(ORGANIZATION.encode(), _UNKNOWN_ORGANIZATION.encode()),
        page.replace(ORGANIZATION.encode(), BUSY_ORGANIZATION.encode()),
    )
    yield _Kind(name=REFUSED, callers=2, url=rest.url, requests=cycle(refused), succeeds=False, pause=_PAUSE)
    yield _Kind(name=LEAVING, callers=4, url=rest.url, requests=_numbered(page, 3), pause=_PAUSE)


def _numbered(template: bytes, first_digit: int) -> Iterator[bytes]:
    """The request again and again, each time with another number; kinds differ in its first digit."""
    zeros = DIFFERING.encode()
    return (template.replace(zeros, b"%d" % number) for number in count(first_digit * 10 ** (len(zeros) - 1)))


async def _call(kind: _Kind, tally: Tally) -> None:
    """Call on one connection, and on a new one whenever it was closed."""
    while True:
        reader, writer = await _connect(kind)
        try:
            while True:
                writer.write(next(kind.requests))
                status = await _read_answer(reader)
                (tally.expected if (status < 400) == kind.succeeds else tally.unexpected)[kind.name] += 1
                await asyncio.sleep(kind.pause)
        except (OSError, EOFError):
            tally.unexpected[kind.name] += 1
        finally:
            writer.close()


async def _leave(kind: _Kind, tally: Tally) -> None:
    """Call, and close the connection before the answer can be there."""
    while True:
        _, writer = await _connect(kind)
        writer.write(next(kind.requests))
        await asyncio.sleep(_PATIENCE)
        writer.close()
        tally.expected[kind.name] += 1
        await asyncio.sleep(kind.pause)


async def _connect(kind: _Kind) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    place = urlsplit(kind.url)
    return await asyncio.open_connection(place.hostname, place.port)


async def _read_answer(reader: asyncio.StreamReader) -> int:
    """Read one whole answer; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    _, _, declared = head.lower().partition(b"content-length:")
    await reader.readexactly(int(declared.partition(b"\r\n")[0]))
    return int(head.split(b" ", 2)[1])
