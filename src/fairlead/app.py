"""The composition root: opens what a server needs, in order, and closes it in the opposite one."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version as package_version
from urllib.parse import urlsplit

import uvicorn

from fairlead.engine.credentials import missing_variables, resolve_credential
from fairlead.engine.execute import Call, Runnable, runnable
from fairlead.errors import CannotListen, ConfigurationError
from fairlead.expose.http import AsgiApp, asgi
from fairlead.expose.inbound import inbound_policy
from fairlead.expose.mcp import MCP_PATH, mcp_adapter
from fairlead.expose.rest import rest_adapter
from fairlead.expose.static import static_answers
from fairlead.plan.model import Operation, Plan, Upstream
from fairlead.sandbox.app import create_app
from fairlead.sandbox.options import DEMO_TOKEN, SandboxOptions
from fairlead.settings import LOOPBACK_HOSTS, Secret, Settings
from fairlead.upstream.client import open_client

VERSION = package_version("fairlead")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What to serve and where. A port of 0 takes any free one; `upstream` replaces the documents' addresses."""

    plans: tuple[Plan, ...]
    settings: Settings
    host: str = "127.0.0.1"
    rest_port: int = 8080
    mcp_port: int = 9090
    upstream: str | None = None
    sandbox: SandboxOptions | None = None
    sandbox_port: int = 0
    insecure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A gateway that answers: its addresses, and the servers behind them."""

    rest_url: str
    mcp_url: str
    sandbox_url: str | None
    servers: tuple[_Server, ...] = field(repr=False)

    async def until_signal(self) -> None:
        """Return on the first SIGTERM or SIGINT; a second one ends the servers without draining them."""
        stop, loop = asyncio.Event(), asyncio.get_running_loop()

        def on_signal() -> None:
            for server in self.servers:
                server.force_exit = stop.is_set()
                server.should_exit = True
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal)
        await stop.wait()


class _Server(uvicorn.Server):
    """uvicorn, with signals left to `Serving` (it would take them once for each server)."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def serving(options: ServeOptions) -> AsyncIterator[Serving]:
    """Serve the plans as REST and MCP until the context ends, then drain.

    Raises ConfigurationError for what is missing or unsafe, CannotListen for an address that is taken; both
    before anything is served.
    """
    settings = options.settings
    _refuse_open_bind(options)
    policy = inbound_policy(settings, options.host)
    async with contextlib.AsyncExitStack() as stack:
        runnables, sandbox_url = await stack.enter_async_context(ready_operations(options))
        rest_socket = stack.enter_context(bound(options.host, options.rest_port, "--rest-port"))
        mcp_socket = stack.enter_context(bound(options.host, options.mcp_port, "--mcp-port"))
        rest_url, mcp_url = address_of(rest_socket, options.host), address_of(mcp_socket, options.host) + MCP_PATH
        pages = static_answers(options.plans, mcp_url=mcp_url, token_required=policy.token is not None, version=VERSION)
        routes = [route for plan in options.plans for route in plan.routes]
        rest_app = asgi(rest_adapter(routes, runnables, pages, policy), max_request_bytes=settings.max_request_bytes)
        adapter = mcp_adapter(options.plans, runnables, version=VERSION, result_budget=settings.result_budget)
        mcp_app = await stack.enter_async_context(adapter.http_app(policy, settings.max_request_bytes))
        rest = await stack.enter_async_context(listening(rest_app, rest_socket, settings, parser="httptools"))
        # httptools leaves white space around header values, which the MCP conformance suite refuses.
        mcp = await stack.enter_async_context(listening(mcp_app, mcp_socket, settings, parser="h11"))
        yield Serving(rest_url=rest_url, mcp_url=mcp_url, sandbox_url=sandbox_url, servers=(rest, mcp))


async def serve_stdio(options: ServeOptions) -> None:
    """Serve the plans' tools to one MCP client on standard input and output."""
    async with ready_operations(options) as (runnables, _):
        adapter = mcp_adapter(options.plans, runnables, version=VERSION, result_budget=options.settings.result_budget)
        await adapter.serve_stdio()


@asynccontextmanager
async def ready_operations(
    options: ServeOptions,
) -> AsyncIterator[tuple[Mapping[Operation, Runnable], str | None]]:
    """Every operation of the plans, ready to run, and the sandbox's address when there is one."""
    async with contextlib.AsyncExitStack() as stack:
        sandbox_url, settings = None, options.settings
        if options.sandbox is not None:
            sandbox_url = await stack.enter_async_context(
                sandbox_serving(options.sandbox, settings, port=options.sandbox_port)
            )
            settings = replace(settings, secrets={**settings.secrets, **demo_secrets(options.plans)})
        client = await stack.enter_async_context(open_client(settings))
        override = sandbox_url or options.upstream
        yield operations_of(options.plans, settings, override, client.send), sandbox_url


def operations_of(
    plans: Sequence[Plan], settings: Settings, upstream: str | None, call: Call
) -> dict[Operation, Runnable]:
    """The operations with addresses and credentials; raises ConfigurationError naming every missing variable."""
    upstreams = dict.fromkeys(up for plan in plans for up in plan.upstreams)
    missing = dict.fromkeys(name for up in upstreams for name in missing_variables(up, settings.secrets))
    if len(missing) > 1:
        raise ConfigurationError(
            f"These environment variables are not set: {', '.join(missing)}.",
            remedy="Set them with your keys, then start again.",
        )
    credentials = {up: resolve_credential(up, settings.secrets) for up in upstreams}
    bases = {up: upstream_address(up, upstream) for up in upstreams}
    return {
        operation: runnable(
            operation,
            base=bases[operation.call.upstream],
            credential=credentials[operation.call.upstream],
            call=call,
        )
        for plan in plans
        for operation in plan.operations
    }


def upstream_address(upstream: Upstream, override: str | None) -> str:
    """The address calls go to; raises ConfigurationError for one that cannot be called."""
    base = (override or upstream.base).rstrip("/")
    try:
        parts = urlsplit(base)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "{" in base or "?" in base or "#" in base:
        raise ConfigurationError(
            f"`{base or 'nothing'}` is no address that `{upstream.namespace}` can be called at.",
            remedy="Give one with `--upstream https://…`.",
        )
    if parts.username or parts.password:
        raise ConfigurationError(
            f"The address of `{upstream.namespace}` holds a user name or password.",
            remedy="Leave it out; credentials come from the document's authentication.",
        )
    return base


def demo_secrets(plans: Sequence[Plan]) -> dict[str, Secret]:
    """The sandbox's token under every variable the plans' credentials read."""
    authentications = [up.authentication for plan in plans for up in plan.upstreams if up.authentication]
    return {name: Secret(DEMO_TOKEN) for auth in authentications for name in auth.variables.values()}


@asynccontextmanager
async def sandbox_serving(options: SandboxOptions, settings: Settings, *, port: int) -> AsyncIterator[str]:
    """Serve the sandbox on loopback; yields its address."""
    app: AsgiApp = create_app(options, time.time)
    with bound("127.0.0.1", port, "--sandbox-port") as listener:
        async with listening(app, listener, settings, parser="httptools"):
            yield address_of(listener, "127.0.0.1")


@asynccontextmanager
async def listening(
    app: AsgiApp, listener: socket.socket, settings: Settings, *, parser: str
) -> AsyncIterator[_Server]:
    """Serve an application on a bound socket until the context ends, then drain it."""
    config = uvicorn.Config(
        app,
        http=parser,
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=max(1, round(settings.grace_period)),
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
    ready.cancel()
    if task.done():
        await task
        raise CannotListen("The server ended while it started.")
    try:
        yield server
    finally:
        server.should_exit = True
        await task


@contextlib.contextmanager
def bound(host: str, port: int, flag: str) -> Iterator[socket.socket]:
    """A socket on an address; raises CannotListen, naming the flag that takes another port."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as failure:
        raise CannotListen(f"`{host}` is no address to serve on.", remedy="Try `--host 127.0.0.1`.") from failure
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as failure:
            reason = "is in use" if failure.errno == 98 else f"cannot be used: {failure.strerror}"
            raise CannotListen(
                f"Port {port} on {host} {reason}.",
                remedy=f"Stop what uses it, or add `{flag} {(port % 65000) + 1}`.",
            ) from failure
        yield listener


def address_of(listener: socket.socket, host: str) -> str:
    """The URL a bound socket is reached at from this machine."""
    name = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{listener.getsockname()[1]}"


def _refuse_open_bind(options: ServeOptions) -> None:
    loopback = options.host in LOOPBACK_HOSTS or options.host.startswith("127.")
    if not loopback and options.settings.api_token is None and not options.insecure:
        raise ConfigurationError(
            f"`--host {options.host}` would let anyone on the network use this server's credentials.",
            remedy="Set FAIRLEAD_API_TOKEN, so that callers need a token; or add `--insecure` if you mean it.",
        )
