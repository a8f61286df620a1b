"""What plans look like from outside: what answers on the REST port and on the MCP port, made anew by a reload."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from fairlead.app.equipment import Equipment
from fairlead.app.options import VERSION, ServeOptions
from fairlead.app.upstreams import called_upstreams, operations_of, variables_of
from fairlead.expose.caller_tokens import CallerTokens
from fairlead.expose.connect import client_name, stdio_client
from fairlead.expose.connection import Handler, answering
from fairlead.expose.doors import Outside, open_doors
from fairlead.expose.inbound import is_loopback
from fairlead.expose.mcp import mcp_adapter
from fairlead.expose.rest import rest_adapter
from fairlead.expose.static import static_answers
from fairlead.plan.model import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """The handlers of both ports, and the tokens of named callers, which may be replaced while they serve."""

    rest: Handler
    mcp: Handler
    tokens: CallerTokens


@asynccontextmanager
async def surface_of(
    plans: Sequence[Plan], options: ServeOptions, equipment: Equipment, *, mcp_url: str, named: Mapping[bytes, str]
) -> AsyncIterator[Surface]:
    """The surface of plans, as long as the context lasts; `named` are the tokens of the token file.

    Raises ConfigurationError for what is missing or unsafe.
    """
    settings, instruments = equipment.settings, equipment.instruments
    runnables = operations_of(plans, settings, equipment.upstream, equipment.way)
    outside = Outside(fetch=equipment.client.fetch, now=time.time)
    doors = open_doors(plans, settings, options.host, named, outside)
    pages = static_answers(
        plans,
        mcp_url=mcp_url,
        token_required=doors.mcp.check is not None,
        version=VERSION,
        stdio=stdio_configuration(replace(options, plans=tuple(plans)), public=not is_loopback(options.host)),
    )
    routes = [route for plan in plans for route in plan.routes]
    rest = rest_adapter(routes, runnables, {**pages, **doors.rest.answers}, doors.rest, instruments)
    adapter = mcp_adapter(
        plans, runnables, version=VERSION, result_budget=settings.result_budget, instruments=instruments
    )
    async with contextlib.AsyncExitStack() as stack:
        mcp = await stack.enter_async_context(adapter.http_handler(doors.mcp, settings.max_request_bytes))
        yield Surface(rest=answering(rest), mcp=mcp, tokens=doors.tokens)


def stdio_configuration(options: ServeOptions, *, public: bool) -> str:
    """The configuration of an MCP client that starts the same tools itself; `public` is for strangers to read."""
    variables = [] if options.sandbox else [name for up in called_upstreams(options.plans) for name in variables_of(up)]
    return stdio_client(client_name(options.plans), options.public_command if public else options.command, variables)
