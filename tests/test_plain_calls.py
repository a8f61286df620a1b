"""A tool call that goes around the SDK is answered as the SDK answers it, and what the SDK refuses stays refused."""

from __future__ import annotations

import base64
import json
import socket
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import serving
from serving import Gateway
from small_documents import small_plan
from stand_in import stand_in

Header: TypeAlias = tuple[str, str]
Place: TypeAlias = tuple[str, ...]

REVISION = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
VERSION, CAPABILITIES, CLIENT = f"{PREFIX}protocolVersion", f"{PREFIX}clientCapabilities", f"{PREFIX}clientInfo"
META: Place = ("params", "_meta")
HEADERS = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
    "MCP-Protocol-Version": REVISION,
    "Mcp-Method": "tools/call",
    "Mcp-Name": "tides",
}
# No tool announces such a header, so the SDK passes over it; but it takes the request.
BY_THE_SDK = ("Mcp-Param-Nothing", "1")
# The blank is gone when the SDK has written the answer.
UPSTREAM, AS_SENT = b'{"a": 1}', b'"structuredContent":{"a": 1}'


def message() -> dict[str, Any]:
    """A plain call."""
    meta = {VERSION: REVISION, CAPABILITIES: {}}
    return {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "tides", "arguments": {"a": "x"}, "_meta": meta},
    }


def put(place: Place, value: object) -> bytes:
    """A plain call with one value changed."""
    changed = message()
    _put(changed, place, value)
    return json.dumps(changed).encode()


def _put(into: Any, place: Place, value: object) -> None:
    for step in place[:-1]:
        into = into.get(step) if isinstance(into, dict) else None
    if isinstance(into, dict):
        into[place[-1]] = value


def asked(running: Gateway, headers: Sequence[Header], body: bytes) -> tuple[int, bytes]:
    """The status and the body of the answer to a request with exactly these headers."""
    place = urlsplit(running.mcp_url)
    lines = ["POST /mcp HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    with socket.create_connection((place.hostname, place.port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        whole = connection.makefile("rb").read()
    head, _, answer = whole.partition(b"\r\n\r\n")
    return int(head.split()[1]), answer


def compared(answer: tuple[int, bytes]) -> tuple[int, object]:
    """An answer without what is no part of its meaning."""
    status, body = answer
    return status, json.loads(body) if body.startswith(b"{") else body


@pytest.fixture(scope="module", name="running")
def _running() -> Iterator[Gateway]:
    """A gateway with one small tool."""
    with tempfile.TemporaryDirectory() as folder, stand_in(body=UPSTREAM) as up:
        plan = small_plan(Path(folder), "[{name: a, in: query}, {name: b, in: query, type: array}]")
        with serving.gateway(plans=(plan,), upstream=up.url) as running:
            yield running


def test_a_plain_call_goes_around_the_sdk_and_an_unusual_one_does_not(running: Gateway) -> None:
    """Otherwise the tests below would compare the SDK with itself."""
    body = json.dumps(message()).encode()
    assert AS_SENT in asked(running, [*HEADERS.items()], body)[1]
    assert AS_SENT not in asked(running, [*HEADERS.items(), BY_THE_SDK], body)[1]


ANY = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from([10**25, -(2**63), 2**64, "2.0", "tides", REVISION, "tools/list", [], {}])
    | st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3) | st.just({}), max_size=2)
    | st.lists(st.integers() | st.text(max_size=3), max_size=2)
)
PLACES: list[Place] = [
    ("jsonrpc",), ("id",), ("method",), ("params",), ("result",), ("error",), ("extra",),
    ("params", "name"), ("params", "arguments"), ("params", "arguments", "a"), ("params", "arguments", "b"),
    ("params", "arguments", "c"), ("params", "task"), ("params", "inputResponses"), ("params", "requestState"), META,
    *[(*META, key) for key in (VERSION, CAPABILITIES, CLIENT, "progressToken", "traceparent", "tracestate", "x/y")],
    *[(*META, f"{PREFIX}logLevel"), (*META, CAPABILITIES, "elicitation"), (*META, CAPABILITIES, "extensions")],
    *[(*META, CLIENT, key) for key in ("name", "version", "title", "description", "icons", "websiteUrl", "x")],
]  # fmt: skip
TEXTS = [
    (b'"name":', b'"name": "other", "name":'), (b'"params":', b'"method": "tools/list", "params":'),
    (b'"_meta"', b'"\\u005fmeta"'), (b'"x"', b'"\\ud800"'), (b'"x"', b'"\xff"'), (b'"x"', b"NaN"), (b'"x"', b"1e999"),
    (b'"x"', b"1" + b"0" * 5_000), (b'"id": 1', b'"id": 01'), (b'"id": 1', b'"id": 1.0'), (b'"id": 1', b'"id": -0'),
    (b"{", b"\xef\xbb\xbf{"), (b"{", b"\x0c{"), (b"{", b"[{"), (b'"x"', b'"\x01"'), (b"}", b"},"),
]  # fmt: skip
CLIENT_INFO = {"name": "a client", "version": "1"}
VALUES = [
    "application/json", "text/event-stream", "application/jsonp, text/event-stream", "*/*", "application/*, text/*",
    "application/json text/event-stream", "application/json;q=0, text/event-stream", "application/json; charset=utf-8",
    "Application/JSON, Text/Event-Stream", "xapplication/json, text/event-streams", "", "tides", "TIDES",
    "tides, tides", "other", "=?base64?dGlkZXM=?=", "=?BASE64?dGlkZXM=?=", "=?base64?b3RoZXI=?=", "t\u00efdes",
    "tools/list", "Tools/Call", REVISION, "2025-11-25", "2026-07-29", f"{REVISION}, {REVISION}", "gzip", '"tides"',
    "tides\xa0",
]  # fmt: skip
NAMES = [*HEADERS, "mcp-name", "MCP_NAME", "Mcp-Session-Id", "Last-Event-ID", "Content-Encoding", "Mcp-Param-A"]


@st.composite
def requests(draw: st.DrawFn) -> tuple[list[Header], bytes]:
    """A plain call with a few things changed: values, texts, headers."""
    body = message()
    if draw(st.booleans()):
        body["params"]["_meta"][CLIENT] = dict(CLIENT_INFO)
    for place in draw(st.lists(st.sampled_from(PLACES), max_size=2)):
        _put(body, place, draw(ANY))
    written = json.dumps(body).encode()
    if draw(st.booleans()):
        old, new = draw(st.sampled_from(TEXTS))
        written = written.replace(old, new, 1)
    headers = list(HEADERS.items())
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=2)):
        if draw(st.booleans()):
            headers = [pair for pair in headers if pair[0].lower() != name.lower()]
        if draw(st.booleans()):
            headers.append((name, draw(st.sampled_from(VALUES))))
    return headers, written


@given(requests())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_strange_about_a_call_it_is_answered_as_the_sdk_does(
    running: Gateway, request_: tuple[list[Header], bytes]
) -> None:
    """Going around the SDK saves time and decides nothing."""
    headers, body = request_
    ours, own = (compared(asked(running, more, body)) for more in (headers, [*headers, BY_THE_SDK]))
    assert ours == own


@pytest.mark.parametrize(
    "accept",
    [
        "application/jsonp, text/event-stream", "application/json, text/event-streams", "application/json",
        "application/json text/event-stream", '"application/json, text/event-stream"', "text/event-stream", "",
    ],
)  # fmt: skip
def test_a_caller_that_does_not_take_both_kinds_of_answer_is_told(running: Gateway, accept: str) -> None:
    """406: a server may choose either, so a client of MCP takes both, under their names and no others."""
    assert asked(running, [*(HEADERS | {"Accept": accept}).items()], json.dumps(message()).encode())[0] == 406


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((*META, "progressToken"), None),
        ((*META, "progressToken"), 1.5),
        ((*META, CLIENT), {"name": "a", "version": "1", "title": []}),
        ((*META, CLIENT), {"name": "a", "version": "1", "icons": "no list"}),
        ((*META, CLIENT), {"name": "a", "version": 1}),
        ((*META, CAPABILITIES), {"elicitation": 5}),
        ((*META, CAPABILITIES), None),
        (("params", "arguments"), []),
    ],
)
def test_a_call_that_is_not_what_the_specification_says_is_refused(
    running: Gateway, place: Place, value: object
) -> None:
    """400 and -32602, however little of it matters here."""
    status, body = asked(running, [*HEADERS.items()], put(place, value))
    assert (status, json.loads(body)["error"]["code"]) == (400, -32602)


def _with(**headers: str | None) -> list[Header]:
    changed: dict[str, str | None] = HEADERS | {name.replace("_", "-"): value for name, value in headers.items()}
    return [(name, value) for name, value in changed.items() if value is not None]


def _named(name: str) -> str:
    return f"=?base64?{base64.b64encode(name.encode()).decode()}?="


PLAIN = ("id",), 1
OTHER_VERSION = (*META, VERSION), "2099-01-01"
MISMATCHES: dict[str, tuple[list[Header], tuple[Place, object], int]] = {
    "no method": (_with(Mcp_Method=None), PLAIN, -32020),
    "another method": (_with(Mcp_Method="tools/list"), PLAIN, -32020),
    "a method in capitals": (_with(Mcp_Method="TOOLS/CALL"), PLAIN, -32020),
    "another method in the body": (_with(), (("method",), "tools/list"), -32020),
    "no name": (_with(Mcp_Name=None), PLAIN, -32020),
    "another name": (_with(Mcp_Name="other"), PLAIN, -32020),
    "another name in the body": (_with(), (("params", "name"), "other"), -32020),
    "another name, encoded": (_with(Mcp_Name=_named("other")), PLAIN, -32020),
    "a name that is badly encoded": (_with(Mcp_Name="=?base64?dGlkZXM?="), PLAIN, -32020),
    "a name with an underscore for a dash": ([*_with(Mcp_Name=None), ("Mcp_Name", "tides")], PLAIN, -32020),
    "two names": ([*_with(), ("mcp-name", "tides")], PLAIN, -32020),
    "two methods": ([*_with(), ("mcp-method", "tools/call")], PLAIN, -32020),
    "two versions": ([*_with(), ("mcp-protocol-version", REVISION)], PLAIN, -32020),
    "another version": (_with(MCP_Protocol_Version="2099-01-01"), PLAIN, -32020),
    "an empty version": (_with(MCP_Protocol_Version=""), PLAIN, -32020),
    "another version in the body": (_with(), OTHER_VERSION, -32020),
    "an older version in the body": (_with(), ((*META, VERSION), "2025-11-25"), -32020),
    "a version that is not served": (_with(MCP_Protocol_Version="2099-01-01"), OTHER_VERSION, -32022),
}


@pytest.mark.parametrize("name", MISMATCHES)
def test_headers_that_do_not_say_what_the_body_says_are_refused(running: Gateway, name: str) -> None:
    """400: what stands between caller and server reads the headers, so they may not lie."""
    headers, change, code = MISMATCHES[name]
    status, body = asked(running, headers, put(*change))
    error = json.loads(body)["error"]
    assert (status, error["code"]) == (400, code)
    if code == -32022:
        assert error["data"] == {"supported": [REVISION], "requested": "2099-01-01"}


def test_a_name_may_be_encoded(running: Gateway) -> None:
    """As the specification has it for names that a header cannot carry."""
    assert asked(running, _with(Mcp_Name=_named("tides")), json.dumps(message()).encode())[0] == 200


def test_headers_that_one_request_left_for_the_next_are_refused(running: Gateway) -> None:
    """What agentgateway#3439 tells of a client: it asks `server/discover`, and goes on with headers that do not fit.

    The answer to the first is right, to the second 400 and -32020, as the specification demands. In an older revision
    the headers have no meaning: such a request is answered, and no intermediary may read them there.
    """
    discover = put(("method",), "server/discover")
    left = _with(Mcp_Method="server/discover", Mcp_Name=None)
    assert asked(running, left, discover)[0] == 200
    status, body = asked(running, left, put(("method",), "tools/list"))
    assert (status, json.loads(body)["error"]["code"]) == (400, -32020)
    older = _with(Mcp_Method="server/discover", Mcp_Name="other", MCP_Protocol_Version="2025-11-25")
    greeting = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT_INFO}
    initialize = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting}
    assert asked(running, older, json.dumps(initialize).encode())[0] == 200


@pytest.mark.parametrize("levels", [100, 500])
def test_an_answer_nested_deeper_than_clients_take_is_given_as_text(levels: int) -> None:
    """A client of the SDK refuses the whole message otherwise, and the SDK's own server cannot write it."""
    nested = b'{"a":' * levels + b"[{}]" + b"}" * levels
    with tempfile.TemporaryDirectory() as folder, stand_in(body=nested) as up:
        plan = small_plan(Path(folder), "[{name: a, in: query}]")
        with serving.gateway(plans=(plan,), upstream=up.url) as running:
            body = json.dumps(message()).encode()
            status, said = asked(running, [*HEADERS.items()], body)
            assert compared((status, said)) == compared(asked(running, [*HEADERS.items(), BY_THE_SDK], body))
    result = json.loads(said)["result"]
    assert result["content"][0]["text"] == nested.decode()
    assert ("structuredContent" in result) is (levels == 100)
