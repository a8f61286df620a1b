"""How often each caller may call."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.errors import TooManyRequests
from fairlead.expose.caller_tokens import read_token_file
from fairlead.expose.rates import CallRates, place_of
from guarded_documents import guarded_plan
from issuer import NOW
from policies import TOKENS, World, asking, bearer, doors


def test_a_caller_has_its_minutes_calls_and_no_more() -> None:
    """At once after a pause, then evenly; the refusal says how long to wait, and waiting that long is enough."""
    rates = CallRates(60)
    for _ in range(60):
        rates.spend("ada", NOW)
    with pytest.raises(TooManyRequests, match="60 times a minute") as told:
        rates.spend("ada", NOW)
    assert told.value.retry_after == pytest.approx(1)
    rates.spend("bob", NOW)
    rates.spend("ada", NOW + 1)
    with pytest.raises(TooManyRequests):
        rates.spend("ada", NOW + 1)
    for _ in range(60):
        rates.spend("ada", NOW + 100)
    with pytest.raises(TooManyRequests) as told:
        rates.spend("ada", NOW - 3_600)
    assert told.value.retry_after == pytest.approx(1)  # the clock was set back, and nobody is locked out for an hour
    slow = CallRates(0.5)
    slow.spend("ada", NOW)
    with pytest.raises(TooManyRequests) as told:
        slow.spend("ada", NOW)
    assert told.value.retry_after == pytest.approx(120)


@given(st.floats(0.1, 1_000), st.lists(st.floats(0, 300), max_size=80))
def test_no_pattern_of_calls_gets_more_than_the_rate(rate: float, moments: list[float]) -> None:
    """In any stretch of time: the rate times its minutes, and one full bucket."""
    rates, taken = CallRates(rate), []
    for moment in sorted(moments):
        try:
            rates.spend("ada", moment)
        except TooManyRequests:
            continue
        taken.append(moment)
    for first, begin in enumerate(taken):
        for last, end in enumerate(taken[first:], start=first):
            assert last - first + 1 <= max(1, rate) + (end - begin) * rate / 60 + 1e-3


def test_the_callers_who_are_remembered_are_bounded() -> None:
    """A flood of addresses costs a fixed amount of memory; one home with IPv6 is one caller."""
    rates = CallRates(10, most_callers=100)
    for number in range(1_000):
        rates.spend(f"192.0.2.{number}", NOW)
    assert len(rates) == 100
    assert place_of("2001:db8::1") == place_of("2001:db8::ffff:1") != place_of("2001:db8:0:1::1")
    assert place_of("::ffff:192.0.2.1") == place_of("192.0.2.1")
    assert [place_of(text) for text in ("", "unix", "fe80::1%eth0")] == ["", "unix", "fe80::/64"]


async def test_each_caller_has_its_own_rate_on_both_adapters_together(tmp_path: Path) -> None:
    """By name where there is one, by address where there is none."""
    world = World()
    plan = guarded_plan(tmp_path)
    named = read_token_file("".join(f"{name} {token}\n" for name, token in TOKENS.items()))
    opened = doors(plan, world=world, named=named, api_token_file="tokens", call_rate=2.0)
    await opened.rest.admit(bearer(TOKENS["ada"]))
    await opened.mcp.admit(bearer(TOKENS["ada"]))
    with pytest.raises(TooManyRequests):
        await opened.rest.admit(bearer(TOKENS["ada"]))
    await opened.rest.admit(bearer(TOKENS["bob"]))
    world.now += 30
    await opened.rest.admit(bearer(TOKENS["ada"]))
    anyone = doors(plan, world=world, call_rate=1.0).rest
    await anyone.admit(asking(remote="192.0.2.1"))
    await anyone.admit(asking(remote="192.0.2.2"))
    with pytest.raises(TooManyRequests):
        await anyone.admit(asking(remote="192.0.2.1"))
