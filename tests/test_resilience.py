"""What stands between an operation and a slow or failing upstream: sharing, repeating, keeping; over real sockets."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback

import pytest

from fairlead.errors import (
    UpstreamError,
    UpstreamInvalid,
    UpstreamTimeout,
)
from fairlead.upstream.request import UpstreamRequest
from scripted import WALL, Answer, Api, api, http_date, outcomes, ready, real_clock, until
from stand_in import stand_in

# Coalescing


async def test_a_thousand_identical_calls_in_flight_make_one_upstream_call() -> None:
    """A crowd that asks one thing costs the upstream one request."""
    with api(gate=threading.Event()) as upstream:
        async with ready(upstream) as it:
            crowd = asyncio.ensure_future(outcomes(it.calls.safe, *[it.get()] * 1_000))
            await until(lambda: it.seen.count("coalesced") == 999)
            upstream.gate.set()
            answers = await crowd
        assert {answer.body for answer in answers} == {b"1"}
        assert len(upstream.asked) == 1


async def test_calls_that_differ_in_credential_argument_or_body_never_share() -> None:
    """Two tokens never see each other's answer."""
    with api(gate=threading.Event()) as upstream:
        async with ready(upstream) as it:
            requests = [it.get(), it.get(token="b"), it.get(path="/?org=2"), it.post(), UpstreamRequest("GET", "", ())]
            requests[4] = UpstreamRequest("GET", requests[0].url, requests[0].headers, b"{}")
            calls = asyncio.ensure_future(outcomes(it.calls.safe, *requests))
            await upstream.saw(5)
            upstream.gate.set()
            assert len({answer.body for answer in await calls}) == 5


async def test_an_answer_is_not_given_to_a_call_that_came_after_it() -> None:
    """Without a cache, every call that comes later asks the upstream."""
    with api() as upstream:
        async with ready(upstream) as it:
            assert [(await it.calls.safe(it.get())).body for _ in range(3)] == [b"1", b"2", b"3"]


async def test_a_shared_call_goes_on_when_the_caller_that_began_it_leaves() -> None:
    """The first of a crowd has no say over the others."""
    with api(gate=threading.Event()) as upstream:
        async with ready(upstream) as it:
            callers = [asyncio.ensure_future(it.calls.safe(it.get())) for _ in range(10)]
            await upstream.saw(1)
            for leaving in callers[:9]:
                leaving.cancel()
            await asyncio.wait(callers[:9])
            upstream.gate.set()
            assert (await callers[9]).body == b"1"
            assert all(leaving.cancelled() for leaving in callers[:9])
            assert it.seen.count("cancelled") == 0


@pytest.mark.parametrize("callers", [1, 20])
async def test_when_the_last_caller_leaves_the_upstream_call_is_cancelled(callers: int) -> None:
    """Nobody's work is not done, and who comes afterwards gets a call of its own."""
    with api(gate=threading.Event()) as upstream:
        async with ready(upstream) as it:
            tasks = [asyncio.ensure_future(it.calls.safe(it.get())) for _ in range(callers)]
            await upstream.saw(1)
            for task in tasks:
                task.cancel()
            newcomer = asyncio.ensure_future(it.calls.safe(it.get()))
            await asyncio.wait(tasks)
            await until(lambda: it.seen.count("cancelled") == 1)
            upstream.gate.set()
            assert (await newcomer).body == b"2"
            await until(lambda: it.seen.last("running") == (0, 0))


async def test_the_upstream_sees_that_the_last_caller_left() -> None:
    """The connection of a cancelled call is closed, so that the upstream can stop working for it."""
    with api(gate=threading.Event()) as upstream:
        async with ready(upstream) as it:
            task = asyncio.ensure_future(it.calls.safe(it.get()))
            await upstream.saw(1)
            task.cancel()
            assert await asyncio.to_thread(upstream.gone.wait, 1)


async def test_a_caller_that_leaves_before_its_call_began_leaves_nothing_behind() -> None:
    """A task that is cancelled before its first step never runs; the next caller is not lost with it."""
    with api() as upstream:
        async with ready(upstream) as it:
            caller = asyncio.ensure_future(it.calls.safe(it.get()))
            await asyncio.sleep(0)
            caller.cancel()
            await asyncio.wait([caller])
            assert (await it.calls.safe(it.get())).status == 200


async def test_a_shared_failure_reaches_all_who_share_it_and_their_tracebacks_do_not_add_up() -> None:
    """One failure is everybody's, and the hundredth traceback is as long as the first."""
    with api(gate=threading.Event()) as upstream:
        async with ready(upstream, max_response_bytes=0) as it:
            lengths: list[int] = []

            async def caller() -> None:
                try:
                    await it.calls.safe(it.get())
                except UpstreamError as failure:
                    lengths.append(len(traceback.extract_tb(failure.__traceback__)))

            crowd = [asyncio.ensure_future(caller()) for _ in range(100)]
            await until(lambda: it.seen.count("coalesced") == 99)
            upstream.gate.set()
            await asyncio.wait(crowd)
        assert len(lengths) == 100
        assert len(set(lengths)) == 1


async def test_a_call_after_a_write_does_not_join_one_that_began_before_it() -> None:
    """What a caller wrote, its next call sees."""
    with api() as upstream:
        async with ready(upstream) as it:
            upstream.gate = threading.Event()
            before = asyncio.ensure_future(it.calls.safe(it.get()))
            await upstream.saw(1)
            gate, upstream.gate = upstream.gate, None
            await it.calls.once(it.post())
            upstream.gate = threading.Event()
            after = asyncio.ensure_future(it.calls.safe(it.get()))
            await upstream.saw(2)
            gate.set()
            assert (await before).body == b"1"
            # The end of the older call does not hide the newer one.
            sharing = asyncio.ensure_future(it.calls.safe(it.get()))
            await until(lambda: it.seen.count("coalesced") == 1)
            upstream.gate.set()
            assert [(await call).body for call in (after, sharing)] == [b"3", b"3"]


# Retries


async def test_a_safe_or_idempotent_call_is_repeated_and_others_are_not() -> None:
    """What may have been done already is not done twice."""
    with api(script=lambda number, _: (503 if number % 2 else 200, {})) as upstream:
        async with ready(upstream) as it:
            assert (await it.calls.call_for(safe=True, idempotent=True)(it.get())).status == 200
            assert len(upstream.asked) == 2
            assert (await it.calls.call_for(safe=False, idempotent=False)(it.post())).status == 503
            assert len(upstream.asked) == 3
        assert it.time.waits == [0.05]  # half of the first jitter's bound
        assert it.seen.count("retried") == 1


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2), (2, 3)])
async def test_a_call_is_repeated_at_most_as_often_as_the_settings_say(retries: int, attempts: int) -> None:
    """The last failure is the answer."""
    with api(script=lambda number, _: (200 if number <= 10 else 502, {})) as upstream:
        async with ready(upstream, retries=retries) as it:
            await outcomes(it.calls.safe, *[it.get(path=f"/{n}") for n in range(10)])  # earns the credit for two
            assert (await it.calls.idempotent(it.get())).status == 502
        assert len(upstream.asked) == 10 + attempts


@pytest.mark.parametrize("status", [200, 304, 400, 401, 404, 409, 500, 501])
async def test_an_answer_that_would_be_the_same_again_is_not_asked_for_again(status: int) -> None:
    """A refusal is an answer."""
    with api(script=lambda _number, _headers: (status, {})) as upstream:
        async with ready(upstream) as it:
            assert (await it.calls.safe(it.get())).status == status
        assert len(upstream.asked) == 1


async def test_an_answer_that_breaks_off_is_asked_for_again_unless_it_was_a_write() -> None:
    """Half an answer to a write does not say whether it was done."""
    with stand_in(break_off=True) as upstream:
        async with ready(Api(url=upstream.url)) as it:
            with pytest.raises(UpstreamInvalid):
                await it.calls.once(it.post())
            assert len(upstream.asked) == 1
            with pytest.raises(UpstreamInvalid):
                await it.calls.safe(it.get())
            assert len(upstream.asked) == 3


async def test_a_storm_of_503_reaches_the_upstream_at_most_one_and_a_tenth_times() -> None:
    """Retries do not double the load of an upstream that struggles."""
    with api(script=lambda _number, _headers: (503, {})) as upstream:
        async with ready(upstream, breaker_failures=0) as it:
            for batch in range(10):
                answers = await outcomes(it.calls.safe, *[it.get(path=f"/{batch}/{n}") for n in range(50)])
                assert {answer.status for answer in answers} == {503}
        assert 500 < len(upstream.asked) <= 551


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (503, {"retry-after": "2"}, 2.05),
        (503, {"retry-after": http_date(WALL + 5)}, 5.05),
        (429, {"x-ratelimit-reset": f"{WALL + 4:.0f}"}, 4.05),
    ],
)
async def test_a_retry_comes_no_earlier_than_the_upstream_asks(
    status: int, headers: dict[str, str], wait: float
) -> None:
    """Retry-After and the rate limit's reset are kept."""
    with api(script=lambda number, _: (status, headers) if number == 1 else (200, {})) as upstream:
        async with ready(upstream) as it:
            assert (await it.calls.safe(it.get())).status == 200
        assert it.time.waits == [pytest.approx(wait)]


@pytest.mark.parametrize("headers", [{"retry-after": "3600"}, {"retry-after": http_date(WALL + 6)}])
async def test_a_wait_longer_than_callers_have_patience_for_is_not_begun(headers: dict[str, str]) -> None:
    """The failure is given at once, with what the upstream said."""
    with api(script=lambda _number, _headers: (503, headers)) as upstream:
        async with ready(upstream) as it:
            answer = await it.calls.safe(it.get())
        assert answer.status == 503
        assert dict(answer.headers)["retry-after"] == headers["retry-after"]
        assert it.time.waits == []
        assert len(upstream.asked) == 1


async def test_a_retry_has_only_what_is_left_of_the_callers_time() -> None:
    """All attempts together keep the deadline of the first."""
    with api(script=lambda _number, _headers: (503, {"retry-after": "0.3"})) as upstream:
        async with ready(upstream, clock=real_clock(), total_timeout=1.0) as it:

            def hang_after_the_first(_number: int, _headers: dict[str, str]) -> Answer:
                upstream.gate = threading.Event()
                return 503, {"retry-after": "0.3"}

            upstream.script = hang_after_the_first
            began = time.monotonic()
            with pytest.raises(UpstreamTimeout):
                await it.calls.safe(it.get())
            assert 0.9 < time.monotonic() - began < 1.25
        assert len(upstream.asked) == 2


# The cache


async def test_a_kept_answer_is_given_again_until_its_time_is_over() -> None:
    """Within the cache's time the upstream is not asked, and the answer says how old it is."""
    with api() as upstream:
        async with ready(upstream, cache_ttl=10.0) as it:
            first = await it.calls.safe(it.get())
            it.time.seconds += 4
            second = await it.calls.safe(it.get())
            other = await it.calls.safe(it.get(token="b"))
            it.time.seconds += 7
            third = await it.calls.safe(it.get())
        assert [answer.body for answer in (first, second, other, third)] == [b"1", b"1", b"2", b"3"]
        assert [(answer.fresh_for, answer.age) for answer in (first, second)] == [(10, 0), (6, 4)]
        assert it.seen.count("cached") == 1


async def test_an_answer_with_an_etag_is_revalidated_and_renewed_by_304() -> None:
    """What did not change is not sent again, and is fresh again."""

    def script(_number: int, headers: dict[str, str]) -> Answer:
        known = headers.get("if-none-match") == '"v1"'
        return (304, {"x-request": "2"}) if known else (200, {"etag": '"v1"', "x-kind": "a", "x-request": "1"})

    with api(script=script) as upstream:
        async with ready(upstream, cache_ttl=10.0) as it:
            await it.calls.safe(it.get())
            it.time.seconds += 11
            renewed = await it.calls.safe(it.get())
            it.time.seconds += 9
            again = await it.calls.safe(it.get())
        assert [answer.body for answer in (renewed, again)] == [b"1", b"1"]
        assert renewed.status == 200
        assert (renewed.fresh_for, renewed.age, again.age) == (10, 0, 9)
        assert {"etag": '"v1"', "x-kind": "a", "x-request": "2"}.items() <= dict(renewed.headers).items()
        assert len(upstream.asked) == 2


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (200, {"cache-control": "no-store"}),
        (200, {"set-cookie": "a=b"}),
        (404, {}),
        (200, {"cache-control": "max-age=0"}),
    ],
)
async def test_what_may_not_be_kept_is_asked_for_every_time(status: int, headers: dict[str, str]) -> None:
    """The upstream has the last word."""
    with api(script=lambda _number, _headers: (status, headers)) as upstream:
        async with ready(upstream, cache_ttl=10.0) as it:
            answers = [await it.calls.safe(it.get()) for _ in range(2)]
        assert [answer.fresh_for for answer in answers] == [0, 0]
        assert len(upstream.asked) == 2


async def test_a_write_ends_what_was_kept_and_what_is_on_its_way() -> None:
    """A caller reads what it wrote, through the same server."""
    with api() as upstream:
        async with ready(upstream, cache_ttl=10.0) as it:
            await it.calls.safe(it.get())
            upstream.gate = threading.Event()
            slow = asyncio.ensure_future(it.calls.safe(it.get(path="/slow")))
            await upstream.saw(2)
            gate, upstream.gate = upstream.gate, None
            await it.calls.once(it.post())
            gate.set()
            assert (await slow).fresh_for == 0
            assert (await it.calls.safe(it.get())).body == b"4"
            assert (await it.calls.safe(it.get(path="/slow"))).body == b"5"


async def test_a_crowd_fills_the_cache_with_one_call() -> None:
    """Coalescing and cache work together."""
    with api(gate=threading.Event()) as upstream:
        async with ready(upstream, cache_ttl=10.0) as it:
            crowd = asyncio.ensure_future(outcomes(it.calls.safe, *[it.get()] * 100))
            await until(lambda: it.seen.count("coalesced") == 99)
            upstream.gate.set()
            assert {answer.body for answer in await crowd} == {b"1"}
            await it.calls.safe(it.get())
        assert len(upstream.asked) == 1
