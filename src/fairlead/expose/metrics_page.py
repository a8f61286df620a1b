"""The answer to `GET /metrics`: every worker's numbers in Prometheus' text form."""

from __future__ import annotations

from fairlead.expose.http import Request, Response
from fairlead.telemetry.registry import Metrics

METRICS_PATH = "/metrics"


def metrics_page(metrics: Metrics, request: Request) -> Response:
    """The numbers, in the form the request accepts."""
    media_type, body = metrics.exposition((request.header(b"accept") or b"").decode("latin-1"))
    headers = (("content-type", media_type), ("cache-control", "no-store"), ("x-content-type-options", "nosniff"))
    return Response(200, headers, body)
