"""What keeps an upstream from harm: the breaker, the limit of calls at once, its own rate limit; over real sockets."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import serving
from fairlead.errors import (
    BudgetSpent,
    UpstreamBusy,
    UpstreamError,
    UpstreamResting,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from fairlead.settings import Settings
from fairlead.upstream.calls import upstream_calls
from fairlead.upstream.clock import Clock
from fairlead.upstream.request import UpstreamRequest, UpstreamResponse
from scripted import WALL, Answer, Api, Seen, Time, api, outcomes, ready, real_clock, until

# The circuit breaker


async def test_the_breaker_opens_fails_fast_and_recovers_unaided() -> None:
    """An upstream that fails is left alone, asked once after a pause, and used again when it answers."""
    status = 500
    with api(script=lambda _number, _headers: (status, {})) as upstream:
        async with ready(upstream, breaker_failures=5, breaker_pause=3.0) as it:
            for _ in range(5):
                assert (await it.calls.safe(it.get())).status == 500
            for call in (it.calls.safe, it.calls.idempotent, it.calls.once):
                began = time.perf_counter()
                with pytest.raises(UpstreamResting) as refused:
                    await call(it.get())
                assert time.perf_counter() - began < 0.005
                assert refused.value.retry_after == pytest.approx(3.0)
            it.time.seconds += 3.0
            assert (await it.calls.once(it.get())).status == 500  # the trial, and it failed
            with pytest.raises(UpstreamResting):
                await it.calls.safe(it.get())
            it.time.seconds += 3.0
            status, upstream.gate = 200, threading.Event()
            trial = asyncio.ensure_future(it.calls.safe(it.get()))
            await upstream.saw(7)
            assert it.seen.last("breaker") == ("half-open",)
            with pytest.raises(UpstreamResting):
                await it.calls.safe(it.get(path="/second"))
            upstream.gate.set()
            assert (await trial).status == 200
            assert (await it.calls.safe(it.get())).status == 200
            assert it.seen.last("breaker") == ("closed",)
        assert len(upstream.asked) == 8


async def test_a_trial_that_is_cancelled_leaves_its_place_to_the_next() -> None:
    """A caller that goes away does not keep the breaker open."""
    with api(script=lambda number, _: (500 if number == 1 else 200, {})) as upstream:
        async with ready(upstream, breaker_failures=1, breaker_pause=3.0) as it:
            await it.calls.safe(it.get())
            it.time.seconds += 3.0
            upstream.gate = threading.Event()
            trial = asyncio.ensure_future(it.calls.safe(it.get()))
            await upstream.saw(2)
            trial.cancel()
            await asyncio.wait([trial])
            upstream.gate.set()
            await until(lambda: it.seen.last("running") == (0, 0))
            assert (await it.calls.safe(it.get())).status == 200


async def test_calls_in_the_queue_of_an_upstream_that_fails_are_not_sent() -> None:
    """What waits when the breaker opens fails fast, and leaves no turn taken."""
    with api(script=lambda _number, _headers: (500, {}), gate=threading.Event()) as upstream:
        async with ready(upstream, breaker_failures=1, breaker_pause=3.0, max_calls=1) as it:
            first = asyncio.ensure_future(it.calls.once(it.get()))
            await upstream.saw(1)
            waiting = [asyncio.ensure_future(it.calls.once(it.get())) for _ in range(3)]
            await until(lambda: it.seen.last("running") == (1, 3))
            upstream.gate.set()
            assert (await first).status == 500
            for call in waiting:
                with pytest.raises(UpstreamResting):
                    await call
            assert it.seen.last("running") == (0, 0)
            it.time.seconds += 3.0
            assert (await it.calls.once(it.get())).status == 500
        assert len(upstream.asked) == 2


async def test_nobody_waits_for_a_retry_that_the_breaker_would_refuse() -> None:
    """The failure that opened the breaker is given at once."""
    with api(script=lambda _number, _headers: (503, {})) as upstream:
        async with ready(upstream, breaker_failures=1) as it:
            assert (await it.calls.safe(it.get())).status == 503
        assert it.time.waits == []


async def test_a_retry_that_is_refused_gives_the_failure_before_it() -> None:
    """What the upstream said tells more than that it is left alone now."""

    async def send(_request: UpstreamRequest) -> UpstreamResponse:
        return UpstreamResponse(503, (), b"busy")

    async def another_call_fails(_seconds: float) -> None:
        await calls.once(UpstreamRequest("POST", "http://api/", ()))

    clock, made = Clock(now=lambda: 0.0, wall=lambda: WALL, sleep=another_call_fails), Seen()
    metrics: Any = made
    calls = upstream_calls(send, Settings(breaker_failures=2), clock=clock, random=lambda: 0.5, metrics=metrics)
    assert (await calls.safe(UpstreamRequest("GET", "http://api/", ()))).body == b"busy"
    assert made.last("refused") == ("resting",)


@pytest.mark.parametrize("status", [400, 404, 429, 501])
async def test_a_refusal_does_not_open_the_breaker(status: int) -> None:
    """Callers with wrong arguments cannot take an upstream away from the others."""
    with api(script=lambda _number, _headers: (status, {})) as upstream:
        async with ready(upstream, breaker_failures=2, retries=0) as it:
            for _ in range(5):
                assert (await it.calls.safe(it.get())).status == status


async def test_a_request_that_cannot_be_sent_is_nobodys_failure_but_ours() -> None:
    """It is neither repeated nor held against the upstream."""
    with api() as upstream:
        async with ready(upstream, breaker_failures=1) as it:
            with pytest.raises(UpstreamError, match="could not be made"):
                await it.calls.safe(UpstreamRequest("GET", upstream.url, (("x", "a\nb"),)))
            assert (await it.calls.safe(it.get())).status == 200
        assert it.time.waits == []


async def test_an_upstream_that_is_not_there_is_tried_again_and_then_left_alone() -> None:
    """Failures of the connection count as the upstream's."""
    with serving.bound("127.0.0.1", 0, "") as unused:
        nowhere = Api(url=serving.address_of(unused, "127.0.0.1"))
    async with ready(nowhere, breaker_failures=2) as it:
        with pytest.raises(UpstreamUnreachable):
            await it.calls.safe(it.get())
        assert it.seen.told.count(("failed", "UpstreamUnreachable")) == 2
        assert it.seen.last("breaker") == ("open",)
        with pytest.raises(UpstreamResting):
            await it.calls.safe(it.get())


# The limit of calls at once


async def test_beyond_the_queue_calls_are_shed_and_the_queue_is_served_in_order() -> None:
    """A full server says so at once; who waits gets a turn."""
    with api(gate=threading.Event()) as upstream:
        async with ready(upstream, max_calls=2, max_waiting_calls=3) as it:
            tasks = [asyncio.ensure_future(it.calls.once(it.get(path=f"/{n}"))) for n in range(5)]
            await upstream.saw(2)
            with pytest.raises(UpstreamBusy) as refused:
                await it.calls.once(it.get())
            assert refused.value.retry_after == 1
            assert it.seen.last("refused") == ("busy",)
            tasks[3].cancel()
            await asyncio.wait([tasks[3]])
            assert len(upstream.asked) == 2
            upstream.gate.set()
            answers = await asyncio.gather(tasks[0], tasks[1], tasks[2], tasks[4])
            assert [answer.status for answer in answers] == [200] * 4
            await until(lambda: it.seen.last("running") == (0, 0))
        assert len(upstream.asked) == 4


async def test_a_call_that_finds_no_turn_before_its_deadline_is_refused() -> None:
    """A queue is not waited in beyond the caller's time."""
    with api(gate=threading.Event()) as upstream:
        async with ready(upstream, clock=real_clock(), max_calls=1, total_timeout=0.5, retries=0) as it:
            hanging = asyncio.ensure_future(it.calls.once(it.get()))
            await upstream.saw(1)
            results = await outcomes(it.calls.once, *[it.get()] * 3)
            # The first of the queue may still get the turn of the one that hung, and then too little time.
            assert all(isinstance(result, UpstreamBusy | UpstreamTimeout) for result in results)
            with pytest.raises(UpstreamTimeout):
                await hanging


async def test_cancelled_calls_give_their_turns_back() -> None:
    """However many callers go away, the next one runs."""
    with api(gate=threading.Event()) as upstream:
        async with ready(upstream, max_calls=4) as it:
            for _ in range(5):
                crowd = [asyncio.ensure_future(it.calls.safe(it.get(path=f"/{n}"))) for n in range(40)]
                await upstream.saw(4)
                for task in crowd:
                    task.cancel()
                await asyncio.wait(crowd)
                await until(lambda: it.seen.last("running") == (0, 0))
            upstream.gate.set()
            assert (await it.calls.safe(it.get())).status == 200


async def test_an_attempt_cut_short_by_earlier_waits_is_not_held_against_the_upstream() -> None:
    """A server that is full, or waited as it was told to, does not take its upstream for a sick one."""
    time_, seen = Time(), Seen()
    timeouts: list[float | None] = []

    async def send(request: UpstreamRequest) -> UpstreamResponse:
        timeouts.append(request.timeout)
        if request.timeout is None:
            return UpstreamResponse(503, (("retry-after", "4"),), b"")
        await time_.sleep(request.timeout)
        raise UpstreamTimeout("The upstream did not answer in time.")

    made: Any = seen
    settings = Settings(breaker_failures=2)
    calls = upstream_calls(send, settings, clock=time_.clock(), random=lambda: 0.0, metrics=made)
    request = UpstreamRequest("GET", "http://api/", ())
    with pytest.raises(UpstreamTimeout):
        await calls.safe(request)
    assert timeouts == [None, 56.0]
    assert (await calls.once(request)).status == 503  # one failure so far, not two


# The upstream's budget


def counting(limit: int, *, reset: float) -> Callable[[int, dict[str, str]], Answer]:
    """An upstream with a rate limit in one window; beyond it, 429."""

    def script(number: int, _headers: dict[str, str]) -> Answer:
        left = max(0, limit - number)
        headers = {"x-ratelimit-limit": f"{limit}", "x-ratelimit-remaining": f"{left}"}
        return 200 if number <= limit else 429, headers | {"x-ratelimit-reset": f"{reset:.0f}"}

    return script


async def test_a_spent_budget_refuses_calls_and_names_the_reset() -> None:
    """Nothing is sent that the upstream would refuse, and the caller learns when it may come back."""
    with api(script=counting(3, reset=WALL + 1_800)) as upstream:
        async with ready(upstream) as it:
            for _ in range(3):
                assert (await it.calls.safe(it.get())).status == 200
            for call in (it.calls.safe, it.calls.once):
                with pytest.raises(BudgetSpent, match="2026-11-18T11:36:40Z") as refused:
                    await call(it.get())
                assert refused.value.retry_after == 1_800
            assert it.seen.last("budget") == (0, 3, WALL + 1_800)
            assert it.seen.last("refused") == ("budget",)
            it.time.seconds += 1_800
            upstream.script = counting(30, reset=WALL + 3_600)
            assert (await it.calls.safe(it.get())).status == 200
        assert len(upstream.asked) == 4


async def test_a_call_waits_for_a_reset_within_its_deadline() -> None:
    """A short wait is better than a failure."""
    with api(script=counting(1, reset=WALL + 4)) as upstream:
        async with ready(upstream) as it:
            await it.calls.safe(it.get())
            upstream.script = counting(9, reset=WALL + 60)
            assert (await it.calls.safe(it.get())).status == 200
        assert it.time.waits == [4]


async def test_calls_at_one_time_do_not_share_the_last_of_the_budget() -> None:
    """Calls in flight count as made, so the upstream never has to refuse one."""
    with api(script=counting(5, reset=WALL + 1_800)) as upstream:
        async with ready(upstream) as it:
            assert (await it.calls.safe(it.get())).status == 200
            results = await outcomes(it.calls.safe, *[it.get(path=f"/{n}") for n in range(40)])
            sent = [result for result in results if isinstance(result, UpstreamResponse)]
            assert [answer.status for answer in sent] == [200] * 4
            assert sum(isinstance(result, BudgetSpent) for result in results) == 36
            await until(lambda: it.seen.last("running") == (0, 0))
        assert len(upstream.asked) == 5


async def test_a_429_stops_all_calls_until_the_time_it_names() -> None:
    """One refusal is enough."""
    with api(script=lambda _number, _headers: (429, {"retry-after": "600"})) as upstream:
        async with ready(upstream) as it:
            assert (await it.calls.safe(it.get())).status == 429
            with pytest.raises(BudgetSpent, match="2026-11-18T11:16:40Z"):
                await it.calls.once(it.get(path="/other"))
        assert len(upstream.asked) == 1


async def test_calls_that_wait_for_the_budget_count_as_waiting() -> None:
    """The queue is bounded whatever is waited for."""
    asleep = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    clock = Clock(now=lambda: 0.0, wall=lambda: WALL, sleep=sleep)
    with api(script=counting(1, reset=WALL + 4)) as upstream:
        async with ready(upstream, clock=clock, max_waiting_calls=1) as it:
            await it.calls.safe(it.get())
            waiting = asyncio.ensure_future(it.calls.once(it.get()))
            await asleep.wait()
            with pytest.raises(UpstreamBusy):
                await it.calls.once(it.get())
            assert it.seen.last("running") == (0, 1)
            waiting.cancel()
            await asyncio.wait([waiting])
            assert it.seen.last("running") == (0, 0)
