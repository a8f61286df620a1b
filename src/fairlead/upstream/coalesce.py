"""Identical calls in flight share one call of the upstream."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fairlead.upstream.departure import departing
from fairlead.upstream.request import Call, Identity, UpstreamRequest, UpstreamResponse, identity


@dataclass(slots=True, eq=False)
class _SharedCall:
    """A call on its way: its task, who waits for it beside that task, and whether the task's own caller has left."""

    task: asyncio.Task[Any] | None = None
    waiters: set[asyncio.Future[UpstreamResponse]] = field(default_factory=set)
    left: bool = False

    def stays(self) -> bool:
        """Whether the call goes on without the caller that began it: while others wait for it."""
        self.left = bool(self.waiters)
        return self.left


@dataclass(slots=True)
class Coalescer:
    """Gives identical requests that are in flight at one time the same answer, or the same failure.

    A call belongs to all who wait for it: when the last of them leaves, it is cancelled. The caller that begins it
    runs it in its own task where its departure can be held up, which costs less than a task for the call.
    """

    call: Call
    note: Callable[[], None]
    _in_flight: dict[Identity, _SharedCall] = field(default_factory=dict)

    async def shared(self, request: UpstreamRequest) -> UpstreamResponse:
        """The answer to this request, made now or on its way already; never one that was complete before."""
        key = identity(request)
        shared = self._in_flight.get(key)
        if shared is not None:
            self.note()
            return await self._joined(key, shared)
        shared = self._in_flight[key] = _SharedCall()
        departure = departing.get()
        if departure is None or departure.stays is not None:
            shared.left = True
            shared.task = asyncio.get_running_loop().create_task(self._begun(key, shared, request))
            return await self._joined(key, shared)
        shared.task = departure.task
        departure.stays = shared.stays
        try:
            # Calls that are made in one round of the loop wake the client's thread once, and not one by one.
            await asyncio.sleep(0)
            return await self._run(key, shared, request)
        finally:
            departure.stays = None

    def detach(self) -> None:
        """Let calls in flight go on for those who wait for them, and nobody join them any more."""
        self._in_flight.clear()

    async def _joined(self, key: Identity, shared: _SharedCall) -> UpstreamResponse:
        waiter: asyncio.Future[UpstreamResponse] = asyncio.get_running_loop().create_future()
        shared.waiters.add(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            self._leave(key, shared, waiter)
            raise

    async def _begun(self, key: Identity, shared: _SharedCall, request: UpstreamRequest) -> None:
        # Every waiter has the failure, and handles it.
        with contextlib.suppress(Exception):
            await self._run(key, shared, request)

    async def _run(self, key: Identity, shared: _SharedCall, request: UpstreamRequest) -> UpstreamResponse:
        try:
            response = await self.call(request)
        except Exception as failure:
            # A future raises its exception with the traceback it had here, so that those of the callers do not add up.
            for waiter in self._ended(key, shared):
                waiter.set_exception(failure)
            raise
        except BaseException:
            for waiter in self._ended(key, shared):
                waiter.cancel()
            raise
        for waiter in self._ended(key, shared):
            waiter.set_result(response)
        return response

    def _ended(self, key: Identity, shared: _SharedCall) -> list[asyncio.Future[UpstreamResponse]]:
        """Those who still wait for a call that ended; whoever comes now begins another."""
        self._forget(key, shared)
        if not shared.waiters:
            return []
        waiters = [waiter for waiter in shared.waiters if not waiter.done()]
        shared.waiters.clear()
        return waiters

    def _leave(self, key: Identity, shared: _SharedCall, waiter: asyncio.Future[UpstreamResponse]) -> None:
        if waiter.done() and not waiter.cancelled():
            waiter.exception()  # Taken note of, so that asyncio does not report an error nobody saw.
        if waiter not in shared.waiters:
            return  # The call has ended.
        shared.waiters.discard(waiter)
        if not shared.waiters and shared.left and shared.task is not None:
            self._forget(key, shared)
            shared.task.cancel()

    def _forget(self, key: Identity, shared: _SharedCall) -> None:
        # After `detach` another call may have taken the place.
        if self._in_flight.get(key) is shared:
            del self._in_flight[key]
