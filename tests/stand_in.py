"""An upstream of a test's own making: one fixed answer, and a record of what it was asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import serving
from fairlead.expose.asgi import Receive, Scope, Send


@dataclass(slots=True)
class StandIn:
    """What to answer, and what was asked so far: request lines and headers.

    `hang` never answers; `gate` waits for `opened` before it does; `break_off` promises more than it sends.
    """

    status: int = 200
    body: bytes = b'{"events": []}'
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    hang: bool = False
    gate: bool = False
    break_off: bool = False
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        target = scope["raw_path"].decode() + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        self.asked.append((f"{scope['method']} {target}", headers))
        message = await receive()
        self.bodies.append(message.get("body", b""))
        self.arrived.set()
        if self.hang:
            await receive()  # returns when the caller goes away
            return
        if self.gate:
            await asyncio.to_thread(self.opened.wait, 20)
        names = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        if self.break_off:
            names.append((b"content-length", str(len(self.body) + 10).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": names})
        await send({"type": "http.response.body", "body": self.body, "more_body": self.break_off})


@contextmanager
def stand_in(**answer: object) -> Iterator[StandIn]:
    """A stand-in that answers on a free port."""
    made = StandIn(**answer)  # type: ignore[arg-type]
    with serving.upstream(made) as made.url:
        yield made
