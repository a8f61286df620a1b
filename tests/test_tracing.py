"""Requests are told apart and traced across the server, and no span holds what a caller wrote."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from fairlead.errors import ConfigurationError, InvalidArguments
from fairlead.telemetry.requests import RequestIdentity, begin, current, request_ids
from fairlead.telemetry.tracing import Tracing, configure_tracing, traced_call
from stand_in import stand_in

DOCUMENTATION = Path(__file__).resolve().parent.parent / "docs/telemetry.md"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
OTHER_TRACEPARENT = f"00-{'c' * 32}-{'d' * 16}-01"
CANARY = "hunter2"


@given(st.lists(st.binary(max_size=80) | st.from_regex(rb"[\w.-]{1,70}"), max_size=2))
def test_a_callers_request_id_is_taken_only_when_it_is_harmless(given_ids: list[bytes]) -> None:
    """One id of 1 to 64 letters, digits, dots, hyphens or underscores; else one is made here."""
    ids = request_ids(lambda: 0.5)
    made = ids.identify([(b"host", b"x"), *((b"x-request-id", each) for each in given_ids)]).request_id
    if len(given_ids) == 1 and re.fullmatch(rb"[A-Za-z0-9._-]{1,64}", given_ids[0]):
        assert made == given_ids[0].decode()
    else:
        assert made == "800000000000-1"
        assert ids.identify([]).request_id == "800000000000-2"


@pytest.mark.parametrize(
    ("traceparents", "trace"),
    [
        ([TRACEPARENT], TRACE), ([TRACEPARENT.replace("00-", "cc-", 1) + "-more"], TRACE),
        ([], None), ([TRACEPARENT, TRACEPARENT], None), ([TRACEPARENT + "-more"], None), ([TRACEPARENT.upper()], None),
        ([TRACEPARENT.replace("00-", "ff-", 1)], None), ([TRACEPARENT.replace(TRACE, "0" * 32)], None),
        ([TRACEPARENT.replace(PARENT, "0" * 16)], None), ([TRACEPARENT + "\n"], None), ([""], None), (["é"], None),
    ],
)  # fmt: skip
def test_a_trace_is_continued_only_from_a_valid_header(traceparents: list[str], trace: str | None) -> None:
    """W3C Trace Context decides what is valid; of two headers none is believed."""
    headers = [(b"traceparent", each.encode("latin-1")) for each in traceparents]
    identity = request_ids(lambda: 0.1).identify([*headers, (b"tracestate", b"a=1"), (b"tracestate", b"b=2")])
    assert identity.trace_id == trace
    assert identity.tracestate == ("a=1,b=2" if trace else "")


@pytest.mark.parametrize("meta", [{}, {"traceparent": 3}, {"traceparent": "00-bad"}, {"traceparent": [TRACEPARENT]}])
def test_a_bad_trace_in_meta_leaves_that_of_the_headers(meta: Mapping[str, object]) -> None:
    """`_meta` is a caller's JSON and may hold anything."""
    identity = RequestIdentity("r", TRACEPARENT, "a=1")
    assert identity.told_by(meta) == identity


def test_the_trace_in_meta_wins_over_the_headers() -> None:
    """An MCP client may sit behind proxies with traces of their own; a state is never mixed with another's parent."""
    identity = RequestIdentity("r", TRACEPARENT, "a=1")
    assert identity.told_by({"traceparent": OTHER_TRACEPARENT}) == RequestIdentity("r", OTHER_TRACEPARENT)
    told = identity.told_by({"traceparent": OTHER_TRACEPARENT, "tracestate": "b=2"})
    assert told.tracestate == "b=2"
    assert identity.told_by({"traceparent": OTHER_TRACEPARENT, "tracestate": "b=2" * 200}).tracestate == ""


CALL = traced_call(
    operation="list-events", upstream="qovery", method="GET", template="/things/{id}", base="https://api.example/v1"
)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return Tracing(provider.get_tracer("test"), provider.shutdown)


def finished(spans: InMemorySpanExporter) -> list[ReadableSpan]:
    """The spans from the outermost to the innermost."""
    return list(reversed(spans.get_finished_spans()))


def test_a_request_is_three_spans_in_the_callers_trace(tracing: Tracing, spans: InMemorySpanExporter) -> None:
    """The upstream gets the trace with the client span as its parent, and the records the same trace."""
    begin(RequestIdentity("r", TRACEPARENT, "vendor=1"))
    with stand_in(status=503) as up, tracing.route_span("GET", "/v1/things/{id}") as server:
        during = current()
        with tracing.operation_span(CALL), tracing.client_span() as client:
            client.status = httpx2.get(f"{up.url}/things/{CANARY}", headers=dict(client.headers)).status_code
        server.status = 502
    route, operation, attempt = finished(spans)
    assert [span.name for span in (route, operation, attempt)] == [
        "GET /v1/things/{id}", "list-events", "GET /things/{id}",
    ]  # fmt: skip
    assert [span.kind for span in (route, operation, attempt)] == [SpanKind.SERVER, SpanKind.INTERNAL, SpanKind.CLIENT]
    assert {f"{span.context.trace_id:032x}" for span in (route, operation, attempt)} == {TRACE}
    assert f"{route.parent.span_id:016x}" == PARENT
    assert (operation.parent.span_id, attempt.parent.span_id) == (route.context.span_id, operation.context.span_id)
    sent = up.asked[0][1]
    assert sent["traceparent"] == f"00-{TRACE}-{attempt.context.span_id:016x}-01"
    assert sent["tracestate"] == "vendor=1"
    assert dict(attempt.attributes) == {
        "http.request.method": "GET",
        "url.template": "/things/{id}",
        "server.address": "api.example",
        "server.port": 443,
        "http.response.status_code": 503,
        "error.type": "503",
    }
    assert route.attributes["http.response.status_code"] == 502
    assert during.trace_id == TRACE
    assert current() == RequestIdentity("r", TRACEPARENT, "vendor=1")


def test_a_tool_begins_a_trace_that_its_records_name(tracing: Tracing, spans: InMemorySpanExporter) -> None:
    """Who sends no trace gets a new one, on standard input too, where nothing identified the request."""
    begin(request_ids(lambda: 0.1).identify([]))
    with tracing.tool_span("list-things", "2026-07-28") as span:
        during = current()
        span.error = "tool_error"
    (tool,) = finished(spans)
    assert tool.name == "tools/call list-things"
    assert tool.parent is None
    assert during.trace_id == f"{tool.context.trace_id:032x}"
    assert tool.attributes["error.type"] == "tool_error"
    assert tool.status.status_code is StatusCode.ERROR


def test_every_attribute_of_a_span_is_documented(tracing: Tracing, spans: InMemorySpanExporter) -> None:
    """docs/telemetry.md has exactly the attributes, for each kind of span."""

    def fail() -> None:
        with tracing.operation_span(CALL):
            raise TimeoutError

    with tracing.route_span("GET", "/x") as server:
        server.status = 502
    with tracing.tool_span("list-things", "2026-07-28") as tool:
        tool.error = "tool_error"
    with pytest.raises(TimeoutError):
        fail()
    with tracing.operation_span(CALL), tracing.client_span() as client:
        client.status = 500
    told = [set(span.attributes or {}) for span in spans.get_finished_spans()]
    lines = DOCUMENTATION.read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    documented = [set(re.findall(r"`([\w.]+)`", row[3])) for row in rows if len(row) == 4 and row[0][:1].islower()]
    assert documented[1:] == [told[0], told[1], told[2], told[3]]


@pytest.mark.parametrize(("status", "failed"), [(200, False), (404, False), (429, False), (500, True), (504, True)])
def test_a_callers_mistake_is_no_error_of_the_server(
    tracing: Tracing, spans: InMemorySpanExporter, status: int, failed: bool
) -> None:
    """The status of a server span is an error from 500 on, even when it is told while an exception passes."""

    def fail() -> None:
        with tracing.route_span("GET", "/x") as span:
            span.status = status
            raise InvalidArguments(())

    with pytest.raises(InvalidArguments):
        fail()
    (route,) = finished(spans)
    assert (route.status.status_code is StatusCode.ERROR) is failed
    assert ("error.type" in route.attributes) is failed


def test_an_exception_leaves_its_class_in_a_span_and_nothing_more(
    tracing: Tracing, spans: InMemorySpanExporter
) -> None:
    """The text of an exception may quote an argument or hold a URL with a key."""
    with pytest.raises(ValueError, match=CANARY), tracing.operation_span(CALL):
        raise ValueError(CANARY)
    (operation,) = finished(spans)
    assert operation.attributes["error.type"] == "ValueError"
    assert CANARY not in operation.to_json()
    assert operation.events == ()


def test_spans_reach_a_collector() -> None:
    """Over OTLP/HTTP, to `/v1/traces` below the endpoint, under the server's name and version."""
    with stand_in(body=b"") as collector:
        tracing = configure_tracing(f"{collector.url}/", "1.2.3")
        assert tracing is not None
        with tracing.tool_span("list-things", "2026-07-28"), tracing.operation_span(CALL), tracing.client_span():
            pass
        tracing.close()
    assert [line for line, _ in collector.asked] == ["POST /v1/traces"]
    (sent,) = ExportTraceServiceRequest.FromString(collector.bodies[0]).resource_spans
    resource = {each.key: each.value.string_value for each in sent.resource.attributes}
    assert (resource["service.name"], resource["service.version"]) == ("fairlead", "1.2.3")
    names = {span.name for scope in sent.scope_spans for span in scope.spans}
    assert names == {"tools/call list-things", "list-events", "GET /things/{id}"}


def test_without_an_endpoint_there_is_no_tracing() -> None:
    """The decision is made once, so that a request pays nothing."""
    assert configure_tracing("", "1") is None
    loaded = "import sys, fairlead.telemetry.tracing; print('opentelemetry.sdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", loaded], capture_output=True, timeout=60, check=True)
    assert done.stdout == b"False\n"


@pytest.mark.parametrize("endpoint", ["localhost:4318", "grpc://x", "http://", f"ftp://u:{CANARY}@x", "http://[::1"])
def test_an_endpoint_that_is_no_address_is_refused(endpoint: str) -> None:
    """At the start, by the name of the variable, and without what it holds, which may be a password."""
    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_ENDPOINT") as refused:
        configure_tracing(endpoint, "1")
    assert CANARY not in str(refused.value)


def test_a_missing_package_is_named_with_its_extra() -> None:
    """The SDK is an extra; who asks for spans without it learns what to install."""
    code = (
        "import sys; sys.modules['opentelemetry.sdk'] = None\n"
        "from fairlead.telemetry.tracing import configure_tracing\n"
        "configure_tracing('http://localhost:4318', '1')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert b"ConfigurationError" in done.stderr
    assert b"pip install 'fairlead[otlp]'" in done.stderr


def test_a_collector_that_cannot_be_reached_is_a_record() -> None:
    """Not a traceback on standard error, and never the endpoint, which may hold a password."""
    code = (
        "from fairlead.telemetry.records import configure_logging\n"
        "from fairlead.telemetry.tracing import configure_tracing\n"
        "configure_logging(colours=False, form='json')\n"
        f"tracing = configure_tracing('http://user:{CANARY}@127.0.0.1:9', '1')\n"
        "with tracing.route_span('GET', '/x') as span: span.status = 200\n"
        "tracing.close()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert {json.loads(line)["event"] for line in done.stderr.splitlines()} == {"spans not sent"}
    assert CANARY not in done.stderr
