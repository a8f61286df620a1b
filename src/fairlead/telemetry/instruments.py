"""What an adapter tells telemetry with: made once for a server, used for every request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairlead.telemetry.registry import Metrics
from fairlead.telemetry.requests import RequestIds
from fairlead.telemetry.tracing import Tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruments:
    """Metrics, spans where they are sent, names for requests, and a clock in seconds that never goes back.

    With `access` every call of an operation leaves a record.
    """

    metrics: Metrics
    tracing: Tracing | None
    ids: RequestIds
    now: Callable[[], float]
    access: bool = False
