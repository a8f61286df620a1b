"""Answers the upstream's own operation, a page of events, from the archive: in the same contract, byte for byte."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import orjson

from fairlead.archive.contract import PAGE_SIZE_DEFAULT, PAGE_SIZE_MAXIMUM, digits, filter_nanos
from fairlead.archive.coverage import Slice
from fairlead.archive.model import Dimension, Filter, OrganizationState, Page, Query, Turn
from fairlead.archive.store import Archive
from fairlead.errors import ArchiveError
from fairlead.telemetry.records import record
from fairlead.trail.standing import Standing, answers
from fairlead.upstream.request import Call, UpstreamRequest, UpstreamResponse

EVENTS_PATH = "/organization/{organizationId}/events"
"""Where the upstream has what is answered here."""

SOURCE_ARCHIVE, SOURCE_API = "archive", "api"
_SHIFT = 7_000_000_000_000_000_000
"""Archive tokens are positions moved by 222 years, so that they name a time that no token of the upstream does."""

_ALWAYS = (1 << 63) - 1
_FILTERS: dict[str, Dimension] = {
    "eventType": "event_type",
    "targetType": "target_type",
    "subTargetType": "sub_target_type",
    "origin": "origin",
    "triggeredBy": "triggered_by",
    "targetId": "target_id",
    "serviceProjectId": "project_id",
    "serviceEnvironmentId": "environment_id",
}


class Asked(NamedTuple):
    """A request for a page: of which events, where it goes on, and all that was received, for the links."""

    query: Query
    turn: Turn
    received: tuple[tuple[str, str], ...]
    goes_on: bool


def archive_first(archive: Archive, call: Call, wall: Callable[[], float]) -> Call:
    """The call answered by the archive where it has all that the upstream could say, else by the upstream.

    A walk goes on where it began: a token of the archive is never sent upstream, nor the other way round. An archive
    that cannot be read leaves the answer to the upstream.
    """
    standing = Standing(archive, wall)

    def answer(asked: Asked) -> UpstreamResponse | None:
        state, now = standing.of(asked.query.organization)
        window = Slice(asked.query.since or 0, _ALWAYS if asked.query.until is None else asked.query.until)
        if not asked.goes_on and not answers(state, window, now):
            return None
        page = archive.page(asked.query, asked.turn)
        age = max(0.0, (now - (state.tail_read_at or now)) / 1e9)
        return UpstreamResponse(
            200, (("content-type", "application/json"),), body_of(asked, page, state), age=age, source=SOURCE_ARCHIVE
        )

    async def answered(request: UpstreamRequest) -> UpstreamResponse:
        asked = asked_of(request.url)
        if asked is not None:
            try:
                response = await asyncio.to_thread(answer, asked)
            except ArchiveError as failure:
                if asked.goes_on:
                    raise
                record("archive not readable", reason=str(failure), detail=failure.detail)
                response = None
            if response is not None:
                return response
        return (await call(request))._replace(source=SOURCE_API)

    return answered


def asked_of(url: str) -> Asked | None:
    """What a request asks for; None for what only the upstream can judge."""
    parts = urlsplit(url)
    received = tuple(parse_qsl(parts.query, keep_blank_values=True))
    given = {name: value for name, value in received if value}
    try:
        organization = unquote(parts.path.split("/")[-2]).lower()
        query = Query(
            organization=organization,
            since=filter_nanos(given["fromTimestamp"]) if "fromTimestamp" in given else None,
            until=filter_nanos(given["toTimestamp"]) if "toTimestamp" in given else None,
            filters=tuple(Filter(dimension, (given[name],)) for name, dimension in _FILTERS.items() if name in given),
        )
        size = min(int(float(given.get("pageSize", PAGE_SIZE_DEFAULT))), PAGE_SIZE_MAXIMUM)
        below, above = _position(given.get("continueToken")), _position(given.get("stepBackToken"))
    except (ValueError, OverflowError):
        return None
    if size < 1 or ("continueToken" in given and "stepBackToken" in given):
        return None
    goes_on = below is not None or above is not None
    if not goes_on and given.keys() & {"continueToken", "stepBackToken"}:
        return None  # a token of the upstream
    return Asked(query, Turn(limit=size, below=below, above=above), received, goes_on)


def body_of(asked: Asked, page: Page, state: OrganizationState) -> bytes:
    """The page as the upstream writes pages."""
    links: dict[str, str] = {}
    if page.events:
        if page.has_newer:
            links["previous"] = _link(asked, "stepBackToken", page.events[0].position)
        if page.has_older:
            links["next"] = _link(asked, "continueToken", page.events[-1].position)
    # The archive's own beginning is where a reader's history is cut off, if something was before it.
    is_cut = not page.has_older and any(gap.start is None or gap.end >= (asked.query.since or 0) for gap in state.gaps)
    events = b",".join([event.raw for event in page.events])
    reached = b"true" if is_cut else b"false"
    return b'{"links":%b,"organization_max_limit_reached":%b,"events":[%b]}' % (orjson.dumps(links), reached, events)


def _link(asked: Asked, token: str, position: int) -> str:
    kept = [(name, value) for name, value in asked.received if name not in {"continueToken", "stepBackToken"}]
    query = urlencode([*kept, (token, str(position + _SHIFT))])
    return f"/organization/{asked.query.organization}/events?{query}"


def _position(token: str | None) -> int | None:
    if token is None:
        return None
    number = digits(token)
    return number - _SHIFT if number >= _SHIFT else None
