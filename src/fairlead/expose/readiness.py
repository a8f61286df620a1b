"""The answer to `GET /readyz`: whether calls can be answered, and whether the archive keeps up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import orjson

from fairlead.expose.http import Response
from fairlead.plan.model import Plan

READY_PATH = "/readyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveReadiness:
    """How an archive stands; `gaps` are times that are missing within what was kept, times are seconds."""

    organizations: int
    events: int
    gaps: int
    newest_read_seconds_ago: int | None
    headroom_seconds: int | None
    stalled: bool
    failure: str


def readiness(plans: Sequence[Plan], archive: Callable[[], ArchiveReadiness] | None) -> Callable[[], Response]:
    """What answers the probe; without an archive always the same."""
    served = [plan.namespace for plan in plans]

    def answer() -> Response:
        found = archive() if archive is not None else None
        is_ready = found is None or not found.stalled
        told: dict[str, object] = {"status": "ready" if is_ready else "stalled", "capabilities": served}
        if found is not None:
            told["archive"] = asdict(found)
        headers = (
            ("content-type", "application/json"),
            ("cache-control", "no-cache"),
            ("x-content-type-options", "nosniff"),
        )
        return Response(200 if is_ready else 503, headers, orjson.dumps(told))

    return answer
