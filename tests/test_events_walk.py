"""A walk through an upstream's pages finds every event or says where it may not have, whatever its pages do."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice, covers, joined
from fairlead.errors import UpstreamInvalid, UpstreamRejected
from fairlead.ingest.api import ApiPage, Ask
from fairlead.ingest.found import Found
from fairlead.ingest.walk import walk

START = 1_000 * NANOS_PER_SECOND
Mishap = Literal["", "empty", "again", "neighbour", "self-link"]


@dataclass(frozen=True, slots=True)
class Sent:
    """An event of the upstream: its instant and its number, which tells events of one instant apart."""

    nanos: int
    number: int

    @property
    def raw(self) -> bytes:
        """The event as JSON; its number is its id."""
        seconds, nanos = divmod(self.nanos, NANOS_PER_SECOND)
        text = f"1970-01-01T00:{seconds // 60:02d}:{seconds % 60:02d}.{nanos:09d}Z"
        return b'{"id":"%d","timestamp":"%s"}' % (self.number, text.encode())


@dataclass(slots=True)
class Upstream:
    """Pages in memory: what tokens mean, how many events a page has at most, and what goes wrong at which answer."""

    events: tuple[Sent, ...]
    boundary: Literal["exact", "exclusive", "inclusive"]
    most: int
    to_inclusive: bool
    mishaps: tuple[Mishap, ...]
    asked: int = field(default=0)

    async def read(self, ask: Ask) -> ApiPage:
        """The page asked for, or what a mishap makes of it."""
        self.asked += 1
        assert self.asked < 20_000, "the walk does not end"
        mishap = self.mishaps[self.asked % len(self.mishaps)] if self.mishaps else ""
        shown = [each for each in self.events if self._is_within(each, ask)]
        size = min(ask.size, self.most)
        low = self._below(shown, ask.onward) if ask.back is None else 0
        high = low + size
        if ask.back is not None:
            high = self._above(shown, ask.back)
            low = max(0, high - size)
        if mishap == "again" and ask.onward is not None:
            low, high = max(0, low - size), low
        page, more = shown[low:high], high < len(shown)
        onward = None
        if more:
            onward = self._token(shown, high - 1) if page else f"at {high}"
        back = self._token(shown, low) if low > 0 and page else ask.back
        if mishap == "empty" and page:
            return ApiPage((), f"at {low}", None, limit_reached=False, read_at=0.0)
        if mishap == "neighbour" and low > 0:
            page = [shown[low - 1], *page]
        if mishap == "self-link" and onward is not None:
            onward = ask.onward or onward
        return ApiPage(tuple(each.raw for each in page), onward, back, limit_reached=False, read_at=0.0)

    def _is_within(self, each: Sent, ask: Ask) -> bool:
        until = ask.until * NANOS_PER_SECOND
        return ask.since * NANOS_PER_SECOND <= each.nanos < until + self.to_inclusive

    def _token(self, shown: list[Sent], place: int) -> str:
        return f"exactly {place}" if self.boundary == "exact" else str(shown[place].nanos)

    def _below(self, shown: list[Sent], token: str | None) -> int:
        if token is None:
            return 0
        kind, _, place = token.partition(" ")
        if place:
            return int(place) + (kind == "exactly")
        nanos = int(token) + (self.boundary == "inclusive")
        return sum(each.nanos >= nanos for each in shown)

    def _above(self, shown: list[Sent], token: str) -> int:
        _, _, place = token.partition(" ")
        if place:
            return int(place)
        nanos = int(token) + (self.boundary != "inclusive")
        return sum(each.nanos >= nanos for each in shown)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Sent, ...]:
    """A few seconds of events, newest first, many of them at one instant, some of these at a whole second."""
    instants = draw(
        st.lists(
            st.tuples(st.integers(0, 4), st.sampled_from([0, 0, 1, 500_000_000, 999_999_999]), st.integers(1, 9)),
            max_size=6,
        )
    )
    moments = [START + second * NANOS_PER_SECOND + part for second, part, times in instants for _ in range(times)]
    return tuple(Sent(nanos, number) for number, nanos in enumerate(sorted(moments, reverse=True)))


async def steps_of(upstream: Upstream, window: Slice, size: int) -> list[Found]:
    """All steps of a walk."""
    return [found async for found in walk(upstream.read, window, size)]


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=histories(),
    boundary=st.sampled_from(["exact", "exclusive", "inclusive"]),
    size=st.integers(1, 6),
    most=st.integers(1, 6),
    to_inclusive=st.booleans(),
    mishaps=st.lists(st.sampled_from(["", "", "empty", "again", "neighbour", "self-link"]), max_size=7).map(tuple),
    edges=st.tuples(st.integers(0, 2 * NANOS_PER_SECOND), st.integers(1, 6 * NANOS_PER_SECOND)),
)
def test_a_walk_finds_every_event_or_says_which_second_may_lack_some(
    events: tuple[Sent, ...],
    boundary: Literal["exact", "exclusive", "inclusive"],
    size: int,
    most: int,
    to_inclusive: bool,
    mishaps: tuple[Mishap, ...],
    edges: tuple[int, int],
) -> None:
    """No boundary rule, tie, page size, empty page, repeated page or repeated event hides an event in silence."""
    window = Slice(START + edges[0], START + edges[0] + edges[1])
    upstream = Upstream(events, boundary, most, to_inclusive, mishaps)
    try:
        steps = asyncio.run(steps_of(upstream, window, size))
    except UpstreamInvalid:
        event("refused")
        assert any(mishaps)
        return
    found = {incoming.raw for step in steps for incoming in step.events}
    torn = [step.torn for step in steps if step.torn is not None]
    event(f"torn: {bool(torn)}")
    assert found <= {each.raw for each in events}
    assert joined(step.covered for step in steps) == (window,)
    wanted = [each for each in events if window.start <= each.nanos < window.end]
    missing = [each for each in wanted if each.raw not in found and not covers(torn, Slice(each.nanos, each.nanos + 1))]
    assert missing == []
    if boundary == "exact" and not any(mishaps):
        assert torn == []
        assert {each.raw for each in wanted} <= found


@settings(max_examples=100, deadline=None)
@given(events=histories(), boundary=st.sampled_from(["exclusive", "inclusive"]), to_inclusive=st.booleans())
def test_an_instant_that_pages_can_show_is_never_torn(
    events: tuple[Sent, ...], boundary: Literal["exclusive", "inclusive"], to_inclusive: bool
) -> None:
    """Events of one instant that fit into a page, and one more, are read whole, wherever the page is cut."""
    window = Slice(START, START + 5 * NANOS_PER_SECOND)
    ties = [sum(other.nanos == each.nanos for other in events) for each in events]
    size = max(ties, default=1) + 1
    upstream = Upstream(events, boundary, size, to_inclusive, ())
    steps = asyncio.run(steps_of(upstream, window, size))
    assert [step.torn for step in steps if step.torn] == []
    assert {each.raw for each in events} == {incoming.raw for step in steps for incoming in step.events}


def test_an_upstream_that_ignores_the_end_of_a_window_is_refused() -> None:
    """Events newer than what was asked for would make the walk believe that it has seen what is older."""
    upstream = Upstream(tuple(Sent(START + 10**12, number) for number in range(9)), "exact", 5, False, ())

    async def deaf(ask: Ask) -> ApiPage:
        return await upstream.read(ask._replace(until=9_999))

    async def run() -> list[Found]:
        return [found async for found in walk(deaf, Slice(START, START + NANOS_PER_SECOND), 5)]

    with pytest.raises(UpstreamInvalid, match="newer than what it was asked for"):
        asyncio.run(run())


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refusal_in_the_middle_of_a_second_ends_the_walk(status: int) -> None:
    """To be refused is not the same as there being nothing: it never becomes a record that something is lost."""
    upstream = Upstream(tuple(Sent(START, number) for number in range(9)), "exclusive", 5, False, ())

    async def refusing(ask: Ask) -> ApiPage:
        if ask.back is not None:
            raise UpstreamRejected(status, "", ())
        return await upstream.read(ask)

    async def run() -> list[Found]:
        return [found async for found in walk(refusing, Slice(START, START + NANOS_PER_SECOND), 5)]

    with pytest.raises(UpstreamRejected, match=str(status)):
        asyncio.run(run())


def test_an_upstream_that_shuffles_an_instant_is_not_believed() -> None:
    """Where the order of a tie changes from page to page, overlapping pages prove nothing."""
    chance = random.Random(3)
    events = [Sent(START, number) for number in range(40)]

    async def shuffling(ask: Ask) -> ApiPage:
        chance.shuffle(events)
        return await Upstream(tuple(events), "exclusive", 25, False, ()).read(ask)

    async def run() -> list[Found]:
        return [found async for found in walk(shuffling, Slice(START, START + NANOS_PER_SECOND), 25)]

    assert [step.torn for step in asyncio.run(run()) if step.torn] == [Slice(START, START + NANOS_PER_SECOND)]
