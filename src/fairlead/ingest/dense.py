"""Reads a second that holds more events than a page, with page tokens, whatever these do to events of one instant.

An upstream's token may point exactly at an event, or only at its instant: then the rest of that instant is lost
(`ts < T`) or comes again and again (`ts <= T`). Every border between two pages is therefore checked, and where it
leaves a doubt the border is crossed once more from below. What stays in doubt is told as torn.
"""

from __future__ import annotations

from typing import NamedTuple

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice
from fairlead.errors import UpstreamRejected
from fairlead.ingest.api import ApiPage, Ask, Read
from fairlead.ingest.found import ReadEvent, oldest, read_events, told_page

_MOST_PAGES = 1_000


class Dense(NamedTuple):
    """The events of a second, newest first, and the instant that may lack some."""

    events: tuple[ReadEvent, ...]
    torn: Slice | None


class _Border(NamedTuple):
    """The last event before a border that left a doubt, and the page behind it; None when none could be reached."""

    before: ReadEvent
    behind: ApiPage | None


async def read_second(read: Read, second: int, size: int, shown: tuple[ReadEvent, ...]) -> Dense:
    """All events of a Unix second, of which a page has `shown` some already."""
    ask = Ask(max(second - 1, 0), second + 1, size)
    events, doubts = await _down(read, ask, second * NANOS_PER_SECOND)
    whole = Slice(second * NANOS_PER_SECOND, (second + 1) * NANOS_PER_SECOND)
    # An upstream that shows other events at the second look cannot be trusted to have shown all.
    torn = whole if {event.key for event in shown} - {event.key for event in events} else None
    events += shown
    for border in doubts:
        crossed = await _crossed(read, ask, border, second * NANOS_PER_SECOND)
        if crossed is None:
            torn = whole
        else:
            events += crossed
    inside = {event.key: event for event in events}
    ordered = sorted(inside.values(), key=lambda event: event.nanos or 0, reverse=True)
    return Dense(tuple(ordered), torn)


async def _down(read: Read, ask: Ask, floor: int) -> tuple[list[ReadEvent], list[_Border]]:
    """The events from page to page, and the borders that may have hidden some."""
    page = await told_page(read, ask)
    events = list(read_events(page))
    seen = {event.key for event in events}
    doubts: list[_Border] = []
    for _ in range(_MOST_PAGES):
        bottom = oldest(tuple(events))
        if page.onward is None or not events or bottom is None or bottom < floor:
            break
        behind = await told_page(read, ask._replace(onward=page.onward))
        found = read_events(behind)
        new = [event for event in found if event.key not in seen]
        if not new:
            doubts.append(_Border(events[-1], None))
            break
        if found[0] is new[0] and found[0].nanos != events[-1].nanos:
            doubts.append(_Border(events[-1], behind))
        events += new
        seen.update(event.key for event in new)
        page = behind
    return events, doubts


async def _crossed(read: Read, ask: Ask, border: _Border, floor: int) -> list[ReadEvent] | None:
    """The events from behind a border up to the one before it; None when that is not reached."""
    token = border.behind.back if border.behind is not None else str(floor - 1)
    events: list[ReadEvent] = []
    seen: set[str | bytes] = set()
    for _ in range(_MOST_PAGES):
        if token is None:
            return None
        try:
            page = await read(ask._replace(back=token))
            found = read_events(page) or read_events(page := await read(ask._replace(back=token)))
        except UpstreamRejected:
            return None
        keys = {event.key for event in found}
        # From the second step on, pages have to overlap: only then does nothing lie between them.
        if seen and not seen & keys:
            return None
        events += found
        if border.before.key in keys:
            return events
        if keys <= seen:
            return None
        seen |= keys
        token = page.back
    return None
