"""Writes to the archive from a task that may be ended meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

Outcome = TypeVar("Outcome")


async def written(change: Callable[[], Outcome]) -> Outcome:
    """Do a change in a thread; a task that is cancelled meanwhile ends only when the change is done.

    Otherwise whoever comes next, to sign or to give the lease back, would race with it.
    """
    work = asyncio.ensure_future(asyncio.to_thread(change))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        if not work.cancelled():
            work.exception()  # it is told to nobody, and asyncio would complain about that
        raise
