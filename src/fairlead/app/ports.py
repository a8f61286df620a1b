"""Addresses to serve on: bound before anything is served, and drained when a signal says so."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

from fairlead.errors import CannotListen
from fairlead.expose.asgi import asgi_handler
from fairlead.expose.connection import Handler
from fairlead.expose.limits import Limits
from fairlead.expose.server import Server, listening
from fairlead.sandbox.app import create_app
from fairlead.sandbox.options import SandboxOptions
from fairlead.settings import Settings

_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class SandboxServing:
    """A sandbox that answers: its address, and the server behind it."""

    url: str
    server: Server = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listeners:
    """The bound sockets of a gateway."""

    rest: socket.socket
    mcp: socket.socket


def port(handler: Handler, listener: socket.socket, settings: Settings) -> AbstractAsyncContextManager[Server]:
    """Serve on a bound socket within the bounds of the settings."""
    limits = Limits(
        max_connections=settings.max_connections,
        max_request_bytes=settings.max_request_bytes,
        header_timeout=settings.header_timeout,
        body_timeout=settings.read_timeout,
        write_timeout=settings.read_timeout,
    )
    return listening(handler, listener, limits, grace=settings.grace_period, clock=time.time)


@contextlib.contextmanager
def bound(host: str, port: int, flag: str, *, shared: bool = False) -> Iterator[socket.socket]:
    """A socket that listens on an address; raises CannotListen, naming the flag that takes another port.

    `shared` lets other such sockets of this user listen on the same address.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as failure:
        raise CannotListen(
            f"`{host}` is no address to serve on.", remedy="Try `--host 127.0.0.1`.", port=port
        ) from failure
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            listener.bind(address)
            # Two sockets may be bound to one port; only one may listen, so the second is refused here.
            listener.listen(_BACKLOG)
        except OSError as failure:
            raise _cannot_listen(host, port, flag, failure) from failure
        yield listener


@contextlib.contextmanager
def bound_together(host: str, port: int, flag: str, count: int) -> Iterator[tuple[socket.socket, ...]]:
    """Sockets that listen on one address, over which the system spreads its connections; raises CannotListen."""
    with bound(host, port, flag):
        pass  # another server of this user that shares the address as well would not be noticed below
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(bound(host, port, flag, shared=True))]
        taken = listeners[0].getsockname()[1]
        listeners += [stack.enter_context(bound(host, taken, flag, shared=True)) for _ in range(count - 1)]
        yield tuple(listeners)


def _cannot_listen(host: str, port: int, flag: str, failure: OSError) -> CannotListen:
    if failure.errno == errno.EADDRINUSE:
        remedy = f"Stop what uses it, or take any free port with `{flag} 0`."
        return CannotListen(f"Port {port} on {host} is in use.", remedy=remedy, port=port)
    if failure.errno == errno.EADDRNOTAVAIL:
        remedy = "Try `--host 127.0.0.1`."
        return CannotListen(f"`{host}` is no address of this machine.", remedy=remedy, port=port)
    message = f"Port {port} on {host} cannot be used: {failure.strerror}."
    return CannotListen(message, remedy=f"Take any free port with `{flag} 0`.", port=port)


def address_of(listener: socket.socket, host: str) -> str:
    """The URL a bound socket is reached at from this machine."""
    name = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{listener.getsockname()[1]}"


def stop_on_signal(servers: Sequence[Server], behind: Sequence[Server] = ()) -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets, and lets the servers drain; a second one ends them at once.

    `behind` are servers that the calls in flight still need: only the second signal reaches them.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            for server in (*servers, *behind):
                server.abort()
        for server in servers:
            server.drain()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop


def reload_or_end(reload: Callable[[], None]) -> Callable[[], None]:
    """What SIGHUP is to do: reload, or end a server whose terminal was closed, which sends the same signal."""
    attended = os.isatty(0)

    def hung_up() -> None:
        if attended and not os.isatty(0):
            os.kill(os.getpid(), signal.SIGTERM)
        else:
            reload()

    return hung_up


def reload_on_signal(reload: Callable[[], None]) -> None:
    """Call a function with every SIGHUP from now on, and for one that was held back until now."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


@asynccontextmanager
async def sandbox_serving(
    options: SandboxOptions, settings: Settings, *, number: int, flag: str = "--sandbox-port"
) -> AsyncIterator[SandboxServing]:
    """Serve the sandbox on loopback."""
    with bound("127.0.0.1", number, flag) as listener:
        async with sandbox_port(options, settings, listener) as server:
            yield SandboxServing(address_of(listener, "127.0.0.1"), server)


def sandbox_port(
    options: SandboxOptions, settings: Settings, listener: socket.socket
) -> AbstractAsyncContextManager[Server]:
    """Serve the sandbox on a bound socket."""
    return port(asgi_handler(create_app(options, time.time)), listener, settings)
