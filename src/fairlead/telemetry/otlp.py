"""Sends spans with OpenTelemetry's SDK; the only module that needs the extra `otlp`."""

from __future__ import annotations

import logging

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from fairlead.telemetry.records import record

_TIMEOUT = 5.0


class _Records(logging.Handler):
    """Turns what the SDK complains about into records: its words, never the values in them."""

    def emit(self, complaint: logging.LogRecord) -> None:
        record("spans not sent", source=complaint.name, detail=str(complaint.msg))


def exporting_provider(endpoint: str, version: str) -> TracerProvider:
    """A provider of tracers that sends spans in the background; the SDK's own OTEL_ variables hold for the rest."""
    log = logging.getLogger("opentelemetry")
    log.handlers, log.propagate = [_Records(logging.WARNING)], False
    # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins.
    named = {"service.name": "fairlead", "service.version": version, **OTELResourceDetector().detect().attributes}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_TIMEOUT)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
