"""Identical calls in flight share one call of the upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from fairlead.upstream.request import Call, Identity, UpstreamRequest, UpstreamResponse, identity


@dataclass(slots=True, eq=False)
class _SharedCall:
    """A call on its way: its task, and who waits for it."""

    waiters: dict[asyncio.Future[UpstreamResponse], None] = field(default_factory=dict)
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Coalescer:
    """Gives identical requests that are in flight at one time the same answer, or the same failure.

    A call runs in a task of its own, because it outlives the caller that began it when others wait for it too. Its
    owners are those callers: when the last of them is cancelled, so is the call.
    """

    call: Call
    note: Callable[[], None]
    _in_flight: dict[Identity, _SharedCall] = field(default_factory=dict)

    async def shared(self, request: UpstreamRequest) -> UpstreamResponse:
        """The answer to this request, made now or on its way already; never one that was complete before."""
        loop = asyncio.get_running_loop()
        key = identity(request)
        shared = self._in_flight.get(key)
        if shared is None:
            self._in_flight[key] = shared = _SharedCall()
            shared.task = loop.create_task(self._run(key, shared, request))
        else:
            self.note()
        waiter: asyncio.Future[UpstreamResponse] = loop.create_future()
        shared.waiters[waiter] = None
        try:
            return await waiter
        except asyncio.CancelledError:
            self._leave(key, shared, waiter)
            raise

    def detach(self) -> None:
        """Let calls in flight go on for those who wait for them, and nobody join them any more."""
        self._in_flight.clear()

    async def _run(self, key: Identity, shared: _SharedCall, request: UpstreamRequest) -> None:
        try:
            response = await self.call(request)
        except Exception as failure:  # noqa: BLE001  every caller gets it, and handles it
            # A future raises its exception with the traceback it had here, so that those of the callers do not add up.
            for waiter in self._ended(key, shared):
                waiter.set_exception(failure)
        except BaseException:
            for waiter in self._ended(key, shared):
                waiter.cancel()
            raise
        else:
            for waiter in self._ended(key, shared):
                waiter.set_result(response)

    def _ended(self, key: Identity, shared: _SharedCall) -> list[asyncio.Future[UpstreamResponse]]:
        """Those who still wait for a call that ended; whoever comes now begins another."""
        self._forget(key, shared)
        waiters = [waiter for waiter in shared.waiters if not waiter.done()]
        shared.waiters.clear()
        return waiters

    def _leave(self, key: Identity, shared: _SharedCall, waiter: asyncio.Future[UpstreamResponse]) -> None:
        if waiter.done() and not waiter.cancelled():
            waiter.exception()  # Taken note of, so that asyncio does not report an error nobody saw.
        if waiter not in shared.waiters:
            return  # The call has ended.
        del shared.waiters[waiter]
        if not shared.waiters and shared.task is not None:
            self._forget(key, shared)
            shared.task.cancel()

    def _forget(self, key: Identity, shared: _SharedCall) -> None:
        # After `detach` another call may have taken the place.
        if self._in_flight.get(key) is shared:
            del self._in_flight[key]
