"""How many calls of an upstream run at once, and who waits."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fairlead.errors import UpstreamBusy


@dataclass(slots=True)
class Limit:
    """At most `ceiling` calls run; at most `max_waiting` wait, and the first to come is the first to run.

    Whoever finds `running < ceiling` and an empty `queue` may count itself into `running` without `enter`: the
    common case costs no coroutine. Everyone who runs calls `leave`, once. `note` is told how many run and wait;
    `apart` counts those who wait for something else than a turn.
    """

    ceiling: int
    max_waiting: int
    note: Callable[[int, int], None]
    running: int = 0
    queue: OrderedDict[asyncio.Future[bool], None] = field(default_factory=OrderedDict)
    apart: int = 0

    @property
    def waiting(self) -> int:
        """How many calls wait, in the queue or apart from it."""
        return len(self.queue) + self.apart

    async def enter(self, seconds: float) -> None:
        """Wait for a turn, at most this long; raises UpstreamBusy when there is none to be had.

        Who is cancelled while waiting takes no turn from those behind.
        """
        if self.running < self.ceiling and not self.queue:
            self.running += 1
            self._note()
            return
        self._refuse_when_full()
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[bool] = loop.create_future()
        self.queue[turn] = None
        self._admit()
        self._note()
        timer = loop.call_later(max(0.0, seconds), _expire, turn)
        try:
            if await turn:
                return
        except asyncio.CancelledError:
            # The turn may have come in the same step of the loop; then it goes on to the next.
            if turn.done() and not turn.cancelled() and turn.result():
                self.leave()
            raise
        finally:
            timer.cancel()
            self.queue.pop(turn, None)
            self._note()
        raise _busy()

    def leave(self) -> None:
        """End a call; the next in the queue runs."""
        self.running -= 1
        if self.queue:
            self._admit()
        self._note()

    def allow(self, ceiling: int) -> None:
        """Change how many may run; those who run already go on."""
        self.ceiling = ceiling
        if self.queue:
            self._admit()

    @contextmanager
    def waiting_apart(self) -> Iterator[None]:
        """Count among those who wait while something else than a turn is waited for; raises UpstreamBusy."""
        self._refuse_when_full()
        self.apart += 1
        self._note()
        try:
            yield
        finally:
            self.apart -= 1
            self._note()

    def _admit(self) -> None:
        while self.queue and self.running < self.ceiling:
            turn, _ = self.queue.popitem(last=False)
            if not turn.done():  # else its owner is about to leave the queue
                self.running += 1
                turn.set_result(True)

    def _note(self) -> None:
        self.note(self.running, self.waiting)

    def _refuse_when_full(self) -> None:
        if self.waiting >= self.max_waiting:
            raise _busy()


def _expire(turn: asyncio.Future[bool]) -> None:
    if not turn.done():
        turn.set_result(False)


def _busy() -> UpstreamBusy:
    return UpstreamBusy("As many calls of the upstream as this server allows are running and waiting.", retry_after=1)
