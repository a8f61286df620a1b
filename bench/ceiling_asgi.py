"""The least a gateway over ASGI can do: forward one fixed request and give its body back, for `uvicorn` to serve."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from pyreqwest.client import Client, ClientBuilder

_URL, _AUTHORIZATION = os.environ["BENCH_URL"], os.environ["BENCH_AUTHORIZATION"]
_clients: list[Client] = []


async def app(
    _scope: MutableMapping[str, Any], _receive: object, send: Callable[[dict[str, object]], Awaitable[None]]
) -> None:
    """Answer every request with the upstream's page."""
    if not _clients:
        # The client belongs to the loop that serves, so it is made on the first request.
        _clients.append(ClientBuilder().follow_redirects(False).referer(False).no_proxy().build())
    request = _clients[0].request("GET", _URL).header("Authorization", _AUTHORIZATION)
    async with request.build_streamed() as answer:
        body = bytes(await answer.bytes())
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
