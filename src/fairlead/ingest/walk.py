"""Walks a stretch of time from its newest event to its oldest, so that no page boundary can hide one.

Page tokens are not trusted at a boundary: some upstreams lose events of one instant there, some repeat them for ever.
So every page is asked for by time and begins with the whole second that the page before it ended in; only a second
that holds more than a page is walked by tokens (`dense.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice
from fairlead.errors import UpstreamInvalid
from fairlead.ingest.api import Ask, Read
from fairlead.ingest.dense import read_second
from fairlead.ingest.found import Found, incoming, oldest, read_events, second_of, told_page


async def walk(read: Read, window: Slice, size: int) -> AsyncIterator[Found]:
    """The events of a window, page by page, each with the time that is covered once it is kept.

    Raises UpstreamError when a page cannot be read; what came before it stays true.
    """
    # Whether the upstream's bounds include their own instant is not known; a second more on both sides is.
    since, until, high = second_of(window.start) - 1, second_of(window.end - 1) + 2, window.end
    while True:
        page = await told_page(read, Ask(max(since, 0), until, size))
        events = read_events(page)
        bottom = oldest(events)
        is_last = page.onward is None and len(events) < size
        if bottom is None or bottom < window.start or is_last:
            cut_at = (bottom if bottom is not None else high) if page.limit_reached else None
            yield Found(incoming(events, high - 1), Slice(window.start, high), cut_at=cut_at, read_at=page.read_at)
            return
        if second_of(bottom) > until:
            raise UpstreamInvalid(
                "The upstream answered with events that are newer than what it was asked for.",
                remedy="Nothing more was kept; tell us what the upstream is.",
            )
        # Bounds that include their own instant show it again; what is below it is still to be read.
        second = min(second_of(bottom), until - 1)
        if second + 1 < until:
            border = (second + 1) * NANOS_PER_SECOND
            whole = tuple(event for event in events if event.nanos is None or event.nanos >= border)
            yield Found(incoming(whole, high - 1), Slice(border, high), read_at=page.read_at)
            until, high = second + 1, min(high, border)
            continue
        dense = await read_second(read, second, size, events)
        border = max(second * NANOS_PER_SECOND, window.start)
        yield Found(incoming(dense.events, high - 1), Slice(border, high), torn=dense.torn, read_at=page.read_at)
        until, high = second, min(high, border)
        if high <= window.start:
            return
