"""The composition root: opens what a server needs, in order, and closes it in the opposite one."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version as package_version
from urllib.parse import urlsplit

import uvicorn

from fairlead.archive.contract import BASE_URI
from fairlead.engine.credentials import missing_variables, resolve_credential
from fairlead.engine.execute import Call, Runnable, runnable
from fairlead.engine.pins import check_pins
from fairlead.errors import CannotListen, ConfigurationError
from fairlead.expose.connect import client_name, stdio_client
from fairlead.expose.http import AsgiApp, asgi
from fairlead.expose.inbound import inbound_policy, is_loopback
from fairlead.expose.mcp import MCP_PATH, mcp_adapter
from fairlead.expose.rest import rest_adapter
from fairlead.expose.static import static_answers
from fairlead.plan.model import Operation, Plan, Upstream
from fairlead.sandbox.app import create_app
from fairlead.sandbox.options import DEMO_TOKEN, SandboxOptions
from fairlead.settings import Secret, Settings
from fairlead.upstream.client import open_client

VERSION = package_version("fairlead")
_BACKLOG = 2048
# What no address holds and some HTTP clients would quietly repair.
_UNUSABLE = re.compile(r"""[\s<>"{}|\\^`?#]""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What to serve and where. A port of 0 takes any free one; `upstream` replaces the documents' addresses.

    `command` starts the same tools on standard input and output on this machine; `public_command` says the same
    to strangers, without a path of this machine.
    """

    plans: tuple[Plan, ...]
    settings: Settings
    host: str = "127.0.0.1"
    rest_port: int = 8080
    mcp_port: int = 9090
    upstream: str | None = None
    sandbox: SandboxOptions | None = None
    sandbox_port: int = 0
    insecure: bool = False
    command: tuple[str, ...] = ("fairlead", "mcp")
    public_command: tuple[str, ...] = ("fairlead", "mcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A gateway that answers: its addresses, and the servers behind them."""

    rest_url: str
    mcp_url: str
    sandbox_url: str | None
    servers: tuple[_Server, ...] = field(repr=False)
    behind: tuple[_Server, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SandboxServing:
    """A sandbox that answers: its address, and the server behind it."""

    url: str
    server: _Server = field(repr=False)


class _Server(uvicorn.Server):
    """uvicorn, with signals left to `stop_on_signal` (it would take them once for each server)."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def run_until_told(self, listener: socket.socket) -> None:
        """Serve until `should_exit`; raises CannotListen when the server ends for any other reason."""
        port = listener.getsockname()[1]
        await self.serve(sockets=[listener])
        if not self.should_exit:
            raise CannotListen(f"The server on port {port} ended by itself.", remedy="Start it again.", port=port)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def stop_on_signal(servers: Sequence[_Server], behind: Sequence[_Server] = ()) -> asyncio.Event:
    """An event that the first SIGTERM or SIGINT sets, and lets the servers drain; a second one ends them at once.

    `behind` are servers that the calls in flight still need: only the second signal reaches them.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def on_signal() -> None:
        for server in (*servers, *behind):
            server.force_exit = stop.is_set()
        for server in servers:
            server.should_exit = True
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop


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
        runnables, sandbox = await stack.enter_async_context(ready_operations(options))
        rest_socket = stack.enter_context(bound(options.host, options.rest_port, "--rest-port"))
        mcp_socket = stack.enter_context(bound(options.host, options.mcp_port, "--mcp-port"))
        rest_url, mcp_url = address_of(rest_socket, options.host), address_of(mcp_socket, options.host) + MCP_PATH
        pages = static_answers(
            options.plans,
            mcp_url=mcp_url,
            token_required=policy.token is not None,
            version=VERSION,
            stdio=stdio_configuration(options, public=not is_loopback(options.host)),
        )
        routes = [route for plan in options.plans for route in plan.routes]
        rest_app = asgi(
            rest_adapter(routes, runnables, pages, policy),
            max_request_bytes=settings.max_request_bytes,
            body_timeout=settings.read_timeout,
        )
        adapter = mcp_adapter(options.plans, runnables, version=VERSION, result_budget=settings.result_budget)
        mcp_app = await stack.enter_async_context(adapter.http_app(policy, settings.max_request_bytes))
        rest = await stack.enter_async_context(listening(rest_app, rest_socket, settings, parser="httptools"))
        # httptools leaves white space around header values, which the MCP conformance suite refuses.
        mcp = await stack.enter_async_context(listening(mcp_app, mcp_socket, settings, parser="h11"))
        yield Serving(
            rest_url=rest_url,
            mcp_url=mcp_url,
            sandbox_url=sandbox.url if sandbox else None,
            servers=(rest, mcp),
            behind=(sandbox.server,) if sandbox else (),
        )


def stdio_configuration(options: ServeOptions, *, public: bool) -> str:
    """The configuration of an MCP client that starts the same tools itself; `public` is for strangers to read."""
    variables = [] if options.sandbox else [name for up in called_upstreams(options.plans) for name in _variables(up)]
    return stdio_client(client_name(options.plans), options.public_command if public else options.command, variables)


async def serve_stdio(options: ServeOptions) -> None:
    """Serve the plans' tools to one MCP client on standard input and output."""
    async with ready_operations(options) as (runnables, _):
        adapter = mcp_adapter(options.plans, runnables, version=VERSION, result_budget=options.settings.result_budget)
        await adapter.serve_stdio()


@asynccontextmanager
async def ready_operations(
    options: ServeOptions,
) -> AsyncIterator[tuple[Mapping[Operation, Runnable], SandboxServing | None]]:
    """Every operation of the plans, ready to run, and the sandbox when there is one."""
    async with contextlib.AsyncExitStack() as stack:
        sandbox, settings = None, options.settings
        if options.sandbox is not None:
            sandbox = await stack.enter_async_context(
                sandbox_serving(options.sandbox, settings, port=options.sandbox_port)
            )
            settings = replace(settings, secrets={**settings.secrets, **demo_secrets(options.plans)})
        client = await stack.enter_async_context(open_client(settings))
        override = sandbox.url if sandbox else options.upstream
        yield operations_of(options.plans, settings, override, client.send), sandbox


def operations_of(
    plans: Sequence[Plan], settings: Settings, upstream: str | None, call: Call
) -> dict[Operation, Runnable]:
    """The operations with addresses and credentials; raises ConfigurationError naming every missing variable."""
    upstreams = called_upstreams(plans)
    _refuse_missing_variables(upstreams, settings.secrets, stand_in=upstream is None)
    for plan in plans:
        for operation in plan.operations:
            check_pins(operation)
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


def called_upstreams(plans: Sequence[Plan]) -> tuple[Upstream, ...]:
    """The upstreams that operations call; a document may describe more."""
    return tuple(dict.fromkeys(operation.call.upstream for plan in plans for operation in plan.operations))


def _variables(upstream: Upstream) -> tuple[str, ...]:
    return tuple(upstream.authentication.variables.values()) if upstream.authentication else ()


def _refuse_missing_variables(upstreams: Sequence[Upstream], secrets: Mapping[str, Secret], *, stand_in: bool) -> None:
    missing = list(dict.fromkeys(name for up in upstreams for name in missing_variables(up, secrets)))
    if not missing:
        return
    lacking = [up for up in upstreams if missing_variables(up, secrets)]
    remedy = f"Type `export {' '.join(f'{name}=…' for name in missing)}` with your key{'s' * (len(missing) > 1)}"
    if stand_in and all(up.base == BASE_URI for up in upstreams):
        remedy += ", or try the stand-in with `--sandbox`"
    raise ConfigurationError(
        f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set, and "
        f"{' and '.join(f'`{up.namespace}`' for up in lacking)} cannot be called without.",
        remedy=f"{remedy}.",
    )


def upstream_address(upstream: Upstream, override: str | None) -> str:
    """The address calls go to; raises ConfigurationError for one that cannot be called."""
    base = (upstream.base if override is None else override).rstrip("/")
    try:
        parts = urlsplit(base)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or _UNUSABLE.search(base) or not base.isprintable():
        raise ConfigurationError(
            f"`{_without_user(base) or 'nothing'}` is no address that `{upstream.namespace}` can be called at.",
            remedy="Give one with `--upstream https://…`.",
        )
    if parts.username or parts.password:
        raise ConfigurationError(
            f"The address of `{upstream.namespace}` holds a user name or password.",
            remedy="Leave it out; credentials come from the document's authentication.",
        )
    return base


def _without_user(address: str) -> str:
    """An address as a message may show it: whatever could be a password, in any spelling, is masked."""
    before, at, place = address.rpartition("@")
    scheme, slashes, _ = before.partition("://")
    masked = f"{scheme}://***@" if slashes else "***@" if at else ""
    return masked + place.partition("?")[0]


def demo_secrets(plans: Sequence[Plan]) -> dict[str, Secret]:
    """The sandbox's token under every variable the plans' credentials read."""
    return {name: Secret(DEMO_TOKEN) for upstream in called_upstreams(plans) for name in _variables(upstream)}


@asynccontextmanager
async def sandbox_serving(
    options: SandboxOptions, settings: Settings, *, port: int, flag: str = "--sandbox-port"
) -> AsyncIterator[SandboxServing]:
    """Serve the sandbox on loopback."""
    app: AsgiApp = create_app(options, time.time)
    with bound("127.0.0.1", port, flag) as listener:
        async with listening(app, listener, settings, parser="httptools") as server:
            yield SandboxServing(address_of(listener, "127.0.0.1"), server)


@asynccontextmanager
async def listening(
    app: AsgiApp, listener: socket.socket, settings: Settings, *, parser: str
) -> AsyncIterator[_Server]:
    """Serve an application on a bound socket until the context ends, then drain it.

    When the server ends before that, the context is cancelled and CannotListen comes out of it, in a group.
    """
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
        limit_concurrency=settings.max_connections + 1,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=max(1, round(settings.grace_period)),
    )
    server = _Server(config)
    async with asyncio.TaskGroup() as group:
        group.create_task(server.run_until_told(listener))
        try:
            await server.ready.wait()
            yield server
        finally:
            server.should_exit = True


@contextlib.contextmanager
def bound(host: str, port: int, flag: str) -> Iterator[socket.socket]:
    """A socket that listens on an address; raises CannotListen, naming the flag that takes another port."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, UnicodeError) as failure:
        raise CannotListen(
            f"`{host}` is no address to serve on.", remedy="Try `--host 127.0.0.1`.", port=port
        ) from failure
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
            # Two sockets may be bound to one port; only one may listen, so the second is refused here.
            listener.listen(_BACKLOG)
        except OSError as failure:
            raise _cannot_listen(host, port, flag, failure) from failure
        yield listener


def _cannot_listen(host: str, port: int, flag: str, failure: OSError) -> CannotListen:
    if failure.errno == errno.EADDRINUSE:
        remedy = f"Stop what uses it, or take any free port with `{flag} 0`."
        return CannotListen(f"Port {port} on {host} is in use.", remedy=remedy, port=port)
    if failure.errno == errno.EADDRNOTAVAIL:
        remedy = "Try `--host 127.0.0.1`."
        return CannotListen(f"`{host}` is no address of this machine.", remedy=remedy, port=port)
    message = f"Port {port} on {host} cannot be used: {failure.strerror}."
    return CannotListen(message, remedy=f"Take any free port with `{flag} 0`.", port=port)


def address_of(listener: socket.socket, host: str) -> str:
    """The URL a bound socket is reached at from this machine."""
    name = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    shown = f"[{name}]" if ":" in name else name
    return f"http://{shown}:{listener.getsockname()[1]}"


def _refuse_open_bind(options: ServeOptions) -> None:
    if not is_loopback(options.host) and options.settings.api_token is None and not options.insecure:
        raise ConfigurationError(
            f"`--host {options.host}` would let anyone on the network use this server's credentials.",
            remedy="Set FAIRLEAD_API_TOKEN, so that callers need a token; or add `--insecure` if you mean it.",
        )
