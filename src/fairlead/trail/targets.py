"""Reads the targets that have events from the archive, in the upstream's own contract."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from fairlead.archive.model import OrganizationState
from fairlead.archive.store import Archive
from fairlead.archive.targets import Level, targets
from fairlead.trail.events import query_of, received
from fairlead.trail.first import Asked

TARGETS_PATH = "/organization/{organizationId}/targets"
"""Where the upstream has what is answered here."""

MOST = 2_000
"""Targets that are named from the archive; an organization with more is left to the upstream, which has no pages."""

_FILTERS = ("eventType", "targetType", "origin", "triggeredBy", "projectId", "environmentId")
_LEVELS: Mapping[str, Level] = {"": "target", "PROJECT": "project", "ENVIRONMENT": "environment"}


def targets_asked(url: str) -> Asked | None:
    """The targets that a request asks for; None for what only the upstream can judge."""
    said = received(url)
    level = _LEVELS.get(said.given.get("targetLevelToFetch", ""))
    try:
        query = query_of(said, _FILTERS)
    except ValueError:
        return None
    if level is None:
        return None

    def body(archive: Archive, _state: OrganizationState) -> bytes | None:
        found = targets(archive, query, level, MOST)
        if found.has_more:
            return None
        seen = sorted(found.seen, key=lambda each: (each.name or "", each.id))
        return orjson.dumps({"targets": [{"id": each.id, "name": each.name} for each in seen]})

    return Asked(query, False, body)
