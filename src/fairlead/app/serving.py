"""Serves plans: REST and MCP on their ports, the sandbox behind them, or MCP on standard input and output."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fairlead.app.background import background
from fairlead.app.checks import named_tokens, refuse_open_bind
from fairlead.app.equipment import open_equipment
from fairlead.app.keeping import keeping
from fairlead.app.options import VERSION, ServeOptions
from fairlead.app.ports import Listeners, address_of, bound, port
from fairlead.app.reload import Reloading
from fairlead.app.stage import Stage
from fairlead.app.surface import Setting, Surface, surface_of
from fairlead.engine.execute import Runnable
from fairlead.expose.connect import MCP_PATH
from fairlead.expose.mcp import mcp_adapter
from fairlead.expose.server import Server
from fairlead.plan.model import Operation, Plan
from fairlead.settings import Settings
from fairlead.telemetry.registry import Metrics

# Seconds between two times that a worker shows the others its numbers.
_PUBLISH = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A gateway that answers: its addresses, the servers behind them, and what makes it reload."""

    rest_url: str
    mcp_url: str
    sandbox_url: str | None
    servers: tuple[Server, ...] = field(repr=False)
    behind: tuple[Server, ...] = field(repr=False)
    reload: Callable[[], None] = field(repr=False)


@asynccontextmanager
async def serving(options: ServeOptions, listeners: Listeners | None = None) -> AsyncIterator[Serving]:
    """Serve the plans as REST and MCP until the context ends, then drain; on `listeners`, if they are bound already.

    Raises ConfigurationError for what is missing or unsafe, CannotListen for an address that is taken; both
    before anything is served.
    """
    refuse_open_bind(options.plans, options)
    named = named_tokens(options.settings)
    async with contextlib.AsyncExitStack() as stack:
        equipment = await stack.enter_async_context(open_equipment(options))
        taken = listeners or stack.enter_context(own_listeners(options))
        rest_url, mcp_url = address_of(taken.rest, options.host), address_of(taken.mcp, options.host) + MCP_PATH

        kept = await stack.enter_async_context(keeping(options, equipment))

        async def make(plans: Sequence[Plan], named: Mapping[bytes, str]) -> Surface:
            setting = Setting(mcp_url=mcp_url, named=named, archive=kept.readiness if kept else None)
            return await surface_of(plans, options, equipment, setting)

        surface = await make(options.plans, named)
        metrics = equipment.instruments.metrics
        stack.callback(metrics.publish)
        start = await stack.enter_async_context(background())
        # No call lasts longer than its total timeout, and no reload shall cut one short.
        stage = Stage(start, options.settings.total_timeout + options.settings.grace_period)
        await stage.show(surface)
        servers = await stack.enter_async_context(_both_ports(stage, taken, options.settings, metrics))
        if kept is not None:
            kept.begin(start)
        reloading = Reloading(options, stage, make, named, metrics)
        start(reloading.run())
        if options.watch is not None:
            start(reloading.follow(options.watch))
        if options.metrics_folder is not None:
            start(_publish(metrics))
        yield Serving(
            rest_url=rest_url,
            mcp_url=mcp_url,
            sandbox_url=equipment.sandbox_url,
            servers=servers,
            behind=(equipment.sandbox.server,) if equipment.sandbox else (),
            reload=reloading.ask,
        )


@contextlib.contextmanager
def own_listeners(options: ServeOptions) -> Iterator[Listeners]:
    """The sockets of a gateway that is one process."""
    with (
        bound(options.host, options.rest_port, "--rest-port") as rest,
        bound(options.host, options.mcp_port, "--mcp-port") as mcp,
    ):
        yield Listeners(rest=rest, mcp=mcp)


@asynccontextmanager
async def _both_ports(
    stage: Stage, listeners: Listeners, settings: Settings, metrics: Metrics
) -> AsyncIterator[tuple[Server, Server]]:
    async with port(stage.rest, listeners.rest, settings) as rest, port(stage.mcp, listeners.mcp, settings) as mcp:
        stage.servers = (rest, mcp)
        metrics.connections("rest", lambda: len(rest.connections))
        metrics.connections("mcp", lambda: len(mcp.connections))
        try:
            yield rest, mcp
        finally:
            # One after the other they would take the grace twice.
            async with asyncio.TaskGroup() as tasks:
                for server in (rest, mcp):
                    tasks.create_task(server.close(settings.grace_period))


async def _publish(metrics: Metrics) -> None:
    while True:
        metrics.publish()
        await asyncio.sleep(_PUBLISH)


async def serve_stdio(options: ServeOptions) -> None:
    """Serve the plans' tools to one MCP client on standard input and output."""
    async with open_equipment(options) as equipment:
        runnables = equipment.ready(options.plans)
        result_budget = options.settings.result_budget
        adapter = mcp_adapter(
            options.plans,
            runnables,
            version=VERSION,
            result_budget=result_budget,
            instruments=equipment.instruments,
            search=options.tool_search,
        )
        await adapter.serve_stdio()


@asynccontextmanager
async def ready_operations(options: ServeOptions) -> AsyncIterator[Mapping[Operation, Runnable]]:
    """Every operation of the plans, ready to run."""
    async with open_equipment(options) as equipment:
        yield equipment.ready(options.plans)
