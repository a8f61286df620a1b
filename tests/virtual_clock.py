"""Time for tests that goes on by itself: once everybody waits for it, it is the moment that the first one waits for."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any, TypeVar

from fairlead.upstream.clock import Clock

Outcome = TypeVar("Outcome")
_SETTLED = 60


class _Inline(ThreadPoolExecutor):
    """Does at once what would be done in a thread, so that nothing goes on unseen."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as failure:  # noqa: BLE001 - as an executor does
            done.set_exception(failure)
        return done


class VirtualClock:
    """A clock, and what moves it; `busy` counts what goes on outside of the loop, and holds it."""

    def __init__(self, wall: float) -> None:
        self.elapsed = 0.0
        self.busy = 0
        self._wall = wall
        self._numbers = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self.clock = Clock(now=lambda: self.elapsed, wall=lambda: self._wall + self.elapsed, sleep=self._sleep)

    async def _sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.elapsed + seconds, next(self._numbers), woken))
        await woken

    async def until(self, met: Callable[[], object], *, most: float = 7 * 86_400.0) -> None:
        """Let time go on until it is so."""
        end = self.elapsed + most
        while True:
            await self._settle()
            if met():
                return
            assert self._sleepers, "nobody waits for anything"
            moment, _, woken = heapq.heappop(self._sleepers)
            assert moment <= end, f"not so within {most:g} s"
            self.elapsed = max(self.elapsed, moment)
            if not woken.done():
                woken.set_result(None)

    async def advance(self, seconds: float) -> None:
        """Let so much time go on."""
        end = self.elapsed + seconds
        woken = asyncio.ensure_future(self._sleep(seconds))
        await self.until(lambda: self.elapsed >= end)
        await woken

    def jump(self, seconds: float) -> None:
        """Skip time that nobody lives through, as a machine that was switched off does."""
        self.elapsed += seconds

    async def _settle(self) -> None:
        quiet = 0
        while quiet < _SETTLED:
            await asyncio.sleep(0)
            quiet = 0 if self.busy else quiet + 1


def run_virtually(scenario: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Run a scenario on a loop of its own, in which no thread does anything unseen."""

    async def run() -> Outcome:
        asyncio.get_running_loop().set_default_executor(_Inline())
        return await scenario

    return asyncio.run(run())
