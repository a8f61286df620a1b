"""The HTTP client against upstreams of raw sockets, where nothing is polite by itself."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
import ssl
import sys
import traceback
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fairlead.errors import UpstreamError, UpstreamInvalid, UpstreamTimeout, UpstreamTooLarge, UpstreamUnreachable
from fairlead.settings import Settings
from fairlead.upstream.client import UpstreamClient, open_client
from fairlead.upstream.request import UpstreamRequest
from scripted import Api, ready, until

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
HEAD = b"HTTP/1.1 200 OK\r\n"
MEGABYTE = 1024 * 1024
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Raw:
    """What an upstream was asked, as bytes, and how many callers came and went away."""

    url: str = ""
    asked: list[bytes] = field(default_factory=list)
    came: int = 0
    left: int = 0

    def target(self) -> str:
        """The target of the last request."""
        return self.asked[-1].split(b" ")[1].decode()


def saying(*parts: bytes) -> Answer:
    """Answer with these bytes."""

    async def say(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()

    return say


def then_closing(part: bytes) -> Answer:
    """Answer with these bytes and close the connection."""

    async def say(writer: asyncio.StreamWriter) -> None:
        writer.write(part)
        writer.close()

    return say


def endless(start: bytes, part: bytes) -> Answer:
    """Begin an answer, and repeat one part until the caller is gone or has taken far too much."""
    return saying(start, *[part] * (512 * MEGABYTE // len(part)))


@asynccontextmanager
async def upstream(answer: Answer, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Raw]:
    """An upstream that gives one answer to every request."""
    raw, writers = Raw(), []
    running: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.append(asyncio.current_task())
        writers.append(writer)
        raw.came += 1
        try:
            while True:
                raw.asked.append(await _request(reader))
                await answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            raw.left += 1
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    raw.url = f"http{'s' if tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield raw
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*filter(None, running), return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b":0")
    return head + await reader.readexactly(int(length.partition(b":")[2]))


async def ask(
    answer: Answer, *, path: str = "/", deadline: float | None = None, **settings: float
) -> tuple[int, dict[str, str], bytes]:
    """One call of an upstream that gives this answer."""
    async with upstream(answer) as raw, open_client(Settings(**settings)) as client:  # type: ignore[arg-type]
        response = await client.send(UpstreamRequest("GET", raw.url + path, (), timeout=deadline))
        return response.status, dict(response.headers), response.body


async def body_of(client: UpstreamClient, address: str) -> bytes:
    """The body of an answer, whatever its status."""
    return (await client.send(UpstreamRequest("GET", address, ()))).body


@pytest.fixture(name="client")
async def _client() -> AsyncIterator[UpstreamClient]:
    """A client as a server has it, with short patience and small bounds."""
    chosen = Settings(connect_timeout=1.0, read_timeout=5.0, total_timeout=10.0, max_response_bytes=MEGABYTE)
    async with open_client(chosen) as client:
        yield client


# What is sent


@pytest.mark.parametrize(
    "path",
    [
        "/a/..%2Fb",
        "/%00",
        "/$count",
        "/('id')",
        "/a//b",
        "/a;b|c",
        "/%7Bx%7D",
        "/a%2fb",
        "/?a=%2F+%20&b={x}|;&&c",
        "/?",
    ],
)
async def test_an_address_is_sent_as_it_is_given(client: UpstreamClient, path: str) -> None:
    """What was encoded once is not tidied up."""
    async with upstream(saying(OK)) as raw:
        await client.send(UpstreamRequest("GET", raw.url + path, ()))
        assert raw.target() == path


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
async def test_every_method_is_sent_with_its_headers_and_body(client: UpstreamClient, method: str) -> None:
    """Nothing is added but what HTTP needs, and the client's name."""
    body, sent = b"\x00\xff{}" * 50_000, (("X-One", "1"), ("Authorization", "Token t"), ("Content-Type", "a/b"))
    async with upstream(saying(HEAD + b"content-length: 0\r\n\r\n")) as raw:
        await client.send(UpstreamRequest(method, raw.url, sent, body))
        await client.send(UpstreamRequest(method, raw.url, sent))
        head, _, got = raw.asked[0].partition(b"\r\n\r\n")
        names = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        assert head.startswith(f"{method} / HTTP/1.1\r\n".encode())
        assert got == body
        assert (names.pop(b"x-one"), names.pop(b"authorization"), names.pop(b"content-type")) == (
            b"1",
            b"token t",
            b"a/b",
        )
        assert names.pop(b"user-agent") == b"fairlead"
        assert set(names) == {b"accept", b"accept-encoding", b"content-length", b"host"}
        assert raw.asked[1].endswith(b"\r\n\r\n")


async def test_a_header_that_is_repeated_is_sent_as_often(client: UpstreamClient) -> None:
    """Also when the cases of its name differ."""
    async with upstream(saying(OK)) as raw:
        await client.send(UpstreamRequest("GET", raw.url, (("X-A", "1"), ("b", "2"), ("x-a", "3"))))
        lines = raw.asked[0].split(b"\r\n")
        assert [line for line in lines if line[:2] in (b"x-", b"b:")] == [b"x-a: 1", b"x-a: 3", b"b: 2"]


async def test_a_redirect_is_an_answer_and_no_cookie_is_kept(client: UpstreamClient) -> None:
    """A credential goes nowhere but where the document says, and one caller's session is not another's."""
    answer = b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
    async with upstream(saying(answer)) as raw:
        for _ in range(2):
            response = await client.send(UpstreamRequest("GET", raw.url, ()))
            assert response.status == 302
            assert dict(response.headers)["location"] == "/elsewhere"
        assert len(raw.asked) == 2
        assert b"cookie" not in raw.asked[1]
        assert b"referer" not in raw.asked[1]


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("not an address", ()),
        ("http://", ()),
        ("ftp://127.0.0.1/?key=canary", ()),
        ("http://127.0.0.1/?key=canary", (("X", "canary\r\nX-Evil: 1"),)),
        ("http://127.0.0.1/?key=canary", (("X Y", "canary"),)),
    ],
)
async def test_what_cannot_be_sent_is_nobody_elses_fault(
    client: UpstreamClient, address: str, headers: tuple[tuple[str, str], ...]
) -> None:
    """The error is a plain one, so that it does not count against the upstream."""
    with pytest.raises(UpstreamError) as caught:
        await client.send(UpstreamRequest("GET", address, headers))
    assert type(caught.value) is UpstreamError
    assert "canary" not in shown(caught.value)


def shown(failure: UpstreamError) -> str:
    """Everything a log could have of an error."""
    return "".join([*traceback.format_exception(failure), repr(failure.args), failure.detail, failure.remedy])


# What is received


async def test_headers_come_in_lower_case_with_all_their_values(client: UpstreamClient) -> None:
    """Values with bytes beyond ASCII are left out, and hurt no other."""
    lines = b"X-One: 1\r\nX-Two: a\r\nSet-Cookie: s\r\nx-two: caf\xe9\r\nX-TWO: b\r\nx-bad: \xff\r\nx-empty:\r\n"
    async with upstream(saying(HEAD + lines + b"content-length: 2\r\n\r\nhi")) as raw:
        response = await client.send(UpstreamRequest("GET", raw.url, ()))
    assert response.headers == (
        ("x-one", "1"),
        ("x-two", "a"),
        ("x-two", "b"),
        ("set-cookie", "s"),
        ("x-empty", ""),
        ("content-length", "2"),
    )
    assert response.body == b"hi"
    assert type(response.body) is bytes


def zipped(body: bytes, wbits: int) -> bytes:
    """The body as zlib packs it."""
    packing = zlib.compressobj(wbits=wbits)
    return packing.compress(body) + packing.flush()


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", zipped(b"hello", 31)),
        ("deflate", zipped(b"hello", 15)),
        ("br", b"\x0b\x02\x80hello\x03"),
        ("zstd", b"\x28\xb5\x2f\xfd\x20\x05\x29\x00\x00hello"),
    ],
)
async def test_an_answer_is_decoded_and_no_longer_says_that_it_was_encoded(encoding: str, body: bytes) -> None:
    """The length and the encoding that were sent are not those of what the caller gets."""
    lines = f"content-encoding: {encoding}\r\ncontent-length: {len(body)}\r\nx-a: 1\r\n\r\n".encode()
    assert await ask(saying(HEAD + lines + body)) == (200, {"x-a": "1"}, b"hello")


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (saying(HEAD + b"content-length: 0\r\n\r\n"), b""),
        (saying(b"HTTP/1.1 204 No Content\r\n\r\n"), b""),
        (saying(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n"), b""),
        (saying(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n", b"2\r\nbc\r\n", b"0\r\n\r\n"), b"abc"),
        (then_closing(b"HTTP/1.0 200 OK\r\n\r\nabc"), b"abc"),
        (saying(HEAD + b"content-length: 65536\r\n\r\n" + b"x" * 65_536), b"x" * 65_536),
        (saying(HEAD + b"content-length: 1000000\r\n\r\n", *[b"0123456789" * 1_000] * 100), b"0123456789" * 100_000),
        (saying(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + OK), b"hi"),
    ],
)
async def test_a_body_is_complete_however_it_is_framed(client: UpstreamClient, answer: Answer, body: bytes) -> None:
    """Of every size, in every number of parts."""
    async with upstream(answer) as raw:
        assert await asyncio.gather(*[body_of(client, raw.url) for _ in range(3)]) == [body] * 3


async def test_connections_are_used_again(client: UpstreamClient) -> None:
    """Reading an answer to its end gives its connection back."""
    chunked = HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    async with upstream(saying(chunked)) as raw:
        for _ in range(20):
            assert await client.fetch(raw.url) == b"hi"
        assert raw.came == 1


async def test_fetch_gives_the_body_of_200_only(client: UpstreamClient) -> None:
    """Whatever else is no document."""
    async with upstream(saying(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nhi")) as raw:
        with pytest.raises(UpstreamInvalid, match="404"):
            await client.fetch(raw.url)


# What goes wrong


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (then_closing(b""), UpstreamUnreachable),
        (then_closing(b"HTTP/1.1 200 OK\r\nx-a"), UpstreamUnreachable),
        (saying(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), UpstreamInvalid),
        (saying(HEAD + b"content-length: 2\r\ncontent-length: 3\r\n\r\nhi"), UpstreamInvalid),
        (then_closing(HEAD + b"content-length: 3\r\n\r\nhi"), UpstreamInvalid),
        (then_closing(HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n"), UpstreamInvalid),
        (saying(HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n"), UpstreamInvalid),
        (saying(HEAD + b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\nhi"), UpstreamInvalid),
        (
            saying(HEAD + b"content-encoding: gzip\r\ncontent-length: 15\r\n\r\n" + zipped(b"hi", 31)[:15]),
            UpstreamInvalid,
        ),
        (saying(b""), UpstreamTimeout),
        (saying(b"HTTP/1.1 200 OK\r\nx-a"), UpstreamTimeout),
        (saying(HEAD + b"content-length: 3\r\n\r\nhi"), UpstreamTimeout),
    ],
)
async def test_a_failure_is_told_by_its_kind_and_without_a_secret(answer: Answer, failure: type[UpstreamError]) -> None:
    """What the caller and the log are told shows neither the address nor its query."""
    words = ("canary-path", "canary-key", "127.0.0.1")
    path = "/{}?key={}".format(*words)
    with pytest.raises(failure) as caught:
        await ask(answer, path=path, read_timeout=0.2)
    assert type(caught.value) is failure
    assert caught.value.detail
    text = shown(caught.value)
    assert not [word for word in words if word in text]


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/?key=canary", "http://nowhere.invalid/?key=canary"])
async def test_an_upstream_that_is_not_there_is_unreachable(client: UpstreamClient, address: str) -> None:
    """A refused connection and an unknown name are one thing to a caller."""
    with pytest.raises(UpstreamUnreachable) as caught:
        await client.send(UpstreamRequest("GET", address, ()))
    assert "connect" in caught.value.detail
    assert "canary" not in shown(caught.value)


async def test_a_connection_that_is_not_accepted_is_a_timeout() -> None:
    """The connection has a deadline of its own."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]  # more than the system lets wait
        for other in waiting:
            other.setblocking(False)
            other.connect_ex(listener.getsockname())
        async with open_client(Settings(connect_timeout=0.2)) as client:
            with pytest.raises(UpstreamTimeout) as caught:
                await client.fetch(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert "connect" in caught.value.detail
        for other in waiting:
            other.close()


async def test_the_whole_of_a_call_has_a_deadline() -> None:
    """An answer that trickles is never silent, and still ends."""

    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"content-length: 1000000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.01)

    for total_timeout, deadline in ((0.3, None), (5.0, 0.3)):
        with pytest.raises(UpstreamTimeout) as caught:
            await ask(trickle, total_timeout=total_timeout, deadline=deadline)
        assert "0.3 s" in caught.value.detail


# Bounds


@pytest.mark.parametrize(
    "start",
    [b"transfer-encoding: chunked\r\n\r\n", b"content-length: 900000000\r\n\r\n", b"\r\n"],
    ids=["chunked", "with a length", "until it closes"],
)
async def test_no_more_is_read_than_the_bound(client: UpstreamClient, start: bytes) -> None:
    """An endless answer is refused, and its connection closed although the error is kept."""
    part = b"x" * MEGABYTE
    if b"chunked" in start:
        part = b"%x\r\n%s\r\n" % (len(part), part)
    async with upstream(endless(HEAD + start, part)) as raw:
        with pytest.raises(UpstreamTooLarge, match="1,048,576") as caught:
            await client.fetch(raw.url)
        await until(lambda: raw.left == 1)
        assert caught.value.__traceback__


async def test_a_bomb_is_not_unpacked() -> None:
    """A gigabyte in a megabyte is given up when it is larger than the bound."""
    packing = zlib.compressobj(wbits=31)
    start = packing.compress(b"") + packing.flush(zlib.Z_FULL_FLUSH)
    sixteen = packing.compress(b" " * 16 * MEGABYTE) + packing.flush(zlib.Z_FULL_FLUSH)
    bomb = start + sixteen * 64
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UpstreamTooLarge):
        await ask(saying(HEAD + b"content-encoding: gzip\r\n\r\n" + bomb), max_response_bytes=MEGABYTE)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 * 1024


async def test_the_bound_itself_may_be_reached() -> None:
    """An answer of exactly the bound is an answer."""
    for size in (0, 1, 65_535, 65_536, 65_537, 131_072):
        answer = saying(HEAD + f"content-length: {size}\r\n\r\n".encode() + b"x" * size)
        assert len((await ask(answer, max_response_bytes=size))[2]) == size
        if size:
            with pytest.raises(UpstreamTooLarge):
                await ask(answer, max_response_bytes=size - 1)


async def test_more_than_was_promised_is_not_taken_for_the_next_answer(client: UpstreamClient) -> None:
    """What follows an answer on its connection belongs to nobody."""
    async with upstream(saying(OK + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil")) as raw:
        for _ in range(5):
            assert await client.fetch(raw.url) == b"hi"


# Callers that leave


@pytest.mark.parametrize(
    "part",
    [b"", b"HTTP/1.1 200 OK\r\nx-a", HEAD + b"content-length: 900000000\r\n\r\n" + b"x" * 8 * MEGABYTE],
    ids=["before the head", "within the head", "within the body"],
)
async def test_a_caller_that_leaves_takes_its_connection_along(part: bytes) -> None:
    """The upstream sees at once that nobody waits, even while the caller's task is kept; the next call is served."""
    said = asyncio.Event()

    async def stall(writer: asyncio.StreamWriter) -> None:
        writer.write(OK if said.is_set() else part)
        await writer.drain()  # returns when the client has taken most of it
        said.set()

    async with upstream(stall) as raw, open_client(Settings()) as client:
        task = asyncio.ensure_future(client.fetch(raw.url))
        await said.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        await until(lambda: raw.left == 1)
        assert caught.value.__traceback__
        assert await client.fetch(raw.url) == b"hi"
        assert raw.came == 2


def _asked(raw: Raw, times: int) -> bool:
    return len(raw.asked) == times


@pytest.mark.parametrize("arriving", [True, False], ids=["after they arrived", "before they were sent"])
async def test_a_thousand_callers_that_leave_leave_nothing_behind(client: UpstreamClient, *, arriving: bool) -> None:
    """Neither an open file nor a connection that would not serve the next call."""
    async with upstream(saying(OK)) as raw:
        await client.fetch(raw.url)
    before = len(os.listdir("/proc/self/fd"))
    async with upstream(saying(b"")) as raw:
        for batch in range(10):
            tasks = [asyncio.ensure_future(client.fetch(raw.url)) for _ in range(100)]
            await asyncio.sleep(0)
            if arriving:
                await until(partial(_asked, raw, 100 * (batch + 1)))
            for task in tasks:
                task.cancel()
            assert all(
                isinstance(end, asyncio.CancelledError) for end in await asyncio.gather(*tasks, return_exceptions=True)
            )
        await until(lambda: raw.came == raw.left and len(os.listdir("/proc/self/fd")) <= before + 1)
        assert len(raw.asked) == 1_000 if arriving else len(raw.asked) <= 1_000
    async with upstream(saying(OK)) as raw:
        assert await asyncio.gather(*[client.fetch(raw.url) for _ in range(100)]) == [b"hi"] * 100


async def test_the_connections_of_a_client_close_with_it() -> None:
    """A server that ends leaves nobody with an open connection."""
    async with upstream(saying(OK)) as raw:
        async with open_client(Settings()) as client:
            await client.fetch(raw.url)
        assert raw.left == 0
        del client
        gc.collect()
        await until(lambda: raw.left == 1)


# Connections that an upstream closes


async def test_a_connection_that_was_closed_while_idle_is_replaced(client: UpstreamClient) -> None:
    """At worst a call is told that the connection closed, and then a safe call is repeated."""
    async with upstream(then_closing(OK)) as raw:
        for _ in range(50):
            try:
                assert await client.fetch(raw.url) == b"hi"
            except UpstreamUnreachable:
                continue
        async with ready(Api(url=raw.url)) as it:
            assert [(await it.calls.safe(it.get())).body for _ in range(10)] == [b"hi"] * 10


async def test_a_connection_that_is_closed_on_a_second_request_serves_one() -> None:
    """A call on a connection that the upstream gave up is repeated on a fresh one."""
    asked: dict[asyncio.StreamWriter, int] = {}

    async def once(writer: asyncio.StreamWriter) -> None:
        asked[writer] = asked.get(writer, 0) + 1
        if asked[writer] == 1:
            writer.write(OK)
        else:
            writer.close()

    async with upstream(once) as raw, ready(Api(url=raw.url)) as it:
        assert [(await it.calls.safe(it.get())).body for _ in range(2)] == [b"hi"] * 2
        assert it.seen.count("retried") == 1


# The environment

_CALL = """
import asyncio, sys
from fairlead.errors import FairleadError
from fairlead.settings import Settings
from fairlead.upstream.client import open_client
async def call():
    async with open_client(Settings(use_environment_proxy="proxy" in sys.argv)) as client:
        return await client.fetch(sys.argv[1])
try:
    print(asyncio.run(call()).decode())
except FairleadError as failure:
    print(type(failure).__name__, failure.detail)
"""


async def elsewhere(*arguments: str, code: str = _CALL, **environment: str) -> str:
    """What a call prints that another process makes in this environment."""
    own = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, env=own | environment, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return said.decode().strip()


async def test_proxies_of_the_environment_are_used_when_asked_for_and_never_else() -> None:
    """Credentials do not go through a machine that nobody chose for them."""
    names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    async with upstream(saying(OK)) as raw, upstream(saying(OK)) as proxy:
        proxies = dict.fromkeys(names, proxy.url)
        assert await elsewhere(raw.url, **proxies) == "hi"
        assert await elsewhere(raw.url.replace("127.0.0.1", "localhost"), **proxies) == "hi"
        assert (len(raw.asked), len(proxy.asked)) == (2, 0)
        assert await elsewhere("http://upstream.example/a", "proxy", **proxies) == "hi"
        assert proxy.target() == "http://upstream.example/a"


@pytest.fixture(scope="module", name="authority")
def _authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    """A certificate authority's file, and the TLS of a server on 127.0.0.1 that it vouches for."""
    folder = tmp_path_factory.mktemp("tls")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in ("authority", "server")]
    for name, key, is_authority in zip(names, keys, (True, False), strict=True):
        made = (
            x509.CertificateBuilder(names[0], name, key.public_key(), x509.random_serial_number())
            .not_valid_before(datetime.now(UTC) - timedelta(days=1))
            .not_valid_after(datetime.now(UTC) + timedelta(days=7))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
            .sign(keys[0], hashes.SHA256())
        )
        (folder / f"{is_authority}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(keys[1].private_bytes(serialization.Encoding.PEM, *private))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "False.pem", folder / "key.pem")
    return folder / "True.pem", context


async def test_a_certificate_is_trusted_when_the_systems_authorities_vouch_for_it(
    authority: tuple[Path, ssl.SSLContext],
) -> None:
    """`SSL_CERT_FILE` names other authorities; the wrong name is refused even then."""
    file, context = authority
    async with upstream(saying(OK), tls=context) as raw:
        assert (await elsewhere(raw.url)).startswith("UpstreamUnreachable connect")
        assert await elsewhere(raw.url, SSL_CERT_FILE=str(file)) == "hi"
        other_name = raw.url.replace("127.0.0.1", "localhost")
        assert (await elsewhere(other_name, SSL_CERT_FILE=str(file))).startswith("UpstreamUnreachable connect")


async def test_a_system_without_authorities_is_told_at_the_start() -> None:
    """Nobody waits for the first call to learn that none can be trusted."""
    said = await elsewhere("http://127.0.0.1:1", SSL_CERT_FILE="/nowhere", SSL_CERT_DIR="/nowhere")
    assert said.startswith("ConfigurationError")


async def test_a_client_works_in_a_process_that_was_forked() -> None:
    """Importing starts no thread, so that the workers' parent may import everything."""
    code = (
        "import os\n" + _CALL.partition("try:")[0] + "assert len(os.listdir('/proc/self/task')) == 1\n"
        "children = [os.fork() for _ in range(2)]\n"
        "print(asyncio.run(call()).decode(), flush=True)\n"
        "if all(children): print('failed' if any(os.waitpid(child, 0)[1] for child in children) else 'well')\n"
    )
    async with upstream(saying(OK)) as raw:
        # The first child forks a child of its own.
        assert sorted((await elsewhere(raw.url, code=code)).split()) == [*["hi"] * 4, "well"]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_client_serves_every_event_loop(run: Callable[[Awaitable[None]], None]) -> None:
    """Answers, failures and cancellation are the same on both, also on one loop after another."""

    async def calls() -> None:
        async with open_client(Settings(read_timeout=0.2)) as client:
            async with upstream(saying(OK)) as raw:
                assert await asyncio.gather(*[client.fetch(raw.url) for _ in range(50)]) == [b"hi"] * 50
            async with upstream(saying(b"")) as raw:
                with pytest.raises(UpstreamTimeout):
                    await client.fetch(raw.url)
                task = asyncio.ensure_future(client.fetch(raw.url))
                await until(lambda: len(raw.asked) == 2)
                task.cancel()
                await until(lambda: raw.left == 2)

    for _ in range(2):
        run(calls())
