"""A TCP proxy between a gateway and its upstream whose faults a test switches; over real sockets, bounded in time."""

from __future__ import annotations

import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

# No test waits that long: it is what an upstream does that has forgotten us.
FOR_EVER = 30.0
_NO_LINGER = struct.pack("ii", 1, 0)
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSING = re.compile(rb"\r\nconnection: close", re.IGNORECASE)


@dataclass(slots=True)
class Exchange:
    """One request that reached the proxy: whom it came from, and which in number it is on its connection."""

    proxy: FaultProxy
    caller: socket.socket
    request: bytes
    number: int

    def answer(self) -> bytes:
        """The whole of the upstream's answer, as an answer on a connection that stays open."""
        place = urlsplit(self.proxy.upstream)
        asked = self.request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        with socket.create_connection((place.hostname, place.port), timeout=FOR_EVER) as upstream:
            upstream.sendall(asked)
            whole = b"".join(iter(lambda: upstream.recv(65_536), b""))
        return _CLOSING.sub(b"", whole, count=1)

    def send(self, data: bytes) -> None:
        """Send bytes to the caller."""
        self.caller.sendall(data)

    def pause(self, seconds: float) -> bool:
        """Do nothing for a while; whether the fault was lifted meanwhile."""
        return self.proxy.lifted.wait(seconds)

    def reset(self) -> None:
        """End the connection with RST in place of FIN."""
        self.caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.caller.close()

    def close(self) -> None:
        """End the connection in order, with FIN."""
        self.caller.close()


Fault: TypeAlias = Callable[[Exchange], None]


def healthy(exchange: Exchange) -> None:
    """Pass the answer on."""
    exchange.send(exchange.answer())


def late(seconds: float) -> Fault:
    """Pass the answer on after a while."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.answer()
        exchange.pause(seconds)
        exchange.send(answer)

    return fault


def stalled(exchange: Exchange) -> None:
    """Send the answer's headers and half of its body, and no more."""
    answer = exchange.answer()
    exchange.send(answer[: -(len(_body(answer)) // 2)])
    exchange.pause(FOR_EVER)


def trickle(seconds: float) -> Fault:
    """Send the answer one byte at a time, with a pause after each."""

    def fault(exchange: Exchange) -> None:
        for byte in exchange.answer():
            exchange.send(bytes((byte,)))
            exchange.pause(seconds)

    return fault


def reset_at_once(exchange: Exchange) -> None:
    """Take the request and end the connection with RST."""
    exchange.reset()


def reset_in_headers(exchange: Exchange) -> None:
    """RST in the middle of a header."""
    exchange.send(exchange.answer()[:30])
    exchange.reset()


def reset_in_body(exchange: Exchange) -> None:
    """RST in the middle of the body, once the first half of it was sent."""
    answer = exchange.answer()
    exchange.send(answer[: -(len(_body(answer)) // 2)])
    exchange.reset()


def reset_after(answers: int) -> Fault:
    """RST in place of every further answer on a connection that had this many."""

    def fault(exchange: Exchange) -> None:
        if exchange.number > answers:
            exchange.reset()
        else:
            healthy(exchange)

    return fault


def truncated(exchange: Exchange) -> None:
    """FIN in the middle of the body."""
    answer = exchange.answer()
    exchange.send(answer[: -(len(_body(answer)) // 2)])
    exchange.close()


def closed_unanswered(exchange: Exchange) -> None:
    """FIN in place of an answer."""
    exchange.close()


def half_open(exchange: Exchange) -> None:
    """Take the request and never say a word."""
    exchange.pause(FOR_EVER)


def slow_close(exchange: Exchange) -> None:
    """The whole answer, of a length that only the end of the connection would tell, and no end."""
    answer = _LENGTH.sub(b"", exchange.answer(), count=1)
    exchange.send(answer.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1))
    exchange.pause(FOR_EVER)


def saying(answer: bytes) -> Fault:
    """Whatever these bytes are, in place of an answer; then FIN."""

    def fault(exchange: Exchange) -> None:
        exchange.send(answer)
        exchange.close()

    return fault


def on_request(*numbers: int, fault: Fault) -> Fault:
    """The fault for the requests of these numbers, counted from 1 over all connections; the others pass."""
    count = iter(range(1, 1_000_000))

    def chosen(exchange: Exchange) -> None:
        (fault if next(count) in numbers else healthy)(exchange)

    return chosen


@dataclass(slots=True)
class FaultProxy:
    """Stands at `url` in front of `upstream`; every request that comes is treated as `fault` says at that moment."""

    upstream: str
    fault: Fault = healthy
    url: str = ""
    requests: int = 0
    connections: int = 0
    lifted: threading.Event = field(default_factory=threading.Event)
    _open: set[socket.socket] = field(default_factory=set)
    _listener: socket.socket | None = None
    _threads: list[threading.Thread] = field(default_factory=list)

    @contextmanager
    def broken(self, fault: Fault) -> Iterator[None]:
        """Have a fault for a while; what waits in it goes on when it is lifted."""
        self.lifted.clear()
        self.fault = fault
        try:
            yield
        finally:
            self.fault = healthy
            self.lifted.set()

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Have nobody listen, and every open connection closed."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Have packets vanish, as behind a firewall: a queue of connections that is full takes no further one."""
        self.stop()
        place = urlsplit(self.url)
        with contextlib.ExitStack() as stack:
            hole = stack.enter_context(_listening(place.port or 0, backlog=0))
            for _ in range(3):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(hole.getsockname())
            yield
        self.start()

    def start(self) -> None:
        """Listen, at the same place as before."""
        listener = _listening(urlsplit(self.url).port or 0 if self.url else 0, backlog=128)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._listener = listener
        self._begin(self._accept, listener)

    def stop(self) -> None:
        """Listen no more, and end every connection."""
        self.lifted.set()
        if self._listener is not None:
            _end(self._listener)
        for connection in list(self._open):
            _end(connection)
        for thread in self._threads:
            thread.join(timeout=FOR_EVER)
        self._threads.clear()

    def _begin(self, run: Callable[[socket.socket], None], sock: socket.socket) -> None:
        thread = threading.Thread(target=run, args=(sock,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # stopped
                self.connections += 1
                self._open.add(connection)
                self._begin(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        # A caller that left in the middle, and the stop of the proxy, are no faults of the test.
        with contextlib.suppress(OSError), connection:
            for number, request in enumerate(_requests(connection), 1):
                self.requests += 1
                self.fault(Exchange(self, connection, request, number))
                if connection.fileno() < 0:
                    break
        self._open.discard(connection)


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """A proxy in front of an upstream, healthy until a test says otherwise."""
    proxy = FaultProxy(upstream)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()


def _requests(connection: socket.socket) -> Iterator[bytes]:
    """The requests of a connection, each whole, until the caller closes it."""
    came = b""
    while True:
        while not (end := _end_of_request(came)):
            data = connection.recv(65_536)
            if not data:
                return
            came += data
        yield came[:end]
        came = came[end:]


def _end_of_request(came: bytes) -> int:
    head, found, rest = came.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    needed = int(length[1]) if length else 0
    return len(head) + 4 + needed if found and len(rest) >= needed else 0


def _body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def _listening(port: int, *, backlog: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(backlog)
    return listener


def _end(sock: socket.socket) -> None:
    # Only a shutdown wakes a thread that waits in the socket; the thread closes it.
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
