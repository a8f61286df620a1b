"""The HTTP client: what it sends, what it takes, and what it says went wrong; over raw sockets."""

from __future__ import annotations

import asyncio
import resource
import socket
import traceback
import zlib
from collections.abc import AsyncIterator

import pytest

from fairlead.errors import UpstreamError, UpstreamInvalid, UpstreamTimeout, UpstreamTooLarge, UpstreamUnreachable
from fairlead.settings import Settings
from fairlead.upstream.client import UpstreamClient, open_client
from fairlead.upstream.request import UpstreamRequest
from raw_upstream import HEAD, MEGABYTE, OK, Answer, endless, saying, then_closing, upstream
from scripted import until


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


def shown(failure: UpstreamError) -> str:
    """Everything a log could have of an error."""
    return "".join([*traceback.format_exception(failure), repr(failure.args), failure.detail, failure.remedy])


def zipped(body: bytes, wbits: int) -> bytes:
    """The body as zlib packs it."""
    packing = zlib.compressobj(wbits=wbits)
    return packing.compress(body) + packing.flush()


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
        await ask(answer, path=path, read_timeout=0.5)
    assert type(caught.value) is failure
    assert caught.value.detail
    text = shown(caught.value)
    assert not [word for word in words if word in text]


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/?key=canary",
        "http://nowhere.invalid/?key=canary",
        # What the client says of answers that are no HTTP; an address does not decide what went wrong.
        'http://127.0.0.1:1/?key=canary", source: hyper_util::client::legacy::Error(SendRequest, hyper::Error(Parse(',
    ],
)
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
