"""A child process of a server with workers: what it has of its parent, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Never

from fairlead.app.options import ServeOptions
from fairlead.app.ports import Listeners, reload_on_signal, sandbox_port
from fairlead.app.serving import serving
from fairlead.expose.server import Server

# The signals the parent hears of.
HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
_FAULT = 70


@dataclass(frozen=True, slots=True)
class Post:
    """A child's number, where it says that it is ready, and a pipe whose other end is open while its parent lives."""

    number: int
    _ready: int
    _parent: int
    _own_end: int

    def numbered(self, number: int) -> Post:
        """The post of the child of this number."""
        return replace(self, number=number)

    def say_ready(self) -> None:
        """Tell the parent that this child answers."""
        os.write(self._ready, bytes([self.number]))

    def until_told(self, servers: Sequence[Server]) -> asyncio.Event:
        """An event that SIGTERM and the end of the parent set; the servers drain with it."""
        told, loop = asyncio.Event(), asyncio.get_running_loop()

        def end() -> None:
            loop.remove_reader(self._parent)
            for server in servers:
                server.drain()
            told.set()

        loop.add_signal_handler(signal.SIGTERM, end)
        loop.add_reader(self._parent, end)
        return told

    def close_other_ends(self) -> None:
        """Give up what only the parent may hold."""
        os.close(self._own_end)


def become(post: Post, work: Callable[[Post], int], others: Sequence[int]) -> Never:
    """Be a child from now on: do its work and end with its status."""
    status = _FAULT
    try:
        signal.set_wakeup_fd(-1)
        # Ctrl-C reaches every process of a terminal; what follows from it is the parent's to say.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        for descriptor in others:
            os.close(descriptor)
        post.close_other_ends()
        status = work(post)
    finally:
        os._exit(status)


async def serve_as_worker(options: ServeOptions, listeners: Listeners, post: Post) -> None:
    """Serve on bound sockets until the parent says so, or is gone."""
    async with serving(options, listeners) as running:
        told = post.until_told(running.servers)
        reload_on_signal(running.reload)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        post.say_ready()
        await told.wait()


async def serve_sandbox(options: ServeOptions, listener: socket.socket, post: Post) -> None:
    """Serve the sandbox that the workers share until the parent says so, or is gone."""
    assert options.sandbox is not None
    async with sandbox_port(options.sandbox, options.settings, listener) as server:
        told = post.until_told((server,))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        post.say_ready()
        await told.wait()
