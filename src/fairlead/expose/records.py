"""What an adapter writes to the log about a call that failed: the upstream's faults and ours, not the caller's."""

from __future__ import annotations

import traceback

from fairlead.errors import FairleadError, UpstreamError, UpstreamRejected
from fairlead.telemetry.records import record


def record_access(adapter: str, operation: str, outcome: str, seconds: float) -> None:
    """Record that an operation was called, how it ended and how long it took; never what it was asked or answered."""
    milliseconds = round(seconds * 1_000, 3)
    record("call", level="info", adapter=adapter, operation=operation, outcome=outcome, milliseconds=milliseconds)


def record_failure(adapter: str, operation: str, error: FairleadError) -> None:
    """Record an upstream that failed or refused us; a caller's own mistake is not worth a record."""
    if isinstance(error, UpstreamRejected) and error.status not in {401, 403, 429} and error.status < 500:
        return
    if isinstance(error, UpstreamError):
        kind = type(error).__name__
        record("upstream failed", adapter=adapter, operation=operation, kind=kind, detail=_detail(error))


def record_fault(adapter: str, operation: str, fault: BaseException) -> None:
    """Record a fault of ours: its type and the innermost places, never its text, which may quote a caller."""
    frames = traceback.extract_tb(fault.__traceback__)[-4:]
    where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    record("fault", adapter=adapter, operation=operation, fault=type(fault).__name__, where=where)


def record_dead_end(adapter: str, operation: str, notice: str) -> None:
    """Record a paging link of the upstream that nobody can follow."""
    record("page link dropped", adapter=adapter, operation=operation, notice=notice)


def _detail(error: FairleadError) -> str:
    return error.detail or (f"status {error.status}" if isinstance(error, UpstreamRejected) else "")
