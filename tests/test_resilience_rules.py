"""The rules of resilience, without a network: when to repeat, to rest, to wait and to keep."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fairlead.errors import UpstreamBusy, UpstreamResting
from fairlead.upstream.breaker import Breaker
from fairlead.upstream.budget import Budget, Told, told_by
from fairlead.upstream.cache import Cache, Entry, entry_for, lifetime
from fairlead.upstream.limit import Limit
from fairlead.upstream.request import UpstreamRequest, UpstreamResponse, identity
from fairlead.upstream.retry import RetryBudget, RetryPolicy
from fairlead.upstream.retry_after import asked_wait
from scripted import WALL, http_date


@given(chance=st.floats(0, 1), retry=st.integers(1, 2))
def test_a_delay_is_full_jitter_below_a_doubling_bound(chance: float, retry: int) -> None:
    """Callers that failed together do not come back together."""
    delay = RetryPolicy(2).delay_before(retry, asked=None, left=60, chance=chance)
    assert delay == pytest.approx(chance * 0.1 * 2 ** (retry - 1))


@pytest.mark.parametrize(
    ("retry", "asked", "left", "made"),
    [
        (1, None, 60.0, True),
        (2, None, 60.0, True),
        (3, None, 60.0, False),
        (1, 4.0, 4.2, True),
        (1, 4.0, 4.05, False),
        (1, 5.1, 60.0, False),
        (1, 3_600.0, 60.0, False),
        (1, None, 0.05, False),
        (1, None, -1.0, False),
    ],
)
def test_a_retry_is_made_only_when_it_fits_the_deadline(
    retry: int, asked: float | None, left: float, made: bool
) -> None:
    """Nobody waits in vain, and nobody is asked a third time."""
    delay = RetryPolicy(2).delay_before(retry, asked=asked, left=left, chance=0.0)
    assert (delay is not None) is made
    assert delay is None or delay == (asked or 0.0)


@given(st.lists(st.booleans(), max_size=400))
def test_retries_stay_below_a_tenth_of_the_calls(failing: list[bool]) -> None:
    """Whatever fails, an upstream sees at most 1.1 times the calls, and one more."""
    budget, retries = RetryBudget(), 0
    for calls, fails in enumerate(failing, 1):
        budget.deposit()
        retries += fails and budget.withdraw()
        assert retries <= 0.1 * calls + 1.000001


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (503, {"retry-after": "7"}, 7.0),
        (503, {"retry-after": "1.5"}, 1.5),
        (503, {"retry-after": http_date(WALL + 30)}, 30.0),
        (503, {"retry-after": http_date(WALL - 30)}, 0.0),
        (503, {"retry-after": "Wed, 18 Nov 2026 11:07:10 -0000"}, 30.0),
        (503, {"retry-after": "-7"}, None),
        (503, {"retry-after": "soon"}, None),
        (503, {"retry-after": "1795000030"}, None),
        (503, {"retry-after": ""}, None),
        (503, {}, None),
        (503, {"x-ratelimit-reset": f"{WALL + 30:.0f}"}, None),
        (429, {"x-ratelimit-reset": f"{WALL + 30:.0f}"}, 30.0),
        (429, {"x-ratelimit-reset": "30"}, None),
        (429, {"x-ratelimit-reset": f"{WALL + 90_000:.0f}"}, None),
        (429, {"retry-after": "5", "x-ratelimit-reset": f"{WALL + 30:.0f}"}, 5.0),
    ],
)
def test_an_upstream_says_how_long_to_wait(status: int, headers: dict[str, str], seconds: float | None) -> None:
    """Retry-After is seconds or a date; X-RateLimit-Reset is an epoch, so 30 is no half minute."""
    assert asked_wait(status, headers, WALL) == seconds


@given(st.sampled_from([200, 429, 503]), st.text(), st.text(), st.text())
def test_no_header_can_break_the_reading_of_limits(status: int, one: str, two: str, three: str) -> None:
    """What an upstream sends is hostile."""
    headers = {"retry-after": one, "x-ratelimit-remaining": two, "x-ratelimit-reset": three, "ratelimit": one}
    budget = Budget()
    budget.hear(status, headers, WALL)
    budget.hear(status, {"ratelimit": one, "retry-after": two}, WALL)
    assert 0 <= budget.pause(WALL) <= 86_400


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (
            {"x-ratelimit-limit": "1000", "x-ratelimit-remaining": "12", "x-ratelimit-reset": "1795000100"},
            Told(1000, 12, 1795000100.0),
        ),
        ({"x-ratelimit-remaining": "12", "x-ratelimit-reset": "1795000100"}, Told(0, 12, 1795000100.0)),
        ({"ratelimit-limit": "10", "ratelimit-remaining": "3", "ratelimit-reset": "60"}, Told(10, 3, WALL + 60)),
        ({"ratelimit": "limit=10, remaining=3, reset=60"}, Told(10, 3, WALL + 60)),
        ({"ratelimit": '"default";r=3;t=60'}, Told(0, 3, WALL + 60)),
        ({"x-ratelimit-remaining": "12"}, None),
        ({"x-ratelimit-remaining": "12", "x-ratelimit-reset": "60"}, None),
        ({"x-ratelimit-remaining": "12", "x-ratelimit-reset": "1794999999"}, None),
        ({"x-ratelimit-remaining": "12", "x-ratelimit-reset": "1795090000"}, None),
        ({"x-ratelimit-remaining": "12", "x-ratelimit-reset": "1795000100000"}, None),
        ({"x-ratelimit-remaining": "-1", "x-ratelimit-reset": "1795000100"}, None),
        ({"x-ratelimit-remaining": "many", "x-ratelimit-reset": "1795000100"}, None),
        ({"ratelimit": "nonsense"}, None),
        ({}, None),
    ],
)
def test_a_rate_limit_is_read_from_the_answers(headers: dict[str, str], told: Told | None) -> None:
    """Stale and absurd values are no budget at all."""
    assert told_by(headers, WALL) == told


def limited(remaining: int, *, reset: float = WALL + 100, limit: int = 50) -> dict[str, str]:
    """The headers of an answer with a rate limit."""
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": f"{reset:.0f}",
    }


def test_answers_that_overtake_each_other_do_not_raise_the_budget() -> None:
    """Within a window the lowest count is the true one."""
    budget = Budget()
    budget.hear(200, limited(4), WALL)
    budget.hear(200, limited(5), WALL)
    assert budget.ceiling(128) == 4
    budget.hear(200, limited(50, reset=WALL + 200), WALL + 101)
    assert budget.ceiling(128) == 50


def test_a_spent_budget_opens_at_its_reset_with_the_size_of_the_window() -> None:
    """After the reset as many calls go out as the upstream allows, not as many as wait."""
    budget = Budget()
    budget.hear(200, limited(0), WALL)
    assert budget.pause(WALL + 40) == 60
    assert "2026-11-18T11:08:20Z" in str(budget.refusal(WALL + 40))
    assert budget.pause(WALL + 100) == 0
    assert budget.ceiling(128) == 50
    assert not budget.spent


def test_a_429_ends_all_calls_until_its_time_whatever_other_answers_say() -> None:
    """An answer that was on its way does not lift what a later one ordered."""
    budget = Budget()
    budget.hear(429, {"retry-after": "20"}, WALL)
    budget.hear(200, limited(7), WALL)
    assert budget.pause(WALL + 5) == 15
    assert budget.pause(WALL + 21) == 0
    assert budget.ceiling(128) == 7
    budget.hear(429, {"retry-after": "20"}, WALL + 30)
    budget.hear(200, limited(0, reset=WALL + 40), WALL + 30)
    assert budget.pause(WALL + 30) == 20


def test_a_clock_that_is_set_back_does_not_lock_the_budget() -> None:
    """A wait of more than a day is never kept."""
    budget = Budget()
    budget.hear(200, limited(0), WALL)
    assert budget.pause(WALL - 100_000) == 0


class BreakerRules(RuleBasedStateMachine):
    """A breaker against the plainest model of it: what it lets through, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[str] = []
        self.breaker = Breaker(threshold=3, pause=5.0, note=self.notes.append)
        self.now = 0.0
        self.opened_at: float | None = None
        self.in_a_row = 0
        self.running: list[bool] = []

    @property
    def trials(self) -> int:
        return sum(self.running)

    @rule()
    def ask(self) -> None:
        resting = self.opened_at is not None and (self.now < self.opened_at + 5.0 or self.trials > 0)
        try:
            trial = self.breaker.admit(self.now)
        except UpstreamResting:
            assert resting
        else:
            assert not resting
            assert trial is (self.opened_at is not None)
            self.running.append(trial)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        trial = self.take(data)
        self.breaker.succeeded(trial=trial)
        if trial:
            self.opened_at = None
        if self.opened_at is None:
            self.in_a_row = 0

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        trial = self.take(data)
        self.breaker.failed(self.now, trial=trial)
        if self.opened_at is None:
            self.in_a_row += 1
        if trial or (self.opened_at is None and self.in_a_row >= 3):
            self.opened_at = self.now

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        self.breaker.abandoned(trial=self.take(data))

    @rule(seconds=st.sampled_from([0.5, 2.0, 5.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def one_trial_at_most(self) -> None:
        assert self.trials <= 1

    @invariant()
    def the_state_is_told(self) -> None:
        told = self.notes[-1] if self.notes else "closed"
        assert told == ("closed" if self.opened_at is None else "half-open" if self.trials else "open")

    def take(self, data: st.DataObject) -> bool:
        return self.running.pop(data.draw(st.integers(0, len(self.running) - 1)))


TestBreakerRules = BreakerRules.TestCase
TestBreakerRules.settings = settings(deadline=None, max_examples=60)


def test_a_threshold_of_zero_never_opens_the_breaker() -> None:
    """`FAIRLEAD_BREAKER_FAILURES=0` turns it off."""
    breaker = Breaker(threshold=0, pause=5.0, note=lambda _: None)
    for _ in range(100):
        breaker.failed(0.0, trial=breaker.admit(0.0))
    assert breaker.closed


def test_a_late_failure_does_not_lengthen_the_pause() -> None:
    """Calls that were on their way when the breaker opened have no say in when it is tried again."""
    breaker = Breaker(threshold=1, pause=5.0, note=lambda _: None)
    breaker.failed(0.0, trial=False)
    breaker.failed(4.0, trial=False)
    assert breaker.admit(5.0)


class LimitRules(RuleBasedStateMachine):
    """Calls that come, end and are cancelled in any order, between any two steps of the loop."""

    MOST, WAITING = 3, 4

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.limit = Limit(self.MOST, self.WAITING, lambda _running, _waiting: None)
        self.order: list[int] = []
        self.entered: list[int] = []
        self.calls: dict[int, tuple[asyncio.Task[None], asyncio.Event]] = {}
        self.refused: list[int] = []
        self.count = 0

    async def call(self, number: int, done: asyncio.Event) -> None:
        try:
            await self.limit.enter(60)
        except UpstreamBusy:
            self.refused.append(number)
            return
        self.entered.append(number)
        try:
            await done.wait()
        finally:
            self.limit.leave()

    def step(self) -> None:
        self.loop.run_until_complete(asyncio.sleep(0))

    @rule(steps=st.integers(0, 3))
    def come(self, steps: int) -> None:
        self.count += 1
        done = asyncio.Event()
        self.calls[self.count] = (self.loop.create_task(self.call(self.count, done)), done)
        self.wait(steps)

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), steps=st.integers(0, 3))
    def end(self, data: st.DataObject, steps: int) -> None:
        self.calls[data.draw(st.sampled_from(sorted(self.calls)))][1].set()
        self.wait(steps)

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), steps=st.integers(0, 3))
    def cancel(self, data: st.DataObject, steps: int) -> None:
        self.calls[data.draw(st.sampled_from(sorted(self.calls)))][0].cancel()
        self.wait(steps)

    @rule(ceiling=st.integers(1, MOST))
    def change(self, ceiling: int) -> None:
        self.limit.allow(ceiling)

    @rule(steps=st.integers(1, 4))
    def wait(self, steps: int) -> None:
        for _ in range(steps):
            self.step()
        self.calls = {number: call for number, call in self.calls.items() if not call[0].done()}

    @invariant()
    def bounds_hold(self) -> None:
        assert 0 <= self.limit.running <= self.MOST
        assert self.limit.waiting <= self.WAITING

    @invariant()
    def nobody_waits_while_there_is_room(self) -> None:
        waits = [turn for turn in self.limit.queue if not turn.done()]
        assert not waits or self.limit.running >= self.limit.ceiling

    def teardown(self) -> None:
        for _, done in self.calls.values():
            done.set()
        for _ in range(3 * len(self.calls) + 10):
            self.wait(1)
        assert not self.calls  # no waiter is lost
        assert self.limit.running == 0
        assert self.limit.waiting == 0
        self.loop.close()


TestLimitRules = LimitRules.TestCase
TestLimitRules.settings = settings(deadline=None, max_examples=80)


async def test_who_waits_past_the_deadline_is_refused_and_leaves_no_hole() -> None:
    """A wait is bounded by the caller's deadline; those behind move up."""
    noted: list[tuple[int, int]] = []
    limit = Limit(1, 10, lambda running, waiting: noted.append((running, waiting)))
    await limit.enter(1)
    behind = asyncio.ensure_future(limit.enter(60))
    with pytest.raises(UpstreamBusy) as refused:
        await limit.enter(0.01)
    assert refused.value.retry_after == 1
    limit.leave()
    await behind
    assert noted == [(1, 0), (1, 1), (1, 2), (1, 1), (1, 0), (1, 0)]


async def test_turns_are_given_in_the_order_of_coming() -> None:
    """Nobody overtakes those who wait."""
    limit, order = Limit(1, 10, lambda _running, _waiting: None), []

    async def call(number: int) -> None:
        await limit.enter(60)
        order.append(number)
        limit.leave()

    await limit.enter(1)
    calls = [asyncio.ensure_future(call(number)) for number in range(10)]
    await asyncio.sleep(0)
    calls[3].cancel()
    limit.leave()
    await asyncio.wait(calls)
    assert order == [0, 1, 2, 4, 5, 6, 7, 8, 9]


def answer(*, body: bytes = b"{}", status: int = 200, **headers: str) -> UpstreamResponse:
    """An upstream's answer; `cache_control="…"` is the header `cache-control`."""
    return UpstreamResponse(status, tuple((name.replace("_", "-"), value) for name, value in headers.items()), body)


@pytest.mark.parametrize(
    ("response", "seconds"),
    [
        (answer(), 10.0),
        (answer(cache_control="max-age=3"), 3.0),
        (answer(cache_control="public, Max-Age=300"), 10.0),
        (answer(cache_control="max-age=7", age="5"), 2.0),
        (answer(cache_control="max-age=7", age="50"), 0.0),
        (answer(cache_control="private, max-age=4"), 4.0),
        (answer(cache_control="s-maxage=4"), 10.0),
        (answer(cache_control="no-cache"), 0.0),
        (answer(cache_control="No-Store, max-age=9"), None),
        (UpstreamResponse(200, (("cache-control", "no-store"), ("cache-control", "max-age=9")), b""), None),
        (UpstreamResponse(200, (("vary", "*"), ("vary", "accept")), b""), None),
        (answer(set_cookie="session=1"), None),
        (answer(vary="*"), None),
        (answer(status=404), None),
        (answer(status=206), None),
    ],
)
def test_an_answer_is_kept_as_long_as_both_sides_allow(response: UpstreamResponse, seconds: float | None) -> None:
    """The upstream may shorten what the operator set, and forbid it."""
    assert lifetime(response, 10.0) == seconds


def test_the_cache_is_bounded_in_entries_and_bytes() -> None:
    """Whoever asks for many things pushes out what was not used for longest, and no more than that."""
    cache = Cache(most_entries=3, most_bytes=20_000)
    keys = [identity(UpstreamRequest("GET", f"http://api/{number}", ())) for number in range(5)]
    entries = [_entry(b"x") for _ in keys]
    for key, entry in zip(keys[:3], entries, strict=False):
        cache.put(key, entry)
    cache.get(keys[0])
    cache.put(keys[3], entries[3])
    assert [cache.get(key) is not None for key in keys] == [True, False, True, True, False]
    cache.put(keys[4], _entry(b"x" * 100_000))
    assert [cache.get(key) is not None for key in keys] == [True, False, True, True, False]
    cache.put(keys[4], _entry(b"x" * 17_500))
    assert [cache.get(key) is not None for key in keys] == [False, False, False, True, True]
    cache.clear()
    assert not any(cache.get(key) for key in keys)


def _entry(body: bytes) -> Entry:
    entry = entry_for(answer(body=body), 10.0, 0.0)
    assert entry is not None
    return entry
