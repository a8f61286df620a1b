"""How something that runs on and on is asked to stop."""

from __future__ import annotations

import asyncio
import signal

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


def stop_once() -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets; the second one ends the process as if nobody listened."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        for number in _NUMBERS:
            loop.remove_signal_handler(number)

    for number in _NUMBERS:
        loop.add_signal_handler(number, on_signal)
    return stop


async def stopped_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait until the event is set, so long at most; whether it is."""
    try:
        async with asyncio.timeout(seconds):
            return await stop.wait()
    except TimeoutError:
        return stop.is_set()
