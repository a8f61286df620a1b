"""Serves plans: REST and MCP on their ports, the sandbox behind them, or MCP on standard input and output."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from fairlead.app.options import VERSION, ServeOptions
from fairlead.app.ports import address_of, bound, port
from fairlead.app.upstreams import called_upstreams, demo_secrets, operations_of, variables_of
from fairlead.engine.execute import Runnable
from fairlead.errors import ConfigurationError
from fairlead.expose.asgi import asgi_handler
from fairlead.expose.connect import client_name, stdio_client
from fairlead.expose.connection import answering
from fairlead.expose.inbound import inbound_policy, is_loopback
from fairlead.expose.mcp import MCP_PATH, mcp_adapter
from fairlead.expose.rest import rest_adapter
from fairlead.expose.server import Server
from fairlead.expose.static import static_answers
from fairlead.plan.model import Operation
from fairlead.sandbox.app import create_app
from fairlead.sandbox.options import SandboxOptions
from fairlead.settings import Settings
from fairlead.upstream.client import open_client


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A gateway that answers: its addresses, and the servers behind them."""

    rest_url: str
    mcp_url: str
    sandbox_url: str | None
    servers: tuple[Server, ...] = field(repr=False)
    behind: tuple[Server, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SandboxServing:
    """A sandbox that answers: its address, and the server behind it."""

    url: str
    server: Server = field(repr=False)


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
        rest_handler = answering(rest_adapter(routes, runnables, pages, policy))
        adapter = mcp_adapter(options.plans, runnables, version=VERSION, result_budget=settings.result_budget)
        mcp_handler = await stack.enter_async_context(adapter.http_handler(policy, settings.max_request_bytes))
        rest = await stack.enter_async_context(port(rest_handler, rest_socket, settings))
        mcp = await stack.enter_async_context(port(mcp_handler, mcp_socket, settings))
        yield Serving(
            rest_url=rest_url,
            mcp_url=mcp_url,
            sandbox_url=sandbox.url if sandbox else None,
            servers=(rest, mcp),
            behind=(sandbox.server,) if sandbox else (),
        )


def stdio_configuration(options: ServeOptions, *, public: bool) -> str:
    """The configuration of an MCP client that starts the same tools itself; `public` is for strangers to read."""
    variables = [] if options.sandbox else [name for up in called_upstreams(options.plans) for name in variables_of(up)]
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
                sandbox_serving(options.sandbox, settings, number=options.sandbox_port)
            )
            settings = replace(settings, secrets={**settings.secrets, **demo_secrets(options.plans)})
        client = await stack.enter_async_context(open_client(settings))
        override = sandbox.url if sandbox else options.upstream
        yield operations_of(options.plans, settings, override, client.send), sandbox


@asynccontextmanager
async def sandbox_serving(
    options: SandboxOptions, settings: Settings, *, number: int, flag: str = "--sandbox-port"
) -> AsyncIterator[SandboxServing]:
    """Serve the sandbox on loopback."""
    handler = asgi_handler(create_app(options, time.time))
    with bound("127.0.0.1", number, flag) as listener:
        async with port(handler, listener, settings) as server:
            yield SandboxServing(address_of(listener, "127.0.0.1"), server)


def _refuse_open_bind(options: ServeOptions) -> None:
    if not is_loopback(options.host) and options.settings.api_token is None and not options.insecure:
        raise ConfigurationError(
            f"`--host {options.host}` would let anyone on the network use this server's credentials.",
            remedy="Set FAIRLEAD_API_TOKEN, so that callers need a token; or add `--insecure` if you mean it.",
        )
