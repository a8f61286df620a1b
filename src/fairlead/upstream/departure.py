"""What becomes of a call when its caller goes away: it ends, unless somebody else waits for its answer too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import ContextVar


class Departure:
    """One caller's way out. `stays` tells whether `task`, which serves the caller, must go on without it.

    Whoever notices that the caller has left asks it, and cancels the task only when it says no.
    """

    __slots__ = ("stays", "task")

    def __init__(self) -> None:
        self.stays: Callable[[], bool] | None = None
        self.task: asyncio.Task[None] | None = None

    def ends(self) -> bool:
        """Whether the caller's task is to be cancelled now."""
        return self.stays is None or not self.stays()


departing: ContextVar[Departure | None] = ContextVar("fairlead_departure", default=None)
"""The departure of the caller that the current task serves; None where nobody asks before a task is cancelled."""
