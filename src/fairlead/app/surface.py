"""What plans look like from outside: what answers on the REST port and on the MCP port, made anew by a reload."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace

from fairlead.app.checks import refuse_open_bind
from fairlead.app.equipment import Equipment
from fairlead.app.options import VERSION, ServeOptions
from fairlead.app.upstreams import variables_of
from fairlead.expose.caller_tokens import CallerTokens
from fairlead.expose.connect import client_name, stdio_client
from fairlead.expose.connection import Handler, answering
from fairlead.expose.doors import open_doors
from fairlead.expose.mcp import mcp_adapter
from fairlead.expose.presenting import asked_of_callers
from fairlead.expose.readiness import READY_PATH, ArchiveReadiness, readiness
from fairlead.expose.rest import Pages, rest_adapter
from fairlead.expose.static import static_answers
from fairlead.plan.addresses import is_loopback
from fairlead.plan.model import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """The handlers of both ports, and the tokens of named callers, which may be replaced while they serve.

    That of the MCP port answers as long as its context lasts, which one task has to enter and leave.
    """

    plans: Sequence[Plan]
    rest: Handler
    mcp: AbstractAsyncContextManager[Handler]
    tokens: CallerTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is around the plans: where MCP is, the tokens of the token file, and how the archive stands."""

    mcp_url: str
    named: Mapping[bytes, str]
    archive: Callable[[], ArchiveReadiness] | None = None


async def surface_of(plans: Sequence[Plan], options: ServeOptions, equipment: Equipment, setting: Setting) -> Surface:
    """The surface of plans.

    Raises ConfigurationError for what is missing or unsafe.
    """
    refuse_open_bind(plans, options)
    settings, instruments = equipment.settings_for(plans), equipment.instruments
    doors = open_doors(plans, settings, options.host, setting.named, equipment.outside)
    runnables = equipment.ready(plans)
    # Rendering what hundreds of operations look like takes long enough to be noticed by callers.
    pages = await asyncio.to_thread(
        static_answers,
        plans,
        mcp_url=setting.mcp_url,
        asked=asked_of_callers(plans, settings),
        version=VERSION,
        stdio=stdio_configuration(replace(options, plans=tuple(plans)), public=not is_loopback(options.host)),
    )
    routes = [route for plan in plans for route in plan.routes]
    fixed: Pages = {**pages, READY_PATH: readiness(plans, setting.archive), **doors.rest.answers}
    rest = rest_adapter(routes, runnables, fixed, doors.rest, instruments)
    adapter = mcp_adapter(
        plans,
        runnables,
        version=VERSION,
        result_budget=settings.result_budget,
        instruments=instruments,
        search=options.tool_search,
    )
    mcp = adapter.http_handler(doors.mcp, settings.max_request_bytes)
    return Surface(plans=plans, rest=answering(rest), mcp=mcp, tokens=doors.tokens)


def stdio_configuration(options: ServeOptions, *, public: bool) -> str:
    """The configuration of an MCP client that starts the same tools itself; `public` is for strangers to read."""
    # What is in a file needs no variable.
    variables = [] if options.sandbox else [name for name in variables_of(options.plans) if "#" not in name]
    return stdio_client(client_name(options.plans), options.public_command if public else options.command, variables)
