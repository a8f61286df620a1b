"""Every fault of an upstream and of the way to it: the answer on both ports, its time, and the recovery unaided."""

from __future__ import annotations

import json
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

import serving
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, FAULTS, SandboxOptions
from fairlead.settings import Settings
from fault_proxy import (
    FOR_EVER,
    Exchange,
    Fault,
    FaultProxy,
    closed_unanswered,
    fault_proxy,
    half_open,
    late,
    on_request,
    reset_after,
    reset_at_once,
    reset_in_body,
    reset_in_headers,
    saying,
    slow_close,
    stalled,
    trickle,
    truncated,
)
from serving import NOW, Gateway
from small_documents import small_plan
from stand_in import stand_in
from test_cli import started
from test_mcp import texts

EVENTS = b'{"events": [%b]}' % b", ".join([b'{"id": "1"}'] * 20)
WITH_LENGTH = {"content-type": "application/json", "content-length": str(len(EVENTS))}
DEADLINE = 0.5
# What a busy machine may add to a deadline before the test calls it missed.
SLACK = 1.5
TIMEOUT = (504, "upstream-timeout", "The upstream did not answer in time.")
UNREACHABLE = (
    502,
    "upstream-unreachable",
    "The upstream cannot be reached, or closed the connection without an answer.",
)
INVALID = (502, "upstream-invalid", "The upstream's answer broke off, or its encoding is broken.")
FAULTY: dict[str, tuple[Fault, tuple[int, str, str]]] = {
    "late": (late(FOR_EVER), TIMEOUT),
    "half open": (half_open, TIMEOUT),
    "stalled": (stalled, TIMEOUT),
    "trickle": (trickle(0.05), TIMEOUT),
    "slow close": (slow_close, TIMEOUT),
    "reset at once": (reset_at_once, UNREACHABLE),
    "reset in the headers": (reset_in_headers, UNREACHABLE),
    "reset in the body": (reset_in_body, INVALID),
    "reset after answers": (reset_after(0), UNREACHABLE),
    "closed unanswered": (closed_unanswered, UNREACHABLE),
    "truncated": (truncated, INVALID),
    "garbage": (saying(b"\x00\xff garbage\r\n\r\n"), INVALID),
    "another protocol": (saying(b"SSH-2.0-OpenSSH_9.9\r\n"), INVALID),
    "TLS": (saying(b"\x15\x03\x01\x00\x02\x02\x46"), INVALID),
}


def quick(**changed: object) -> Settings:
    """Settings with small deadlines, and without what acts on a second call, unless a test asks for it."""
    small = {"connect_timeout": 0.4, "read_timeout": 0.4, "total_timeout": DEADLINE, "retries": 0}
    return serving.settings_for_tests(**small | {"breaker_failures": 0} | changed)


def get(url: str, **asked: Any) -> httpx2.Response:
    """An answer on a connection of its own, without reading certificates, which takes longer than most answers."""
    return httpx2.get(url, verify=False, timeout=FOR_EVER, **asked)


def connected(url: str) -> socket.socket:
    """A connection to a port."""
    place = urlsplit(url)
    return socket.create_connection((place.hostname, place.port), timeout=20)


def answered(connection: socket.socket) -> tuple[int, bytes]:
    """The next answer on a connection."""
    with connection.makefile("rb") as stream:
        status, length = int(stream.readline().split()[1]), 0
        while (line := stream.readline()) != b"\r\n":
            name, _, value = line.partition(b":")
            length = int(value) if name == b"content-length" else length
        return status, stream.read(length)


def mcp_request(running: Gateway, **arguments: object) -> bytes:
    """A call of the events tool, as bytes."""
    name, version = "get-all-events-inside-organization", "2026-07-28"
    meta = {"io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {}}
    given = {"organizationId": running.organization_id} | arguments
    params = {"name": name, "arguments": given, "_meta": meta}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
    return (
        "POST /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: application/json, text/event-stream\r\n"
        f"Content-Type: application/json\r\nMcp-Protocol-Version: {version}\r\nMcp-Method: tools/call\r\n"
        f"Mcp-Name: {name}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


def mcp_call(running: Gateway, **arguments: object) -> dict[str, Any]:
    """The result of a call of the events tool."""
    with connected(running.mcp_url) as connection:
        connection.sendall(mcp_request(running, **arguments))
        result: dict[str, Any] = json.loads(answered(connection)[1])["result"]
        return result


@pytest.fixture(scope="module", name="proxied")
def _proxied() -> Iterator[tuple[FaultProxy, Gateway]]:
    """A gateway behind which a proxy breaks, once and never again, whatever the test says."""
    with (
        stand_in(body=EVENTS, headers=WITH_LENGTH) as up,
        fault_proxy(up.url) as proxy,
        serving.gateway(upstream=proxy.url, settings=quick()) as running,
    ):
        yield proxy, running


def assert_told(running: Gateway, proxy: FaultProxy, expected: tuple[int, str, str]) -> None:
    """The fault is told on both ports within the deadline, and nothing else is."""
    status, slug, words = expected
    began = time.monotonic()
    answer = get(running.route())
    between = time.monotonic()
    result = mcp_call(running)
    ended = time.monotonic()
    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["detail"]) == (status, f"/docs#problem-{slug}", words)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "retry-after" not in answer.headers  # nobody knows when
    assert result["isError"] is True
    assert texts(result)[0].startswith(words)
    assert max(between - began, ended - between) < DEADLINE + SLACK
    told = answer.text + str(answer.headers) + json.dumps(result)
    for hidden in (running.sandbox_token, "127.0.0.1", str(urlsplit(proxy.url).port), "Error("):
        assert hidden not in told


def assert_well(running: Gateway) -> None:
    """The next call on each port is answered."""
    assert get(running.route()).content == EVENTS
    assert mcp_call(running)["structuredContent"] == json.loads(EVENTS)


def eventually(attempt: Callable[[], bool], seconds: float = 10) -> None:
    """Try until it succeeds, at most this long."""
    end = time.monotonic() + seconds
    while not attempt():
        assert time.monotonic() < end, "it did not happen in time"


@pytest.mark.parametrize("name", FAULTY)
def test_a_fault_on_the_way_is_told_in_time_and_the_next_call_succeeds(
    proxied: tuple[FaultProxy, Gateway], name: str
) -> None:
    """Each way to fail has its own status, within the deadline, and no connection that broke is used again."""
    proxy, running = proxied
    fault, expected = FAULTY[name]
    with proxy.broken(fault):
        assert_told(running, proxy, expected)
    assert_well(running)


def test_an_upstream_that_is_not_there_is_told_in_time(proxied: tuple[FaultProxy, Gateway]) -> None:
    """Whether it refuses connections or packets vanish; and it is called as soon as it is back."""
    proxy, running = proxied
    with proxy.refusing():
        assert_told(running, proxy, UNREACHABLE)
    assert_well(running)
    with proxy.unreachable():
        assert_told(running, proxy, TIMEOUT)
    assert_well(running)


@pytest.mark.parametrize("fault", [late(0.05), trickle(0), slow_close])
def test_what_is_slow_but_within_the_deadline_is_no_fault(fault: Fault) -> None:
    """A slow answer is an answer, and one that is whole does not wait for its connection's end."""
    with (
        stand_in(body=EVENTS) as up,  # its answer says itself where it ends
        fault_proxy(up.url) as proxy,
        serving.gateway(upstream=proxy.url, settings=quick()) as running,
        proxy.broken(fault),
    ):
        began = time.monotonic()
        assert get(running.route()).content == EVENTS
        assert time.monotonic() - began < DEADLINE + SLACK


def test_a_connection_the_upstream_closed_while_it_was_idle_is_replaced(tmp_path: Path) -> None:
    """Neither caller nor upstream notices: each call arrives once, those that must not be repeated as well."""
    plan = small_plan(tmp_path, "[{name: thing, in: body, type: object}]", method="POST")
    with (
        stand_in(headers=WITH_LENGTH, body=EVENTS) as up,
        fault_proxy(up.url) as proxy,
        serving.gateway(plans=(plan,), upstream=proxy.url, settings=quick()) as running,
    ):
        for calls in range(1, 4):
            answer = httpx2.post(f"{running.rest_url}/v1/tides", json={}, verify=False)
            assert (answer.status_code, len(up.asked), proxy.connections) == (200, calls, calls)
            with proxy.refusing():
                pass


# The sandbox's own faults

PASSED_ON = (
    "late-arrivals", "duplicate-id", "repeated-page", "self-link", "empty-page", "sliding-retention",
    "unknown-enum", "unknown-field", "huge-change", "broken-change", "null-events", "clock-ahead",
)  # fmt: skip
TOLD: dict[str, list[tuple[int, str]]] = {
    "html-ok": [(502, "is not JSON but `text/html`")],
    "truncated-gzip": [(502, "broke off, or its encoding is broken")],
    "slow-body": [(504, "did not answer in time")],
    "server-errors": [(502, "answered 500"), (502, "answered 502"), (502, "answered 503")],
    "revoked-token": [(401, "answered 401")],
}


def faulty_sandbox(name: str, *, every: int = 1) -> SandboxOptions:
    """A sandbox with one of its faults."""
    return SandboxOptions(now=NOW, rate_limit=0, events=300, faults=frozenset({name}), fault_every=every)


@pytest.mark.parametrize("name", PASSED_ON)
def test_a_page_that_is_strange_but_sound_is_passed_on_as_it_is(name: str) -> None:
    """A gateway corrects nobody's history: the bytes are the upstream's, on the page after the first one too."""
    with serving.gateway(sandbox=faulty_sandbox(name)) as running, httpx2.Client(timeout=20, verify=False) as client:
        theirs = f"{running.sandbox_url}/organization/{running.organization_id}/events"
        credential = {"authorization": f"Token {running.sandbox_token}"}
        first = client.get(theirs, params={"pageSize": 5}, headers=credential).json()
        onward = {"pageSize": 5, "continueToken": parse_qs(urlsplit(first["links"]["next"]).query)["continueToken"][0]}
        for query in ({"pageSize": 5}, onward):
            wanted = client.get(theirs, params=query, headers=credential)
            answer = client.get(running.route(), params=query)
            assert (answer.status_code, answer.content) == (200, wanted.content)
            result = mcp_call(running, **query)
            if len(answer.content) > 100_000:
                assert "more than the 100,000 this tool may return" in texts(result)[0]
            else:
                assert result["structuredContent"] == wanted.json()
        if name == "self-link":
            assert "leads back to this page" in answer.headers["fairlead-notice"]


@pytest.mark.parametrize("name", TOLD)
def test_a_fault_of_the_sandbox_is_told_on_both_ports(name: str) -> None:
    """With the status of its kind, the upstream's own page or sentence aside."""
    for adapter in ("rest", "mcp"):
        with serving.gateway(sandbox=faulty_sandbox(name), settings=quick()) as running:
            if name in {"server-errors", "revoked-token"}:  # these let one answer through first
                assert get(running.route()).status_code == 200
            for status, words in TOLD[name]:
                began = time.monotonic()
                if adapter == "rest":
                    answer = get(running.route())
                    assert (answer.status_code, words in answer.json()["detail"]) == (status, True)
                    said = answer.text
                else:
                    said = texts(mcp_call(running))[0]
                    assert words in said
                assert time.monotonic() - began < DEADLINE + SLACK
                assert "<" not in said  # no markup of theirs


def test_every_fault_of_the_sandbox_has_an_expected_answer() -> None:
    """A fault nobody expects is a fault nobody survives."""
    assert {*PASSED_ON, *TOLD} == FAULTS.keys()


@pytest.mark.parametrize("name", ["html-ok", "truncated-gzip", "server-errors", "slow-body"])
def test_a_passing_fault_of_the_sandbox_leaves_nothing_behind(name: str) -> None:
    """Between its faults the sandbox is answered for as if there were none."""
    with serving.gateway(sandbox=faulty_sandbox(name, every=2), settings=quick()) as running:
        statuses = [get(running.route()).status_code for _ in range(6)]
    assert statuses[0] == 200
    assert statuses.count(200) >= 3
    assert set(statuses) == {200, 504 if name == "slow-body" else 502}


# What acts on more than one call


def test_one_reset_is_not_the_callers_to_know(tmp_path: Path) -> None:
    """A safe call is made again; one that may have been done already is not, and says so."""
    write = small_plan(tmp_path, "[{name: thing, in: body, type: object}]", method="POST")
    with stand_in(headers=WITH_LENGTH, body=EVENTS) as up, fault_proxy(up.url) as proxy:
        with serving.gateway(upstream=proxy.url, settings=quick(retries=2)) as running:
            with proxy.broken(on_request(1, fault=reset_at_once)):
                assert get(running.route()).content == EVENTS
            assert (proxy.requests, len(up.asked)) == (2, 1)
        with serving.gateway(plans=(write,), upstream=proxy.url, settings=quick(retries=2)) as running:
            for fault in (reset_at_once, reset_in_body, closed_unanswered, truncated):
                before = proxy.requests
                with proxy.broken(fault):
                    assert httpx2.post(f"{running.rest_url}/v1/tides", json={}, verify=False).status_code == 502
                assert proxy.requests == before + 1


def test_a_storm_of_503_is_not_made_worse() -> None:
    """However many callers insist, the upstream sees little more than what they asked for."""
    calls = 100
    with stand_in(status=503, body=b"{}") as up:
        with (
            serving.gateway(upstream=up.url, settings=quick(retries=2)) as running,
            httpx2.Client(verify=False) as client,
        ):
            assert {client.get(running.route()).status_code for _ in range(calls)} == {502}
        assert calls <= len(up.asked) <= 1.1 * calls + 1


def test_an_upstream_that_keeps_failing_is_left_alone_and_called_again_unaided() -> None:
    """The breaker answers in its place, at once and with a time to come back, and lets go when the upstream is back."""
    with stand_in(headers=WITH_LENGTH, body=EVENTS) as up, fault_proxy(up.url) as proxy:
        chosen = quick(breaker_failures=4, breaker_pause=0.3)
        with serving.gateway(upstream=proxy.url, settings=chosen) as running, httpx2.Client(verify=False) as client:
            with proxy.broken(reset_at_once):
                assert [client.get(running.route()).status_code for _ in range(4)] == [502] * 4
                seen, times = proxy.requests, []
                for _ in range(10):
                    began = time.monotonic()
                    resting = client.get(running.route())
                    times.append(time.monotonic() - began)
                    if proxy.requests > seen:  # a busy machine let the pause pass
                        break
                    assert resting.status_code == 503
                    assert resting.json()["type"] == "/docs#problem-upstream-resting"
                    assert int(resting.headers["retry-after"]) >= 1
                assert sorted(times)[len(times) // 2] < 0.05
            result = mcp_call(running)
            assert result["isError"] or result["structuredContent"]
            eventually(lambda: client.get(running.route()).status_code == 200)
            assert_well(running)


def test_while_the_breaker_rests_a_tool_says_when_to_call_again() -> None:
    """A model is told the seconds, as a client of REST is."""
    with stand_in(status=500, body=b"{}") as up:
        with serving.gateway(upstream=up.url, settings=quick(breaker_failures=2, breaker_pause=40)) as running:
            assert [texts(mcp_call(running))[0][:25] for _ in range(2)] == ["The upstream answered 500"] * 2
            result = mcp_call(running)
            answer = get(running.route())
        assert len(up.asked) == 2
    assert result["isError"] is True
    assert "is left alone for a while" in texts(result)[0]
    assert "Call again in 40 s" in texts(result)[0]
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "40")


# Callers that share a call, and callers that leave


def ask(running: Gateway, path: str = "") -> bytes:
    """A request for the events, or for another path."""
    target = path or urlsplit(running.route()).path
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def healthy_through(connection: socket.socket, running: Gateway) -> None:
    """One request there and back: what was sent to the server before it has been read."""
    connection.sendall(ask(running, "/healthz"))
    assert answered(connection)[0] == 200


def test_a_thousand_callers_of_one_thing_make_one_upstream_call() -> None:
    """They come at once, and all have the one answer."""
    with stand_in(gate=True, body=EVENTS) as up, serving.gateway(upstream=up.url) as running, ExitStack() as stack:
        crowd = [stack.enter_context(connected(running.rest_url)) for _ in range(1_000)]
        for connection in crowd:
            connection.sendall(ask(running))
        assert up.arrived.wait(10)
        for _ in range(2):  # every connection was accepted before this one, and is read before its second request
            healthy_through(stack.enter_context(connected(running.rest_url)), running)
        up.opened.set()
        assert {answered(connection) for connection in crowd} == {(200, EVENTS)}
    assert len(up.asked) == 1


@pytest.mark.parametrize("leaving", [0, 1])
def test_of_two_identical_calls_one_may_leave(leaving: int) -> None:
    """The other one has the answer, whichever began it."""
    with stand_in(gate=True, body=EVENTS) as up, serving.gateway(upstream=up.url) as running:
        pair = [connected(running.rest_url), connected(running.rest_url)]
        pair[0].sendall(ask(running))
        assert up.arrived.wait(10)
        pair[1].sendall(ask(running))
        with connected(running.rest_url) as other:
            healthy_through(other, running)
            pair.pop(leaving).close()
            healthy_through(other, running)
        up.opened.set()
        with pair[0]:
            assert answered(pair[0]) == (200, EVENTS)
    assert len(up.asked) == 1


def _more(connection: socket.socket) -> bytes:
    try:
        return connection.recv(1)
    except ConnectionResetError:
        return b""


@pytest.mark.parametrize("adapter", ["rest", "mcp"])
@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500000\r\n\r\n" + b" " * 300_000,
    ],
    ids=["before the answer", "within the answer"],
)
def test_the_upstream_sees_that_its_caller_left(adapter: str, part: bytes) -> None:
    """Nobody's answer is not fetched to its end."""
    arrived, left = threading.Event(), threading.Event()

    def fault(exchange: Exchange) -> None:
        exchange.send(part)  # returns when the gateway has taken most of it
        arrived.set()
        if select.select([exchange.caller], [], [], 5)[0] and not _more(exchange.caller):
            left.set()

    with (
        fault_proxy("http://127.0.0.1:9") as proxy,
        serving.gateway(upstream=proxy.url) as running,
        proxy.broken(fault),
    ):
        with connected(running.rest_url if adapter == "rest" else running.mcp_url) as caller:
            caller.sendall(ask(running) if adapter == "rest" else mcp_request(running))
            assert arrived.wait(10)
            with connected(running.rest_url) as other:
                healthy_through(other, running)
        assert left.wait(1.0)


@pytest.mark.parametrize("adapter", ["rest", "mcp"])
def test_callers_that_leave_give_back_their_turns(adapter: str) -> None:
    """However many came and went, the next caller has a turn: one call at once and nobody in the queue."""
    chosen = serving.settings_for_tests(max_calls=1, max_waiting_calls=0, total_timeout=1.0)
    with stand_in(hang=True) as up, serving.gateway(upstream=up.url, settings=chosen) as running:
        for _ in range(5):
            up.arrived.clear()
            with connected(running.rest_url if adapter == "rest" else running.mcp_url) as caller:
                caller.sendall(ask(running) if adapter == "rest" else mcp_request(running))
                assert up.arrived.wait(10)
            with connected(running.rest_url) as other:
                healthy_through(other, running)
        up.hang = False
        eventually(lambda: get(running.route()).status_code == 200)


def test_more_calls_than_fit_are_shed_with_a_time_to_come_back() -> None:
    """Those that run and those that wait are answered; the one too many is told so at once."""
    chosen = serving.settings_for_tests(max_calls=1, max_waiting_calls=1)
    with stand_in(gate=True) as up, serving.gateway(upstream=up.url, settings=chosen) as running, ExitStack() as stack:
        callers = [stack.enter_context(connected(running.rest_url)) for _ in range(2)]
        for size, caller in enumerate(callers, 1):
            caller.sendall(ask(running, f"{urlsplit(running.route()).path}?pageSize={size}"))
            assert up.arrived.wait(10)  # it runs, so the next one waits
        with connected(running.rest_url) as other:
            healthy_through(other, running)
        refused = get(f"{running.route()}?pageSize=3")
        result = mcp_call(running, pageSize=4)
        up.opened.set()
        assert [answered(caller)[0] for caller in callers] == [200, 200]
    assert (refused.status_code, refused.json()["type"]) == (503, "/docs#problem-upstream-busy")
    assert int(refused.headers["retry-after"]) >= 1
    assert result["isError"] is True
    assert "Call again in" in texts(result)[0]


# The end of the server


def test_a_call_that_outlasts_the_grace_is_ended_with_the_server() -> None:
    """SIGTERM waits for calls in flight as long as it was told to, and no longer."""
    with stand_in(hang=True) as up:
        flags = ("--upstream", up.url, "--rest-port", "0", "--mcp-port", "0")
        env = {"QOVERY_API_KEY": "qov_x", "FAIRLEAD_GRACE_PERIOD": "0.3"}
        with started("serve", *flags, env=env) as (process, text):
            base = text.partition("REST       ")[2].split()[0]
            with connected(base) as caller:
                caller.sendall(ask(Gateway(base, "", None, DEMO_ORGANIZATION_ID)))
                assert up.arrived.wait(10)
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                assert process.wait(timeout=20) == 0
                assert time.monotonic() - began < 0.3 + 2 * SLACK
                assert _more(caller) == b""  # no half of an answer
