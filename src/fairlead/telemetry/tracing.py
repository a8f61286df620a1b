"""Spans: a server span for a REST route or an MCP tool, in it the operation's, in it one for each upstream attempt.

Names and attributes follow OpenTelemetry's semantic conventions for HTTP and MCP, except that no URL is told: it holds
arguments. Where a server has no Tracing, no line of this module runs for a request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fairlead.errors import ConfigurationError
from fairlead.telemetry.requests import RequestIdentity, begin, current

_W3C = TraceContextTextMapPropagator()
_CALL = contexts.create_key("fairlead-call")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LEAST_SERVER_ERROR, _LEAST_CLIENT_ERROR = 500, 400


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedCall:
    """What spans say of an operation and its upstream call; nothing in it comes from a caller."""

    operation: str
    upstream: str
    method: str
    template: str
    address: str
    port: int


def traced_call(*, operation: str, upstream: str, method: str, template: str, base: str) -> TracedCall:
    """What spans say of an operation that calls the path `template` at the address `base`."""
    parts = urlsplit(base)
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    return TracedCall(
        operation=operation,
        upstream=upstream,
        method=method,
        template=template,
        address=parts.hostname or "",
        port=port,
    )


@dataclass(slots=True)
class OpenSpan:
    """A span while it is open: the headers that continue the trace, and what to tell of its end.

    `status` is the HTTP status; `error` the name of a class or a word of the conventions, never a message.
    """

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    status: int = 0
    error: str = ""


@dataclass(frozen=True, slots=True)
class Tracing:
    """Makes spans; `close` sends those that wait and ends the sending. It may take seconds, so not in the loop."""

    tracer: Tracer
    close: Callable[[], None]

    def route_span(self, method: str, route: str) -> AbstractContextManager[OpenSpan]:
        """The server span of a REST route; it continues the trace of the current request, or begins one."""
        attributes = {"http.request.method": method, "http.route": route, "url.scheme": "http"}
        return self._server_span(f"{method} {route}", attributes)

    def tool_span(self, tool: str, protocol_version: str) -> AbstractContextManager[OpenSpan]:
        """The server span of an MCP tool; it continues the trace of the current request, or begins one."""
        attributes = {
            "mcp.method.name": "tools/call",
            "mcp.protocol.version": protocol_version,
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
        }
        return self._server_span(f"tools/call {tool}", attributes)

    def operation_span(self, call: TracedCall) -> AbstractContextManager[OpenSpan]:
        """The span of an operation, from its arguments to its result; `client_span` learns from it what is called."""
        attributes = {"fairlead.operation": call.operation, "fairlead.upstream": call.upstream}
        return self._span(call.operation, SpanKind.INTERNAL, attributes, contexts.set_value(_CALL, call))

    def client_span(self) -> AbstractContextManager[OpenSpan]:
        """The span of one attempt of the current operation; its `headers` are for the upstream's request."""
        call = contexts.get_value(_CALL)
        name, attributes = "upstream", dict[str, str | int]()
        if isinstance(call, TracedCall):
            name = f"{call.method} {call.template}"
            attributes = {
                "http.request.method": call.method,
                "url.template": call.template,
                "server.address": call.address,
                "server.port": call.port,
            }
        return self._span(name, SpanKind.CLIENT, attributes, contexts.get_current())

    @contextmanager
    def _server_span(self, name: str, attributes: Mapping[str, str | int]) -> Iterator[OpenSpan]:
        request = current() or RequestIdentity("")
        carrier = {"traceparent": request.traceparent or "", "tracestate": request.tracestate}
        with self._span(name, SpanKind.SERVER, attributes, _W3C.extract(carrier)) as span:
            # From here on records name the trace of this span, which may be a new one.
            begin(request._replace(traceparent=dict(span.headers).get("traceparent")))
            try:
                yield span
            finally:
                begin(request)

    @contextmanager
    def _span(
        self, name: str, kind: SpanKind, attributes: Mapping[str, str | int], parent: Context
    ) -> Iterator[OpenSpan]:
        span = self.tracer.start_span(name, context=parent, kind=kind, attributes=attributes)
        inside = set_span_in_context(span, parent)
        opened = OpenSpan(_outgoing(inside))
        token = contexts.attach(inside)
        try:
            yield opened
        except BaseException as failure:
            # Its text may quote an argument, so only its class is told; and only where nobody told better.
            if not opened.status and not opened.error:
                opened.error = type(failure).__name__
            raise
        finally:
            contexts.detach(token)
            _tell_end(span, kind, opened)


def configure_tracing(endpoint: str, version: str) -> Tracing | None:
    """Tracing that sends spans to an OTLP/HTTP collector, or None without an endpoint.

    Raises ConfigurationError when the endpoint is no address, or the packages of the extra `otlp` are missing.
    """
    if not endpoint:
        return None
    if not _is_address(endpoint):
        raise ConfigurationError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is no address that spans can be sent to.",
            remedy="Give it the collector's, such as http://localhost:4318.",
        )
    try:
        # Only a server that traces pays for the import, and only there must the packages be installed.
        from fairlead.telemetry.otlp import exporting_provider  # noqa: PLC0415
    except ImportError as missing:
        raise ConfigurationError(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, and the package that sends spans is not installed ({missing.name}).",
            remedy="Install it with `pip install 'fairlead[otlp]'`, or unset the variable.",
        ) from None
    provider = exporting_provider(endpoint, version)
    return Tracing(provider.get_tracer("fairlead", version), provider.shutdown)


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _outgoing(inside: Context) -> tuple[tuple[str, str], ...]:
    carrier: dict[str, str] = {}
    _W3C.inject(carrier, inside)
    return tuple(carrier.items())


def _tell_end(span: Span, kind: SpanKind, opened: OpenSpan) -> None:
    error = opened.error
    if opened.status:
        span.set_attribute("http.response.status_code", opened.status)
        # A caller's mistake is an error to the caller, not to the server.
        least = _LEAST_SERVER_ERROR if kind is SpanKind.SERVER else _LEAST_CLIENT_ERROR
        error = error or (str(opened.status) if opened.status >= least else "")
    if error:
        span.set_attribute("error.type", error)
        span.set_status(StatusCode.ERROR)
    span.end()
