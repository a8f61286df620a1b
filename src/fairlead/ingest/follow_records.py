"""What a follower puts on record: what it kept, what is lost, what failed; never the text of an event."""

from __future__ import annotations

import traceback

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import Gap
from fairlead.errors import FairleadError
from fairlead.ingest.progress import Summary
from fairlead.telemetry.records import record


def record_kept(summary: Summary) -> None:
    """Record a run that kept something."""
    record(
        "events kept",
        level="info",
        organization=summary.organization,
        new=summary.kept.new,
        revisions=summary.kept.revisions,
        requests=summary.requests,
        seconds=round(summary.seconds, 3),
    )


def record_gap(organization: str, gap: Gap) -> None:
    """Record time that is missing for ever, in seconds since 1970."""
    record(
        "events missing for ever",
        organization=organization,
        since=None if gap.start is None else gap.start // NANOS_PER_SECOND,
        until=gap.end // NANOS_PER_SECOND,
        reason=gap.reason,
    )


def record_failure(event: str, failure: Exception, **fields: str | int) -> None:
    """Record a failure with its remedy; of a fault of ours only its place."""
    detail = failure.detail if isinstance(failure, FairleadError) else _where(failure)
    told = (
        f"{public_text(failure)} {failure.remedy}".strip()
        if isinstance(failure, FairleadError)
        else public_text(failure)
    )
    record(event, level="warning", kind=type(failure).__name__, reason=told, detail=detail, **fields)


def public_text(failure: Exception) -> str:
    """What may be told of a failure to anyone."""
    return failure.public if isinstance(failure, FairleadError) else "A fault of Fairlead itself."


def _where(fault: Exception) -> str:
    """The innermost places of a fault, never its text, which may quote an event."""
    frames = traceback.extract_tb(fault.__traceback__)[-4:]
    return " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
