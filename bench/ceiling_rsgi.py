"""The least a gateway over RSGI can do: forward one fixed request and give its body back, for `granian` to serve."""

from __future__ import annotations

import asyncio
import os
from typing import Protocol

from ry import Client

_URL, _AUTHORIZATION = os.environ["BENCH_URL"], os.environ["BENCH_AUTHORIZATION"]


class Answering(Protocol):
    """What of granian's protocol object is used."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Send the whole answer."""


class App:
    """The application, with one client for as long as it serves."""

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._client = Client(redirect=None, referer=False)

    async def __rsgi__(self, scope: object, protocol: Answering) -> None:
        answer = await self._client.get(_URL, headers={"Authorization": _AUTHORIZATION})
        body = bytes(await answer.bytes())
        protocol.response_bytes(answer.status, [("content-type", "application/json")], body)


app = App()
