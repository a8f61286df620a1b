"""Calls in spans of their own, for servers that send spans; others never come here."""

from __future__ import annotations

from fairlead.telemetry.tracing import TracedCall, Tracing
from fairlead.upstream.request import Call, UpstreamRequest, UpstreamResponse


def traced(send: Call, tracing: Tracing) -> Call:
    """One attempt in a span that the upstream is told of; innermost, as `traceparent` differs from call to call."""

    async def traced_send(request: UpstreamRequest) -> UpstreamResponse:
        with tracing.client_span() as span:
            response = await send(request._replace(headers=(*request.headers, *span.headers)))
            span.status = response.status
            return response

    return traced_send


def within_span(call: Call, tracing: Tracing, told: TracedCall) -> Call:
    """A whole call, with its retries, in the span of its operation."""

    async def call_within_span(request: UpstreamRequest) -> UpstreamResponse:
        with tracing.operation_span(told):
            return await call(request)

    return call_within_span
