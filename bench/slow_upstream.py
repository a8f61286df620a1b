"""An upstream that takes its time and counts its calls; `python -m bench.slow_upstream PORT PAGE MILLISECONDS`.

It answers the page of events at its path, 503 to an organization of zeros, 404 to any other, and its count at /calls.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import cast

import uvloop

from bench.upstream import PATH

BUSY_ORGANIZATION = "00000000-0000-0000-0000-000000000000"


class Answers:
    """What every connection shares: the answers, and how many calls came."""

    def __init__(self, page: bytes, delay: float) -> None:
        self.calls = 0
        self.delay = delay
        self._page = _answer(b"200 OK", page)

    def to(self, target: bytes) -> bytes:
        """The answer to a request for this target."""
        if target.startswith(f"{PATH}?".encode()):
            return self._page
        if BUSY_ORGANIZATION.encode() in target:
            return _answer(b"503 Service Unavailable", b'{"message":"busy"}')
        return _answer(b"404 Not Found", b'{"message":"unknown"}')


class SlowProtocol(asyncio.Protocol):
    """One connection: answers each GET after a while."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        *heads, self._received = (self._received + data).split(b"\r\n\r\n")
        for head in heads:
            target = head.split(b" ", 2)[1]
            if target == b"/calls":
                self._transport.write(_answer(b"200 OK", str(self._answers.calls).encode()))
            else:
                self._answers.calls += 1
                loop = asyncio.get_running_loop()
                loop.call_later(self._answers.delay, self._transport.write, self._answers.to(target))


def _answer(status: bytes, body: bytes) -> bytes:
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


async def serve(port: int, answers: Answers) -> None:
    """Answer until the process ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SlowProtocol(answers), "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Answers(Path(sys.argv[2]).read_bytes(), int(sys.argv[3]) / 1e3)))
