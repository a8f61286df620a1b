"""What stands between an operation and an upstream that is slow, full, failing or out of budget; over real sockets."""

from __future__ import annotations

import asyncio
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest

import serving
from fairlead.errors import (
    BudgetSpent,
    UpstreamBusy,
    UpstreamError,
    UpstreamInvalid,
    UpstreamResting,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from fairlead.expose.asgi import Receive, Scope, Send
from fairlead.settings import Settings
from fairlead.upstream.calls import UpstreamCalls, upstream_calls
from fairlead.upstream.client import open_client
from fairlead.upstream.clock import Clock
from fairlead.upstream.request import Call, UpstreamRequest, UpstreamResponse
from stand_in import stand_in

WALL = 1_795_000_000.0  # 2026-11-18T11:06:40Z
Answer = tuple[int, dict[str, str]]


@dataclass(slots=True)
class Api:
    """An upstream that answers by script: `script` makes the answer to the n-th request, n from 1.

    With `gate`, answers wait for it to open; `gone` tells that a caller went away before its answer.
    """

    script: Callable[[int, dict[str, str]], Answer] = lambda _number, _headers: (200, {})
    gate: threading.Event | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    arrived: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    gone: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(headers)
        number = len(self.asked)
        await receive()
        self.arrived.release()
        try:
            await self._open_gate()
        except asyncio.CancelledError:
            self.gone.set()
            raise
        status, answered = self.script(number, headers)
        names = [(name.encode(), value.encode()) for name, value in answered.items()]
        await send({"type": "http.response.start", "status": status, "headers": names})
        await send({"type": "http.response.body", "body": b"" if status == 304 else f"{number}".encode()})

    async def _open_gate(self) -> None:
        gate = self.gate  # a thread would not end when the caller goes away
        while gate is not None and not gate.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.005)

    async def saw(self, requests: int) -> None:
        """Wait until this many more requests have come."""
        for _ in range(requests):
            assert await asyncio.to_thread(self.arrived.acquire, timeout=10)


@contextmanager
def api(**given: Any) -> Iterator[Api]:
    """A scripted upstream on a free port."""
    made = Api(**given)
    with serving.upstream(made) as made.url:
        try:
            yield made
        finally:
            if made.gate is not None:
                made.gate.set()


@dataclass(slots=True)
class Time:
    """A clock that only `sleep` and the test move."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)

    def clock(self) -> Clock:
        return Clock(now=lambda: self.seconds, wall=lambda: WALL + self.seconds, sleep=self.sleep)


@dataclass(slots=True)
class Seen:
    """What the metrics were told, by the name of the measure."""

    told: list[tuple[Any, ...]] = field(default_factory=list)

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *values: self.told.append((name, *values))

    def count(self, name: str) -> int:
        return sum(event[0] == name for event in self.told)

    def last(self, name: str) -> tuple[Any, ...]:
        return [event[1:] for event in self.told if event[0] == name][-1]


@dataclass(slots=True, kw_only=True)
class Ready:
    """Calls of a scripted upstream, the clock they live by, and what was counted."""

    calls: UpstreamCalls
    time: Time
    seen: Seen
    url: str

    def get(self, *, token: str = "a", path: str = "/") -> UpstreamRequest:
        return UpstreamRequest("GET", self.url + path, (("Authorization", f"Token {token}"),))

    def post(self) -> UpstreamRequest:
        return UpstreamRequest("POST", f"{self.url}/", (), b"{}")


@asynccontextmanager
async def ready(upstream: Api, *, clock: Clock | None = None, **settings: Any) -> AsyncIterator[Ready]:
    """The calls of an upstream over a real client, with a clock of the test's own."""
    time_, seen, chosen = Time(), Seen(), Settings(**settings)
    async with open_client(chosen) as client:
        made: Any = seen

        async def send(request: UpstreamRequest) -> UpstreamResponse:
            try:
                return await client.send(request)
            except asyncio.CancelledError:
                seen.told.append(("cancelled",))
                raise

        calls = upstream_calls(send, chosen, clock=clock or time_.clock(), random=lambda: 0.5, metrics=made)
        yield Ready(calls=calls, time=time_, seen=seen, url=upstream.url)


def real_clock() -> Clock:
    """The clock of a server."""
    return Clock(now=time.monotonic, wall=time.time, sleep=asyncio.sleep)


async def outcomes(call: Call, *requests: UpstreamRequest) -> list[UpstreamResponse | BaseException]:
    """What concurrent calls come to."""
    return await asyncio.gather(*(call(request) for request in requests), return_exceptions=True)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something holds, at most ten seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  conditions of a loop have no event
            await asyncio.sleep(0)


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


@pytest.mark.xfail(strict=True, reason="pyreqwest 0.15.1 drops the handle of the request's task and does not abort it")
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
            assert (await it.calls.safe(it.get())).body == b"3"
            gate.set()
            assert (await before).body == b"1"


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


def http_date(seconds: float) -> str:
    """A time as HTTP writes it."""
    return format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (503, {"retry-after": "7"}, 7.05),
        (503, {"retry-after": http_date(WALL + 20)}, 20.05),
        (429, {"x-ratelimit-reset": f"{WALL + 30:.0f}"}, 30.05),
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


@pytest.mark.parametrize("headers", [{"retry-after": "3600"}, {"retry-after": http_date(WALL + 60)}])
async def test_a_wait_beyond_the_deadline_is_not_begun(headers: dict[str, str]) -> None:
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
            return UpstreamResponse(503, (("retry-after", "40"),), b"")
        await time_.sleep(request.timeout)
        raise UpstreamTimeout("The upstream did not answer in time.")

    made: Any = seen
    settings = Settings(breaker_failures=2)
    calls = upstream_calls(send, settings, clock=time_.clock(), random=lambda: 0.0, metrics=made)
    request = UpstreamRequest("GET", "http://api/", ())
    with pytest.raises(UpstreamTimeout):
        await calls.safe(request)
    assert timeouts == [None, 20.0]
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
    with api(script=counting(1, reset=WALL + 30)) as upstream:
        async with ready(upstream) as it:
            await it.calls.safe(it.get())
            upstream.script = counting(9, reset=WALL + 60)
            assert (await it.calls.safe(it.get())).status == 200
        assert it.time.waits == [30]


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
    with api(script=counting(1, reset=WALL + 30)) as upstream:
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
