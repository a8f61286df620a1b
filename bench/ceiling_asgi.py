"""The least a gateway over ASGI can do: forward one fixed request and give its body back, for `uvicorn` to serve."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ry import Client

_URL, _AUTHORIZATION = os.environ["BENCH_URL"], os.environ["BENCH_AUTHORIZATION"]
_clients: list[Client] = []


async def app(
    _scope: MutableMapping[str, Any], _receive: object, send: Callable[[dict[str, object]], Awaitable[None]]
) -> None:
    """Answer every request with the upstream's page."""
    if not _clients:
        # The client belongs to the loop that serves, so it is made on the first request.
        _clients.append(Client(redirect=None, referer=False))
    answer = await _clients[0].get(_URL, headers={"Authorization": _AUTHORIZATION})
    body = bytes(await answer.bytes())
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
