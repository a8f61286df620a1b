"""How something that runs on and on is asked to stop."""

from __future__ import annotations

import asyncio
import os
import signal


def stop_once() -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets; the second one ends the process at once.

    What writes is safe at any moment: a transaction, or a file, that is not complete never was.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    return stop


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait until the event is set, so long at most; whether it is."""
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return stop.is_set()
