"""The archive as an upstream of its own: requests of the audit trail's document are answered here and never sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.store import Archive
from fairlead.errors import NotArchived
from fairlead.trail.operations import OPERATIONS
from fairlead.trail.params import Params
from fairlead.upstream.request import Call, UpstreamRequest, UpstreamResponse


def trail_call(archive: Archive, wall: Callable[[], float]) -> Call:
    """Answers requests to TRAIL_URI from the archive; raises NotArchived, InvalidArguments or another ArchiveError."""

    def answer(request: UpstreamRequest) -> UpstreamResponse:
        parts = urlsplit(request.url)
        # /organization/{organizationId}/audit-trail/{operation}[/{id}]
        _, _, organization, _, name, *identity = [unquote(segment) for segment in parts.path.split("/")]
        given = {key: value for key, value in parse_qsl(parts.query) if value}
        if identity:
            given["eventId" if name == "event" else "targetId"] = identity[0]
        organization = organization.lower()
        if organization not in archive.organizations():
            raise NotArchived(
                f"The archive has no organization {organization[:60]}.", remedy="Sync it with `fairlead events sync`."
            )
        params = Params(given, int(wall() * NANOS_PER_SECOND))
        body = orjson.dumps(OPERATIONS[name](archive, organization, params))
        return UpstreamResponse(200, (("content-type", "application/json"),), body, source="archive")

    async def answered(request: UpstreamRequest) -> UpstreamResponse:
        return await asyncio.to_thread(answer, request)

    return answered
