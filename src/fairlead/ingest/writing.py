"""Writes to the archive from a task that may be ended meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

Outcome = TypeVar("Outcome")


async def written(change: Callable[[], Outcome]) -> Outcome:
    """Do a change in a thread; a task that is cancelled meanwhile ends only when the change is done.

    Otherwise whoever comes next, to sign or to give the lease back, would race with it.
    """
    work = asyncio.get_running_loop().run_in_executor(None, copy_context().run, change)
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # it is told to nobody, and asyncio would complain about that
        raise
