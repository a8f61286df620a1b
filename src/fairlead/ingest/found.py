"""What reading brings: events, what is covered once they are kept, and what cannot be."""

from __future__ import annotations

from typing import NamedTuple

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice
from fairlead.archive.events import head_of, nanos_of
from fairlead.archive.preparation import Incoming
from fairlead.errors import UpstreamInvalid
from fairlead.ingest.api import ApiPage, Ask, Read

_ASKED_AGAIN = 2
_MOST_EMPTY = 20


class ReadEvent(NamedTuple):
    """One event of a page: its bytes, its id (the bytes stand for one without), and its instant if it has one."""

    raw: bytes
    key: str | bytes
    nanos: int | None


class Found(NamedTuple):
    """A step of a walk: events, the time that is covered with them, and where retention cut the history."""

    events: tuple[Incoming, ...]
    covered: Slice
    torn: Slice | None = None
    """Time that pages could not be made to show completely."""
    cut_at: int | None = None
    """Where the upstream says that history ends: its oldest event, or the end of what was asked when it has none."""
    read_at: float = 0.0


def read_events(page: ApiPage) -> tuple[ReadEvent, ...]:
    """The events of a page, looked at just enough to walk on."""
    return tuple(map(_read, page.events))


def _read(raw: bytes) -> ReadEvent:
    head = head_of(raw)
    return ReadEvent(raw, head.id or raw, nanos_of(head.timestamp))


def incoming(events: tuple[ReadEvent, ...], near: int) -> tuple[Incoming, ...]:
    """Events as the archive takes them, oldest first; one without an instant stands by the one it came after."""
    made: list[Incoming] = []
    for event in events:
        near = near if event.nanos is None else event.nanos
        made.append(Incoming(event.raw, near))
    return tuple(reversed(made))


def oldest(events: tuple[ReadEvent, ...]) -> int | None:
    """The instant of the last event that has one."""
    return next((event.nanos for event in reversed(events) if event.nanos is not None), None)


def second_of(nanos: int) -> int:
    """The Unix second of an instant."""
    return nanos // NANOS_PER_SECOND


async def told_page(read: Read, ask: Ask) -> ApiPage:
    """The page asked for; raises UpstreamInvalid for one that tells no time and always leads on.

    An empty page with a link to go on is not the end. It is asked for again, because the link's token may hide events;
    only when it stays empty is the link followed.
    """
    page = await read(ask)
    for _ in range(_ASKED_AGAIN):
        if page.onward is None or _tells_time(page):
            return page
        page = await read(ask)
    before: tuple[bytes, ...] = ()
    for _ in range(_MOST_EMPTY):
        if page.onward is None or _tells_time(page):
            return page._replace(events=(*before, *page.events))
        before = (*before, *page.events)
        page = await read(ask._replace(onward=page.onward, back=None))
    raise UpstreamInvalid(
        f"The upstream gave {_MOST_EMPTY} pages in a row without a readable event, and always one more.",
        remedy="Try again later; what was kept so far stays.",
    )


def _tells_time(page: ApiPage) -> bool:
    return any(_read(raw).nanos is not None for raw in reversed(page.events))
