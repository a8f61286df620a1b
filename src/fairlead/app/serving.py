"""Serves plans: REST and MCP on their ports, the sandbox behind them, or MCP on standard input and output."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fairlead.app.equipment import open_equipment
from fairlead.app.options import VERSION, ServeOptions
from fairlead.app.ports import address_of, bound, port
from fairlead.app.surface import surface_of
from fairlead.app.upstreams import operations_of
from fairlead.engine.execute import Runnable
from fairlead.errors import ConfigurationError
from fairlead.expose.caller_tokens import open_token_file
from fairlead.expose.doors import asks_every_caller
from fairlead.expose.inbound import is_loopback
from fairlead.expose.mcp import MCP_PATH, mcp_adapter
from fairlead.expose.server import Server
from fairlead.plan.model import Operation
from fairlead.settings import Settings
from fairlead.telemetry.records import record


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A gateway that answers: its addresses, and the servers behind them."""

    rest_url: str
    mcp_url: str
    sandbox_url: str | None
    servers: tuple[Server, ...] = field(repr=False)
    behind: tuple[Server, ...] = field(repr=False)


@asynccontextmanager
async def serving(options: ServeOptions) -> AsyncIterator[Serving]:
    """Serve the plans as REST and MCP until the context ends, then drain.

    Raises ConfigurationError for what is missing or unsafe, CannotListen for an address that is taken; both
    before anything is served.
    """
    _refuse_open_bind(options)
    named = named_tokens(options.settings)
    async with contextlib.AsyncExitStack() as stack:
        equipment = await stack.enter_async_context(open_equipment(options))
        rest_socket = stack.enter_context(bound(options.host, options.rest_port, "--rest-port"))
        mcp_socket = stack.enter_context(bound(options.host, options.mcp_port, "--mcp-port"))
        rest_url, mcp_url = address_of(rest_socket, options.host), address_of(mcp_socket, options.host) + MCP_PATH
        surface = await stack.enter_async_context(
            surface_of(options.plans, options, equipment, mcp_url=mcp_url, named=named)
        )
        rest = await stack.enter_async_context(port(surface.rest, rest_socket, options.settings))
        mcp = await stack.enter_async_context(port(surface.mcp, mcp_socket, options.settings))
        metrics = equipment.instruments.metrics
        metrics.connections("rest", lambda: len(rest.connections))
        metrics.connections("mcp", lambda: len(mcp.connections))
        yield Serving(
            rest_url=rest_url,
            mcp_url=mcp_url,
            sandbox_url=equipment.sandbox.url if equipment.sandbox else None,
            servers=(rest, mcp),
            behind=(equipment.sandbox.server,) if equipment.sandbox else (),
        )


def named_tokens(settings: Settings) -> Mapping[bytes, str]:
    """The tokens of the token file, when there is one; raises ConfigurationError for a file that cannot be used."""
    if not settings.api_token_file:
        return {}
    file = open_token_file(Path(settings.api_token_file))
    if file.warning:
        record("token file", warning=file.warning)
    return file.names


async def serve_stdio(options: ServeOptions) -> None:
    """Serve the plans' tools to one MCP client on standard input and output."""
    async with open_equipment(options) as equipment:
        runnables = operations_of(options.plans, equipment.settings, equipment.upstream, equipment.way)
        budget = options.settings.result_budget
        adapter = mcp_adapter(
            options.plans, runnables, version=VERSION, result_budget=budget, instruments=equipment.instruments
        )
        await adapter.serve_stdio()


@asynccontextmanager
async def ready_operations(options: ServeOptions) -> AsyncIterator[Mapping[Operation, Runnable]]:
    """Every operation of the plans, ready to run."""
    async with open_equipment(options) as equipment:
        yield operations_of(options.plans, equipment.settings, equipment.upstream, equipment.way)


def _refuse_open_bind(options: ServeOptions) -> None:
    open_bind = not is_loopback(options.host) and not options.insecure
    if open_bind and not asks_every_caller(options.plans, options.settings):
        raise ConfigurationError(
            f"`--host {options.host}` would let anyone on the network use this server's credentials.",
            remedy="Set FAIRLEAD_API_TOKEN, so that callers need a token; or add `--insecure` if you mean it.",
        )
