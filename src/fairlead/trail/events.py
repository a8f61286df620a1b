"""Reads a page of events from the archive in the upstream's own contract, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import orjson

from fairlead.archive.asking import API_NAMES
from fairlead.archive.contract import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAXIMUM, digits, filter_nanos
from fairlead.archive.model import Filter, OrganizationState, Page, Query, Turn
from fairlead.archive.store import Archive
from fairlead.trail.first import Asked

EVENTS_PATH = "/organization/{organizationId}/events"
"""Where the upstream has what is answered here."""

_SHIFT = 7_000_000_000_000_000_000
"""Archive tokens are positions moved by 222 years, so that they name a time that no token of the upstream does."""

_FILTERS = (
    "eventType",
    "targetType",
    "subTargetType",
    "origin",
    "triggeredBy",
    "targetId",
    "serviceProjectId",
    "serviceEnvironmentId",
)


class Received(NamedTuple):
    """What a request to the upstream says: its organization, and its arguments as they came and without empty ones."""

    organization: str
    pairs: tuple[tuple[str, str], ...]
    given: Mapping[str, str]


def received(url: str) -> Received:
    """What a request to an address of an organization's resource says."""
    parts = urlsplit(url)
    pairs = tuple(parse_qsl(parts.query, keep_blank_values=True))
    organization = unquote(parts.path.split("/")[-2]).lower()
    return Received(organization, pairs, {name: value for name, value in pairs if value})


def query_of(said: Received, filters: Iterable[str]) -> Query:
    """The events that a request asks for; raises ValueError for a time that only the upstream can judge."""
    given = said.given
    return Query(
        organization=said.organization,
        since=filter_nanos(given["fromTimestamp"]) if "fromTimestamp" in given else None,
        until=filter_nanos(given["toTimestamp"]) if "toTimestamp" in given else None,
        filters=tuple(Filter(API_NAMES[name], (given[name],)) for name in filters if name in given),
    )


def events_asked(url: str) -> Asked | None:
    """The page that a request asks for; None for what only the upstream can judge."""
    said = received(url)
    given = said.given
    try:
        query = query_of(said, _FILTERS)
        size = min(int(float(given.get("pageSize", PAGE_SIZE_DEFAULT))), PAGE_SIZE_MAXIMUM)
        below, above = _position(given.get("continueToken")), _position(given.get("stepBackToken"))
    except (ValueError, OverflowError):
        return None
    if size < 1 or ("continueToken" in given and "stepBackToken" in given):
        return None
    goes_on = below is not None or above is not None
    if not goes_on and given.keys() & {"continueToken", "stepBackToken"}:
        return None  # a token of the upstream

    def body(archive: Archive, state: OrganizationState) -> bytes:
        return _body(said, query, archive.page(query, Turn(limit=size, below=below, above=above)), state)

    return Asked(query, goes_on, body)


def _body(said: Received, query: Query, page: Page, state: OrganizationState) -> bytes:
    """The page as the upstream writes pages."""
    links: dict[str, str] = {}
    if page.events:
        if page.has_newer:
            links["previous"] = _link(said, "stepBackToken", page.events[0].position)
        if page.has_older:
            links["next"] = _link(said, "continueToken", page.events[-1].position)
    # The archive's own beginning is where a reader's history is cut off, if something was before it.
    is_cut = not page.has_older and any(gap.start is None or gap.end >= (query.since or 0) for gap in state.gaps)
    events = b",".join([event.raw for event in page.events])
    reached = b"true" if is_cut else b"false"
    return b'{"links":%b,"organization_max_limit_reached":%b,"events":[%b]}' % (orjson.dumps(links), reached, events)


def _link(said: Received, token: str, position: int) -> str:
    kept = [(name, value) for name, value in said.pairs if name not in {"continueToken", "stepBackToken"}]
    return f"/organization/{said.organization}/events?{urlencode([*kept, (token, str(position + _SHIFT))])}"


def _position(token: str | None) -> int | None:
    if token is None:
        return None
    number = digits(token)
    return number - _SHIFT if number >= _SHIFT else None
