"""What a caller may send, or not send, to break the server; from raw sockets, on both ports of a real process."""

from __future__ import annotations

import re
import resource
import select
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import serving
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID
from fairlead.settings import Secret
from serving import Gateway
from stand_in import stand_in
from test_cli import started
from test_faults import SLACK, answered, ask, connected, eventually, get, mcp_request
from test_hostile_upstreams import MEGABYTE, resident

TIMEOUT = 0.5  # for headers, for a body, and for a reader to catch up
LARGE = b'{"events": ["%b"]}' % (b"x" * 8 * MEGABYTE)
HOST = b"Host: localhost\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + HOST
POST = b"POST /healthz HTTP/1.1\r\n" + HOST
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LAST = b"Connection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
PORTS = ("rest", "mcp")


@dataclass(frozen=True, slots=True)
class Server:
    """A server in a process of its own, whose upstream answers eight megabytes."""

    process: subprocess.Popen[str]
    gateway: Gateway

    def url(self, port: str) -> str:
        return self.gateway.rest_url if port == "rest" else self.gateway.mcp_url


@pytest.fixture(scope="module", name="server")
def _server() -> Iterator[Server]:
    """A server with small timeouts."""
    with running({"FAIRLEAD_HEADER_TIMEOUT": str(TIMEOUT), "FAIRLEAD_READ_TIMEOUT": str(TIMEOUT)}) as server:
        yield server


@contextmanager
def running(env: dict[str, str]) -> Iterator[Server]:
    """A server with these settings; in the end it has not recorded one fault of its own."""
    env = {**env, "QOVERY_API_KEY": "qov_x"}
    with stand_in(body=LARGE) as up:
        flags = ("--upstream", up.url, "--rest-port", "0", "--mcp-port", "0")
        with started("serve", *flags, env=env) as (process, text):
            rest, mcp = (re.findall(rf"{name} +(http\S+)", text)[0] for name in ("REST", "MCP"))
            yield Server(process, Gateway(rest, mcp, None, DEMO_ORGANIZATION_ID))
            assert process.poll() is None
            process.terminate()
            _, records = process.communicate(timeout=20)
            assert "Traceback" not in records
            assert "fault" not in records


def talk(url: str, *parts: bytes, half_close: bool = False) -> bytes:
    """All that a port answers until it closes the connection."""
    with connected(url) as connection:
        try:
            for part in parts:
                connection.sendall(part)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except OSError:  # it has ended the conversation already
            pass
        return heard(connection)


def heard(connection: socket.socket) -> bytes:
    """What comes on a connection until its end, which may be a reset."""
    whole = b""
    try:
        while data := connection.recv(65_536):
            whole += data
    except ConnectionResetError:
        pass
    return whole


def statuses(said: bytes) -> list[int]:
    """The statuses of the answers in what a port said."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", said)]


def trickled(url: str, start: bytes, drop: bytes) -> tuple[bytes, float]:
    """What a port says to a beginning and then one drop at a time, and how long it listened."""
    with connected(url) as connection:
        began = time.monotonic()
        connection.sendall(start)
        while not select.select([connection], [], [], 0.02)[0]:
            assert time.monotonic() - began < 10, "it listens for ever"
            try:
                connection.sendall(drop)
            except OSError:
                break
        return heard(connection), time.monotonic() - began


def assert_next_is_served(server: Server) -> None:
    """The next caller of each port has an answer."""
    assert statuses(talk(server.gateway.rest_url, GET + LAST)) == [200]
    assert statuses(talk(server.gateway.mcp_url, b"POST /mcp HTTP/1.1\r\n" + HOST + LAST)) == [400]


DROPS: dict[str, tuple[bytes, bytes, list[int]]] = {
    "a method": (b"", b"G", [400]),
    "a path": (b"GET /", b"a", [408]),
    "headers": (GET, b"x-a: b\r\n", [408]),
    "a header": (GET + b"x-a: ", b"a", [408]),
    "empty lines": (b"", b"\r\n", []),
    "a body": (POST + b"Content-Length: 100000\r\n\r\n", b"a", [408]),
    "chunks": (POST + CHUNKED + b"\r\n", b"1\r\na\r\n", [408]),
    "a chunk's extension": (POST + CHUNKED + b"\r\n1;a=", b"a", [408]),
    "trailers": (POST + CHUNKED + b"\r\n0\r\n", b"x-a: b\r\n", [408]),
}


@pytest.mark.parametrize("port", PORTS)
def test_a_caller_that_sends_drop_by_drop_is_let_go(server: Server, port: str) -> None:
    """The time for headers and the time for a body are for all of them, however steadily they come."""
    with ThreadPoolExecutor(len(DROPS)) as pool:
        told = {name: pool.submit(trickled, server.url(port), *drop[:2]) for name, drop in DROPS.items()}
    assert {name: statuses(said.result()[0]) for name, said in told.items()} == {
        name: expected for name, (_, _, expected) in DROPS.items()
    }
    assert max(said.result()[1] for said in told.values()) < TIMEOUT + SLACK
    assert_next_is_served(server)


TOO_MUCH = {
    "a URL of 1 MB": (b"GET /" + b"a" * MEGABYTE + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
    "a header of 1 MB": (GET + b"x-a: " + b"a" * MEGABYTE + b"\r\n\r\n", 431),
    "ten thousand headers": (GET + b"".join(b"x-%d: a\r\n" % number for number in range(10_000)) + b"\r\n", 431),
    "a name of 1 MB": (GET + b"x" * MEGABYTE + b": a\r\n\r\n", 431),
    "a length of 1 TB": (POST + b"Content-Length: 1000000000000\r\n\r\n", 413),
    "chunks of 8 MB": (POST + CHUNKED + b"\r\n" + (b"100000\r\n" + b"a" * 0x100000 + b"\r\n") * 8, 413),
    "trailers of 1 MB": (POST + CHUNKED + LAST + b"0\r\n" + b"x-a: %b\r\n" % (b"a" * 1_000) * 1_000 + b"\r\n", 431),
}


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("name", TOO_MUCH)
def test_more_than_a_request_may_hold_is_refused(server: Server, port: str, name: str) -> None:
    """With the status that says what was too large, and as a problem."""
    request, status = TOO_MUCH[name]
    said = talk(server.url(port), request)
    assert statuses(said) == [status]
    assert b"application/problem+json" in said
    assert_next_is_served(server)


REFUSED = {
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello" + SMUGGLED,
    "the same length twice": POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello" + SMUGGLED,
    "a list of lengths": POST + b"Content-Length: 5, 5\r\n\r\nhello" + SMUGGLED,
    "a length with a sign": POST + b"Content-Length: +5\r\n\r\nhello" + SMUGGLED,
    "a negative length": POST + b"Content-Length: -5\r\n\r\nhello" + SMUGGLED,
    "a hexadecimal length": POST + b"Content-Length: 0x5\r\n\r\nhello" + SMUGGLED,
    "a length of no number": POST + b"Content-Length: \r\n\r\n" + SMUGGLED,
    "a length beyond numbers": POST + b"Content-Length: 99999999999999999999999\r\n\r\n",
    "a length and chunks": POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + SMUGGLED,
    "chunks and a length": POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked in no word": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "identity": POST + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked, identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "chunked twice": POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a tab before the colon": POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a null before chunked": POST + b"Transfer-Encoding: \x00chunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk of no size": POST + CHUNKED + b"\r\nx\r\n\r\n" + SMUGGLED,
    "a chunk with a sign": POST + CHUNKED + b"\r\n-1\r\na\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk of 0x": POST + CHUNKED + b"\r\n0x1\r\na\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk beyond numbers": POST + CHUNKED + b"\r\nfffffffffffffffffff\r\na\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk that is longer": POST + CHUNKED + b"\r\n1\r\nab\r\n0\r\n\r\n" + SMUGGLED,
    "a chunk's bare LF": POST + CHUNKED + b"\r\n1\na\n0\n\n" + SMUGGLED,
    "a folded header": GET + b"x-a: b\r\n c\r\n\r\n",
    "a folded first header": b"GET /healthz HTTP/1.1\r\n x-a: b\r\n" + HOST + b"\r\n",
    "a null in a header": GET + b"x-a: a\x00b\r\n\r\n",
    "a null in a name": GET + b"x\x00a: b\r\n\r\n",
    "a lone CR in a header": GET + b"x-a: a\rb: c\r\n\r\n",
    "a header without a colon": GET + b"x-a\r\n\r\n",
    "a header without a name": GET + b": a\r\n\r\n",
    "bare LF": b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
    "two hosts": GET + b"Host: localhost\r\n" + LAST,
    "a null in the path": b"GET /health\x00z HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "another version": b"GET /healthz HTTP/3.0\r\n" + HOST + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
    "SSH": b"SSH-2.0-OpenSSH_9.9\r\n",
    "a tunnel": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
    "no path": b"GET healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "another scheme": b"GET file:///etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n",
}


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_two_servers_could_read_in_two_ways_is_refused(server: Server, port: str, name: str) -> None:
    """One refusal, and the end of the connection: where the next request begins is not for us to guess."""
    said = talk(server.url(port), REFUSED[name])
    assert statuses(said) == [400]
    assert b"/docs#problem-malformed-request" in said
    assert b"smuggled" not in said
    assert_next_is_served(server)


TAKEN: dict[str, tuple[bytes, list[int]]] = {
    "an empty line first": (b"\r\n" + GET + LAST, [200]),
    "another host in the target": (b"GET http://evil.example/healthz HTTP/1.1\r\n" + HOST + LAST, [403]),
    "a user in the target": (b"GET http://localhost@evil.example/healthz HTTP/1.1\r\n" + HOST + LAST, [403]),
    "our host in the target": (b"GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example\r\n" + LAST, [200]),
    "HTTP/1.0": (b"GET /healthz HTTP/1.0\r\n" + HOST + b"\r\n", [200]),
    "a protocol to change to": (GET + b"Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n", [200]),
    "a web socket": (GET + b"Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n\r\n", [200]),
    "an underscore for a dash": (GET + b"Content_Length: 5\r\nTransfer_Encoding: chunked\r\n" + LAST, [200]),
    "chunk extensions": (POST + CHUNKED + LAST + b'2;a=b;c="d"\r\n[]\r\n0;x\r\n\r\n', [405]),
    "a strange expectation": (GET + b"Expect: the unexpected\r\n" + LAST, [200]),
    "bytes beyond ASCII": (GET + b"x-a: \xff\xfe\r\n" + LAST, [200]),
    "a path beyond ASCII": (b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + LAST, [400]),
    "dots": (b"GET /../../etc/passwd HTTP/1.1\r\n" + HOST + LAST, [404]),
    "an unknown method": (b"PURGE /healthz HTTP/1.1\r\n" + HOST + LAST, [405]),
    "the server as a whole": (b"OPTIONS * HTTP/1.1\r\n" + HOST + LAST, [404]),
    "two requests at once": (GET + b"\r\n" + GET + LAST, [200, 200]),
    "a request behind the last": (GET + LAST + GET + LAST, [200]),
}


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_strange_and_clear_is_answered(server: Server, name: str) -> None:
    """HTTP allows more than browsers send; a host nobody allowed is refused wherever it stands."""
    request, expected = TAKEN[name]
    assert statuses(talk(server.gateway.rest_url, request)) == expected
    on_mcp = statuses(talk(server.gateway.mcp_url, request))
    assert len(on_mcp) == len(expected)
    assert set(on_mcp) <= {400, 403, 404, 405}  # there is no such path on that port
    assert_next_is_served(server)


def test_trailers_are_no_headers() -> None:
    """What comes behind a body opens no door that the headers did not open (RFC 9110, section 6.5.1)."""
    chosen = serving.settings_for_tests(api_token=Secret("open-sesame"))
    with stand_in() as up, serving.gateway(upstream=up.url, settings=chosen) as running:
        path = urlsplit(running.route()).path.encode()
        request = b"GET %b HTTP/1.1\r\n" % path + HOST + CHUNKED + LAST
        for trailer, status in ((b"authorization: Bearer open-sesame", 401), (b"content-length: 5", 400)):
            assert statuses(talk(running.rest_url, request + b"0\r\n" + trailer + b"\r\n\r\n")) == [status]
        foreign = request.replace(HOST, b"Host: evil.example\r\nAuthorization: Bearer open-sesame\r\n")
        assert statuses(talk(running.rest_url, foreign + b"0\r\nhost: localhost\r\n\r\n")) == [403]
        assert not up.asked


@pytest.mark.parametrize(
    "value", ["a\r\nx-evil: 1", "a\nx-evil: 1", "a b", "a\x00", "a\u2028", "a%0d%0ax-evil: 1", "a#b&c=d"]
)
def test_no_argument_becomes_a_header_or_a_request(value: str) -> None:
    """Whatever an argument holds, the upstream sees one request with the headers of any other."""
    with stand_in() as up, serving.gateway(upstream=up.url) as running:
        assert get(running.route()).status_code == 200
        get(running.route(), params={"triggeredBy": value})
        names = [set(headers) for _, headers in up.asked]
        assert all(found == names[0] for found in names)
        assert len(up.asked) <= 2
        assert not re.search(r"[\x00-\x20]", up.asked[-1][0].removeprefix("GET "))


@pytest.mark.parametrize("port", PORTS)
def test_a_caller_that_sends_no_more_is_done(server: Server, port: str) -> None:
    """Half of a connection is not kept: it ends at once, with the answer or without."""
    for request in (b"", b"GET /", GET, GET + b"\r\n", POST + b"Content-Length: 5\r\n\r\n12"):
        began = time.monotonic()
        talk(server.url(port), request, half_close=True)
        assert time.monotonic() - began < SLACK
    assert_next_is_served(server)


def test_a_thousand_requests_at_once_are_answered_as_they_are_read(server: Server) -> None:
    """In their order, and without keeping the answers of all of them for a reader that does not come."""
    one = b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n"
    size = len(get(f"{server.gateway.rest_url}/openapi.json").content)
    before = resident(server.process.pid, "VmRSS")
    with connected(server.gateway.rest_url) as connection:
        connection.sendall(one * 1_000)
        with connected(server.gateway.rest_url) as other:
            for _ in range(20):
                other.sendall(GET + b"\r\n")
                assert answered(other)[0] == 200
        assert resident(server.process.pid, "VmRSS") - before < 8 * MEGABYTE < 1_000 * size
        stream = connection.makefile("rb")
        for _ in range(1_000):
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
            while (line := stream.readline()) != b"\r\n":
                length = int(line.partition(b":")[2]) if line.startswith(b"content-length") else size
            assert len(stream.read(length)) == size


@pytest.mark.parametrize("port", PORTS)
def test_a_caller_that_does_not_read_its_answer_is_let_go(server: Server, port: str) -> None:
    """It has a bounded time to catch up; then the answer's memory is given back."""
    large = ask(server.gateway) if port == "rest" else None
    with ExitStack() as stack:
        callers = [stack.enter_context(connected(server.url(port))) for _ in range(4)]
        for caller in callers:
            caller.sendall(large or mcp_request(server.gateway))
        if port == "mcp":  # over the budget of a model's answer, so it is short
            assert all(answered(caller)[0] == 200 for caller in callers)
            return
        began = time.monotonic()
        eventually(lambda: open_connections(server) == 1)  # the one that asks
        assert time.monotonic() - began < TIMEOUT + 2 * SLACK
        assert all(len(heard(caller)) < len(LARGE) for caller in callers)
    assert_next_is_served(server)


def test_a_caller_that_reads_slowly_and_steadily_has_its_whole_answer(server: Server) -> None:
    """A thin line is no attack."""
    with connected(server.gateway.rest_url) as caller:
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        caller.sendall(ask(server.gateway))
        size, began = 0, time.monotonic()
        while size < len(LARGE) and (part := heard_now(caller)):
            size += len(part)
            select.select([], [], [], 0.01)  # so thin is the line
        assert size > len(LARGE)
        assert time.monotonic() - began > TIMEOUT


def open_connections(server: Server) -> int:
    """How many connections the REST port has, this one included."""
    text = get(f"{server.gateway.rest_url}/metrics").text
    return int(float(re.findall(r'^fairlead_connections\{[^}]*"rest"[^}]*\} (\S+)', text, re.MULTILINE)[0]))


FLOODS = (
    (GET + b"x-a: ", b"a" * 65_536),
    (GET, b"x-a: a\r\n" * 8_192),
    (POST + CHUNKED + b"\r\n1;", b"a" * 65_536),
    (POST + CHUNKED + b"\r\n0\r\n", b"x-a: a\r\n" * 8_192),
    (POST + CHUNKED + b"\r\n0\r\nx-a: ", b"a" * 65_536),
    (POST + CHUNKED + b"\r\n", b"10000\r\n" + b"a" * 65_536 + b"\r\n"),
    (b"", b"\r\n" * 32_768),
)


def flooded(url: str, start: bytes, part: bytes) -> float:
    """How long a port takes in what never ends."""
    began = time.monotonic()
    with connected(url) as connection:
        try:
            connection.sendall(start)
            while time.monotonic() - began < 10:
                connection.sendall(part)
        except OSError:
            pass
    return time.monotonic() - began


def test_memory_stays_when_callers_send_without_end(server: Server) -> None:
    """Headers, trailers, extensions and bodies at full speed, all at one time, take no more than their bounds."""
    before = resident(server.process.pid, "VmHWM")
    with ThreadPoolExecutor() as pool:
        floods = [pool.submit(flooded, server.gateway.rest_url, *flood) for flood in FLOODS]
    assert max(flood.result() for flood in floods) < 8  # of which 2 are for reading the refusal
    assert resident(server.process.pid, "VmHWM") - before < 32 * MEGABYTE  # a body of 4 MB is allowed
    assert_next_is_served(server)


@contextmanager
def open_files(number: int) -> Iterator[None]:
    """Allow this process and those it starts so many open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number:
        pytest.skip("NOT TESTED: this system allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_three_thousand_connections_are_taken_at_once_and_the_server_recovers() -> None:
    """Nobody waits for a place in the queue; those too many are told so, and when they are gone the next is served."""
    with open_files(4_000), running({}) as server:
        with ExitStack() as stack:
            began = time.monotonic()
            crowd = [stack.enter_context(connected(server.gateway.rest_url)) for _ in range(3_000)]
            assert time.monotonic() - began < 2 * SLACK  # a queue that is too short costs a second for each try
            crowd[0].sendall(GET + b"\r\n")
            crowd[-1].sendall(GET + b"\r\n")
            assert answered(crowd[0])[0] == 200
            assert answered(crowd[-1])[0] == 503
        eventually(lambda: get(f"{server.gateway.rest_url}/healthz").status_code == 200)


def test_an_answer_in_parts_is_not_held_back() -> None:
    """A part waits for no acknowledgement of the part before it, which a reader may withhold for 40 ms."""
    times = []
    with stand_in() as up, connected(up.url) as connection:  # a stand-in answers in parts
        for _ in range(9):
            began = time.monotonic()
            connection.sendall(GET + b"\r\n")
            said = b""
            while not said.endswith(b"0\r\n\r\n"):
                said += connection.recv(65_536)
            times.append(time.monotonic() - began)
    assert sorted(times)[4] < 0.03


VALID = (GET + b"\r\n", POST + b"Content-Length: 2\r\n\r\n{}", POST + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n")
PIECES = st.sampled_from([b"\r", b"\n", b"\r\n", b"\x00", b" ", b":", b"0", b"HTTP/1.1", CHUNKED, HOST, b"\xff", b"%"])


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A request with something cut out, put in or said twice."""
    request = draw(st.sampled_from(VALID)) * draw(st.integers(1, 3))
    for _ in range(draw(st.integers(1, 4))):
        start, end = sorted((draw(st.integers(0, len(request))), draw(st.integers(0, len(request)))))
        request = request[:start] + draw(st.one_of(PIECES, st.binary(max_size=8))) + request[end:]
    return request


@given(st.lists(st.one_of(st.binary(max_size=200), bent()), min_size=20, max_size=40), st.sampled_from(PORTS))
@settings(max_examples=5, deadline=None, suppress_health_check=[*HealthCheck])
def test_no_bytes_keep_a_connection_or_break_the_server(server: Server, requests: list[bytes], port: str) -> None:
    """Whatever comes, every connection is answered or ended within its time, and no answer is a fault of ours."""
    with ExitStack() as stack:
        callers = [stack.enter_context(connected(server.url(port))) for _ in requests]
        began = time.monotonic()
        for caller, request in zip(callers, requests, strict=True):
            caller.sendall(request)
        for caller in callers:
            ready = select.select([caller], [], [], TIMEOUT + 2 * SLACK)[0]
            assert ready or time.monotonic() - began < TIMEOUT
            said = heard_now(caller)
            assert all(100 <= status < 500 for status in statuses(said)), said
    assert_next_is_served(server)


def heard_now(connection: socket.socket) -> bytes:
    """What has come on a connection so far."""
    try:
        return connection.recv(65_536)
    except ConnectionResetError:
        return b""
