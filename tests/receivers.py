"""Receivers of forwarded events, over real sockets: a webhook that judges, and syslog over TCP, TLS and UDP."""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import serving
from fairlead.archive.forms.webhook import signing_key, verified
from fairlead.expose.asgi import Receive, Scope, Send

SECRET = "whsec_bm9ib2R5IGJ1dCB0aGUgcmVjZWl2ZXIga25vd3M="
Answer = tuple[int, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivery whose signature is good."""

    id: str
    organization: str
    events: list[dict[str, Any]]
    status: int


@dataclass(slots=True)
class Webhook:
    """A receiver of a webhook: `answer` judges the n-th delivery, n from 1, by its events."""

    answer: Callable[[int, list[dict[str, Any]]], Answer] = lambda _number, _events: (204, {})
    seen: list[Delivered] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        assert verified([signing_key(SECRET)], headers, body, int(time.time()))
        data = json.loads(body)["data"]
        assert data["event_ids"] == [event["id"] for event in data["events"]]
        status, answered = self.answer(len(self.seen) + 1, data["events"])
        self.seen.append(Delivered(headers["webhook-id"], data["organization_id"], data["events"], status))
        self.arrived.set()
        names = [(name.encode(), value.encode()) for name, value in answered.items()]
        await send({"type": "http.response.start", "status": status, "headers": names})
        await send({"type": "http.response.body", "body": b"" if status == 204 else b"so it is"})

    def accepted(self) -> list[str]:
        """The ids of the events of deliveries that were answered with 204, in order."""
        return [event["id"] for each in self.seen if each.status == 204 for event in each.events]


@contextlib.contextmanager
def webhook(**given: Any) -> Iterator[Webhook]:
    """A receiver on a free port."""
    made = Webhook(**given)
    with serving.upstream(made) as made.url:
        yield made


@dataclass(slots=True)
class Syslog:
    """What a syslog receiver got; connections before the last end after so many messages: `patience`."""

    port: int = 0
    patience: list[int] = field(default_factory=list)
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextlib.contextmanager
def syslog_stream(*patience: int, tls: ssl.SSLContext | None = None) -> Iterator[Syslog]:
    """A receiver of counted octets (RFC 6587) on a free port."""
    made = Syslog(patience=list(patience))

    class Handler(socketserver.StreamRequestHandler):
        rbufsize = 0  # what is not read stays with the system, which resets the connection for it

        def handle(self) -> None:
            made.connections += 1
            left = made.patience.pop(0) if made.patience else -1
            while left != 0 and (digits := self._until_space()):
                message = b""
                while len(message) < int(digits):
                    part = self.rfile.read(int(digits) - len(message))
                    if not part:
                        return
                    message += part
                with made.lock:
                    made.messages.append(message)
                left -= 1

        def _until_space(self) -> bytes:
            found = b""
            while (byte := self.rfile.read(1)) not in {b" ", b""}:
                found += byte
            return found

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def get_request(self) -> tuple[socket.socket, Any]:
            connection, address = super().get_request()
            return (tls.wrap_socket(connection, server_side=True) if tls else connection), address

        def shutdown_request(self, request: Any) -> None:
            request.close()

        def handle_error(self, request: object, client_address: object) -> None:
            """A caller that goes away is no news."""

    with Server(("127.0.0.1", 0), Handler) as server:
        made.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def syslog_datagrams() -> Iterator[Syslog]:
    """A receiver of datagrams on a free port; leaving it waits for the first pause."""
    made = Syslog()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        receiver.settimeout(0.05)
        made.port = receiver.getsockname()[1]
        yield made
        with contextlib.suppress(TimeoutError):
            while True:
                made.messages.append(receiver.recv(65_536))
