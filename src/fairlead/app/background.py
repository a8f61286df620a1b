"""Tasks that run beside what a server does, and end with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TypeAlias

Start: TypeAlias = Callable[[Coroutine[None, None, None]], None]


@asynccontextmanager
async def background() -> AsyncIterator[Start]:
    """What starts tasks; those that still run when the context ends are cancelled, and one that fails ends it."""
    started: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as tasks:

        def start(work: Coroutine[None, None, None]) -> None:
            task = tasks.create_task(work)
            started.add(task)
            task.add_done_callback(started.discard)

        try:
            yield start
        finally:
            for task in tuple(started):
                task.cancel()
