"""Decides who answers an operation of the upstream, the archive or the upstream itself."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice
from fairlead.archive.model import OrganizationState, Query
from fairlead.archive.store import Archive
from fairlead.errors import ArchiveError
from fairlead.telemetry.records import record
from fairlead.trail.standing import Standing, answers
from fairlead.upstream.request import Call, UpstreamRequest, UpstreamResponse

SOURCE_ARCHIVE, SOURCE_API = "archive", "api"

_ALWAYS = (1 << 63) - 1


class Asked(NamedTuple):
    """What a request asks for: of which events, whether the archive's own token goes on, and what answers it.

    `body` is None when there is more than the archive can say in one answer.
    """

    query: Query
    goes_on: bool
    body: Callable[[Archive, OrganizationState], bytes | None]


Read = Callable[[str], Asked | None]
"""Reads the address of a request; None for what only the upstream can judge."""


def archive_first(archive: Archive, call: Call, read: Read, wall: Callable[[], float]) -> Call:
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
        body = asked.body(archive, state)
        if body is None:
            return None
        age = max(0.0, (now - (state.tail_read_at or now)) / NANOS_PER_SECOND)
        headers = (("content-type", "application/json"),)
        return UpstreamResponse(200, headers, body, age=age, source=SOURCE_ARCHIVE)

    async def answered(request: UpstreamRequest) -> UpstreamResponse:
        asked = read(request.url)
        response = None
        if asked is not None:
            try:
                response = await asyncio.to_thread(answer, asked)
            except ArchiveError as failure:
                if asked.goes_on:
                    raise
                record("archive not readable", reason=str(failure), detail=failure.detail)
        return response or (await call(request))._replace(source=SOURCE_API)

    return answered
