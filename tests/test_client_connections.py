"""The HTTP client's connections, and what the environment decides for it; over raw sockets."""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fairlead.errors import UpstreamTimeout, UpstreamUnreachable
from fairlead.settings import Settings
from fairlead.upstream.client import UpstreamClient, open_client
from fairlead.upstream.request import UpstreamRequest
from raw_upstream import HEAD, MEGABYTE, OK, Raw, saying, then_closing, upstream
from scripted import Api, ready, until


@pytest.fixture(name="client")
async def _client() -> AsyncIterator[UpstreamClient]:
    """A client as a server has it, with short patience and small bounds."""
    chosen = Settings(connect_timeout=1.0, read_timeout=5.0, total_timeout=10.0, max_response_bytes=MEGABYTE)
    async with open_client(chosen) as client:
        yield client


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


async def test_the_client_can_be_kept_from_writing_records_of_its_own(authority: tuple[Path, ssl.SSLContext]) -> None:
    """Standard error is ours; where nobody reads it any more, a refused certificate must not end the process."""
    code = "import os\nread, write = os.pipe()\nos.dup2(write, 2)\nos.close(read)\nos.close(write)\n" + _CALL
    async with upstream(saying(OK), tls=authority[1]) as raw:
        said = await elsewhere(raw.url, code=code, RYLOG="00", RUST_LOG="trace")
        assert said.startswith("UpstreamUnreachable connect")


async def test_a_system_without_authorities_is_told_at_the_start() -> None:
    """Nobody waits for the first call to learn that none can be trusted."""
    said = await elsewhere("http://127.0.0.1:1", SSL_CERT_FILE="/nowhere", SSL_CERT_DIR="/nowhere")
    assert said.startswith("ConfigurationError")


async def test_a_client_works_in_a_process_that_was_forked() -> None:
    """Importing starts no thread, so that the workers' parent may import everything."""
    code = (
        "import os\n" + _CALL.partition("try:")[0] + "assert len(os.listdir('/proc/self/task')) == 1\n"
        "children = [os.fork() for _ in range(2)]\n"
        "os.write(1, asyncio.run(call()) + b' ')\n"  # in one piece, as print does not
        "if all(children): print('failed' if any(os.waitpid(child, 0)[1] for child in children) else 'well')\n"
    )
    async with upstream(saying(OK)) as raw:
        # The first child forks a child of its own.
        assert sorted((await elsewhere(raw.url, code=code)).split()) == [*["hi"] * 4, "well"]


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_client_serves_every_event_loop(run: Callable[[Awaitable[None]], None]) -> None:
    """Answers, failures and cancellation are the same on both, also on one loop after another."""

    async def calls() -> None:
        async with open_client(Settings()) as client:
            async with upstream(saying(OK)) as raw:
                assert await asyncio.gather(*[client.fetch(raw.url) for _ in range(50)]) == [b"hi"] * 50
            async with upstream(saying(b"")) as raw:
                with pytest.raises(UpstreamTimeout):
                    await client.send(UpstreamRequest("GET", raw.url, (), timeout=0.1))
                task = asyncio.ensure_future(client.fetch(raw.url))
                await until(lambda: len(raw.asked) == 2)
                task.cancel()
                await until(lambda: raw.left == 2)

    for _ in range(2):
        run(calls())
