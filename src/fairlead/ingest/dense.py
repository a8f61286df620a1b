"""Reads a second that holds more events than a page, with page tokens, whatever these do to events of one instant.

An upstream's token may point exactly at an event, or only at its instant: then the rest of that instant is lost
(`ts < T`) or comes again and again (`ts <= T`). Every border between two pages is therefore checked, and where it
leaves a doubt the border is crossed once more from below. What stays in doubt is told as torn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice
from fairlead.errors import UpstreamRejected
from fairlead.ingest.api import ApiPage, Ask, Read
from fairlead.ingest.found import ReadEvent, read_events, told_page

_MOST_PAGES = 1_000
_ASKED_AGAIN = 2
# What a token that we made ourselves may be answered with.
_NO_TOKEN = (400, 422)

Key = str | bytes


class Dense(NamedTuple):
    """The events of a second, newest first, and the instant that may lack some."""

    events: tuple[ReadEvent, ...]
    torn: Slice | None


class _Border(NamedTuple):
    """The last event before a border that left a doubt, and the page behind it; None when none could be reached."""

    before: ReadEvent
    behind: ApiPage | None


class _Descent(NamedTuple):
    """What was seen from page to page, the borders that may have hidden some, and whether it came to an end."""

    events: list[ReadEvent]
    doubts: list[_Border]
    is_whole: bool


class _Crossing(NamedTuple):
    """What was seen from below a border, newest first, and whether that reaches what was seen above without a break."""

    events: list[ReadEvent]
    is_whole: bool


async def read_second(read: Read, second: int, size: int, shown: tuple[ReadEvent, ...]) -> Dense:
    """All events of a Unix second, of which a page has `shown` some already."""
    floor = second * NANOS_PER_SECOND
    ask = Ask(max(second - 1, 0), second + 1, size)
    events, doubts, is_whole = await _down(read, ask, floor)
    places = {event.key: place for place, event in enumerate(events)}
    # An upstream that shows other events at the second look, or in another order, may hide some at every border.
    is_whole = is_whole and all(event.key in places for event in shown) and _in_order(places, shown)
    events += shown
    for border in doubts:
        crossed = await _crossed(read, ask, border, floor)
        is_whole = is_whole and crossed.is_whole and _in_order(places, crossed.events)
        events += crossed.events
    # Of one id there may be several revisions, so that only equal bytes are the same.
    inside = {event.raw: event for event in events}
    ordered = sorted(inside.values(), key=lambda event: event.nanos or 0, reverse=True)
    return Dense(tuple(ordered), None if is_whole else Slice(floor, floor + NANOS_PER_SECOND))


async def _down(read: Read, ask: Ask, floor: int) -> _Descent:
    """The events from page to page."""
    page = await told_page(read, ask)
    events = list(read_events(page))
    places = {event.key: place for place, event in enumerate(events)}
    doubts: list[_Border] = []
    again = 0
    for _ in range(_MOST_PAGES):
        if page.onward is None or not events or _is_below(events, floor):
            return _Descent(events, doubts, is_whole=True)
        behind = await told_page(read, ask._replace(onward=page.onward))
        found = read_events(behind)
        if not _in_order(places, found):
            return _Descent(events + list(found), doubts, is_whole=False)
        new = [event for event in found if event.key not in places]
        if new:
            if not _goes_on(events[-1], found, new[0]):
                doubts.append(_Border(events[-1], behind))
            places.update({event.key: len(events) + place for place, event in enumerate(new)})
            events += new
        elif behind.onward is None or again == _ASKED_AGAIN:
            doubts.append(_Border(events[-1], None))
            return _Descent(events, doubts, is_whole=True)
        # A page that came twice, or led to itself, may have been a mishap.
        again = 0 if new else again + 1
        page = behind
    return _Descent(events, doubts, is_whole=False)


def _goes_on(last: ReadEvent, found: tuple[ReadEvent, ...], new: ReadEvent) -> bool:
    """Whether a page surely begins where the one before it ended: with its last event, and within one instant.

    That alone is not enough: some upstreams repeat an event at a border, and still hide others there.
    """
    return new.nanos == last.nanos and last.key in {event.key for event in found}


def _is_below(events: list[ReadEvent], floor: int) -> bool:
    bottom = next((event.nanos for event in reversed(events) if event.nanos is not None), None)
    return bottom is None or bottom < floor


def _in_order(places: Mapping[Key, int], found: tuple[ReadEvent, ...] | list[ReadEvent]) -> bool:
    """Whether events that were seen before come in the order they were seen in."""
    known = [places[event.key] for event in found if event.key in places]
    return known == sorted(known)


async def _crossed(read: Read, ask: Ask, border: _Border, floor: int) -> _Crossing:
    """The events from behind a border up to the one before it."""
    if border.behind is not None and border.behind.back is not None:
        crossing = await _up(read, ask._replace(back=border.behind.back), border.before)
        if crossing.is_whole:
            return crossing
    # What the token behind the border does not reach, one below the whole second may.
    return await _up(read, ask._replace(back=str(floor - 1)), border.before)


async def _up(read: Read, ask: Ask, before: ReadEvent) -> _Crossing:
    """The events from a token for newer ones up to an event."""
    events: list[ReadEvent] = []
    seen: set[Key] = set()
    for _ in range(_MOST_PAGES):
        try:
            page = await read(ask)
            found = read_events(page) or read_events(page := await read(ask))
        except UpstreamRejected as refusal:
            if refusal.status not in _NO_TOKEN:
                raise
            break
        keys = {event.key for event in found}
        # From the second step on, pages have to overlap: only then does nothing lie between them.
        is_broken = bool(seen) and not seen & keys
        events = [*(event for event in found if event.key not in seen), *events]
        if is_broken or before.key in keys:
            return _Crossing(events, not is_broken)
        if keys <= seen or page.back is None:
            break
        seen |= keys
        ask = ask._replace(back=page.back)
    return _Crossing(events, is_whole=False)
