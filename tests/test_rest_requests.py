"""REST requests that are too large, too slow, cut off or not what they say, over real sockets where one is needed."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

import serving
from fairlead.app.ports import bound
from fairlead.expose.connection import answering
from fairlead.expose.http import Answer, Request, Response
from fairlead.expose.limits import Limits
from fairlead.expose.server import listening
from serving import Gateway
from small_documents import small_plan
from stand_in import stand_in


@pytest.mark.parametrize("length", [17_000, 60_000])
def test_an_address_nobody_can_take_blames_the_longest_argument(length: int) -> None:
    """It is the caller's fault and is not sent, instead of a failure of the upstream's."""
    with stand_in() as up, serving.gateway(upstream=up.url) as running:
        answer = httpx2.get(f"{running.route()}?pageSize=5&triggeredBy={'x' * length}")
    problem = answer.json()
    assert (answer.status_code, [error["parameter"] for error in problem["errors"]]) == (400, ["triggeredBy"])
    assert "16,000" in problem["detail"]
    assert not up.asked


def test_of_many_faults_the_first_are_told_and_the_rest_counted(gateway: Gateway) -> None:
    """An answer stays short enough to be read."""
    problem = httpx2.get(f"{gateway.route()}?{'&'.join(f'x{n}=1' for n in range(500))}").json()
    assert len(problem["errors"]) == 20
    assert problem["detail"].endswith("and 480 more.")
    assert len(problem["detail"]) < 10_000


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_says_it_is_no_json_is_refused(tmp_path: Path, media_type: str) -> None:
    """A form or a text, as a page of another origin could send without asking, is no argument."""
    plan = small_plan(tmp_path, "[{name: thing, in: body, type: object}]", method="POST")
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        answer = httpx2.post(f"{running.rest_url}/v1/tides", content=b"{}", headers={"content-type": media_type})
    assert (answer.status_code, answer.json()["type"]) == (400, "/docs#problem-malformed-request")
    assert f"`{media_type}`" in answer.json()["detail"]
    assert "application/json" in answer.json()["remedy"]
    assert not up.asked


def test_whole_numbers_of_any_length_reach_the_upstream_as_they_are(tmp_path: Path) -> None:
    """Inside a body and inside an object in the query; no digit is rounded."""
    long = "123456789012345678901234567890"
    plan = small_plan(
        tmp_path, "[{name: thing, in: body, type: object}, {name: q, in: query, type: number}]", method="POST"
    )
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        body = f'{{"n":{long}}}'.encode()
        assert httpx2.post(f"{running.rest_url}/v1/tides?q={long}", content=body).status_code == 200
    assert up.bodies == [body]
    assert up.asked[0][0].endswith(f"?q={long}")


def echo(**limits: Any) -> AbstractContextManager[tuple[str, int]]:
    """A port within these limits that answers each body with itself; yields its address."""

    async def answer(request: Request) -> Response:
        return Response(200, (), request.body)

    return serving_port(answer, **limits)


@contextmanager
def serving_port(answer: Answer, **limits: Any) -> Iterator[tuple[str, int]]:
    """A port within these limits; yields its address."""
    with bound("127.0.0.1", 0, "") as listener:
        port = listening(answering(answer), listener, Limits(**limits), grace=1, clock=time.time)
        with serving.opened(port):
            yield listener.getsockname()


def said(connection: socket.socket, *parts: bytes) -> bytes:
    """What a port answers to these bytes until it closes the connection."""
    for part in parts:
        connection.sendall(part)
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def test_a_caller_that_dawdles_is_let_go() -> None:
    """Slow headers, a slow body and an idle connection each have their time; nobody holds a place for ever."""
    post = b"POST / HTTP/1.1\r\nhost: localhost\r\n"
    with echo(header_timeout=0.3, body_timeout=0.3, idle_timeout=0.3) as address:
        for parts, status in (
            ((b"GET / HT",), b"408"),
            ((post, b"x-a: b\r\n"), b"408"),
            ((post + b"content-length: 3\r\n\r\n", b"[1"), b"408"),
            ((post + b"transfer-encoding: chunked\r\n\r\n2\r\n[1\r\n",), b"408"),
        ):
            with socket.create_connection(address, timeout=10) as connection:
                assert said(connection, *parts).startswith(b"HTTP/1.1 " + status)
        with socket.create_connection(address, timeout=10) as connection:
            assert said(connection, post + b"content-length: 3\r\n\r\n[1]").endswith(b"\r\n\r\n[1]")
        with socket.create_connection(address, timeout=10) as connection:
            assert said(connection) == b""  # nothing was asked


def test_requests_of_one_connection_are_answered_in_their_order() -> None:
    """However many come at once, and whatever stands between them."""
    one = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\n%04d"
    with echo() as address, socket.create_connection(address, timeout=10) as connection:
        last = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        answered = said(connection, b"".join(one % number for number in range(500)), last)
    bodies = re.findall(rb"\r\n\r\n(\d{4})", answered)
    assert bodies == [b"%04d" % number for number in range(500)]
    assert answered.count(b"HTTP/1.1 200 OK") == 501


def test_a_caller_that_asks_first_is_told_to_go_on() -> None:
    """`Expect: 100-continue` (RFC 9110, section 10.1.1), and not for a body that is too large."""
    ask = (
        b"POST / HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
    )
    with echo(max_request_bytes=10) as address:
        with socket.create_connection(address, timeout=10) as connection:
            connection.sendall(ask % 2)
            assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert said(connection, b"[]").endswith(b"[]")
        with socket.create_connection(address, timeout=10) as connection:
            assert said(connection, ask % 11).startswith(b"HTTP/1.1 413 ")


def test_one_connection_too_many_is_told_to_come_back() -> None:
    """503 and Retry-After, as a problem; the others go on."""
    get = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
    with echo(max_connections=1) as address, socket.create_connection(address, timeout=10) as first:
        first.sendall(get)
        assert first.recv(1_000).startswith(b"HTTP/1.1 200 ")
        with socket.create_connection(address, timeout=10) as second:
            refused = said(second, get)
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"retry-after: 1\r\n" in refused
        assert b"/docs#problem-overloaded" in refused
        first.sendall(get)
        assert first.recv(1_000).startswith(b"HTTP/1.1 200 ")


def test_a_trailer_is_no_header() -> None:
    """What a caller adds behind the body cannot change what was checked before it."""
    seen: list[dict[bytes, bytes]] = []

    async def answer(request: Request) -> Response:
        seen.append(dict(request.headers))
        return Response(200, ())

    chunked = b"POST / HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    with serving_port(answer) as address, socket.create_connection(address, timeout=10) as connection:
        said(connection, chunked + b"2\r\n[]\r\n0\r\nhost: evil\r\nauthorization: Bearer x\r\n\r\n")
    assert seen == [{b"host": b"localhost", b"transfer-encoding": b"chunked", b"connection": b"close"}]


def test_an_absolute_target_names_the_host() -> None:
    """RFC 9112, section 3.2.2: the host of the target stands above the Host header."""
    with serving.gateway(sandbox=None) as running:
        place = urlsplit(running.rest_url)
        for target, status in (("http://evil.example/healthz", b"403"), (f"{running.rest_url}/healthz", b"200")):
            with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
                request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                assert said(connection, request.encode()).startswith(b"HTTP/1.1 " + status)


def test_headers_that_are_too_large_are_refused(gateway: Gateway) -> None:
    """All of them together, whatever a single one may be."""
    answer = httpx2.get(gateway.route(), headers={f"x-{n}": "a" * 7_000 for n in range(10)})
    assert (answer.status_code, answer.json()["type"]) == (431, "/docs#problem-headers-too-large")
