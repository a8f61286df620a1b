"""The MCP adapter: the document's tools on the SDK's low-level server, over HTTP and stdio, in both eras.

The only file that imports `mcp`. The SDK validates nothing at this level, so arguments are checked by the
operation itself and every failure becomes a result a model can act on (`facts/mcp.md`, section 2).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError

from fairlead.engine.execute import Runnable
from fairlead.errors import MethodNotAllowed, NoSuchRoute
from fairlead.expose.asgi import asgi_handler
from fairlead.expose.connect import MCP_PATH
from fairlead.expose.connection import Connection, Handler
from fairlead.expose.http import Request
from fairlead.expose.inbound import InboundPolicy
from fairlead.expose.mcp_calls import PlainCalls, plain_calls
from fairlead.expose.tool_list import listed_tool
from fairlead.expose.tool_results import ToolAnswer
from fairlead.expose.tool_search import INSTRUCTIONS as SEARCHED
from fairlead.expose.tool_search import search_tools, tool_search
from fairlead.expose.tools import tool_calls
from fairlead.plan.model import Operation, Plan
from fairlead.spec.diagnostics import did_you_mean
from fairlead.spec.json_text import read_json
from fairlead.telemetry.instruments import Instruments
from fairlead.telemetry.requests import RequestIds, begin, current

_LIST_TTL_MS = 300_000
_LONGEST_INSTRUCTIONS = 2_000
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class McpAdapter:
    """The MCP server of some plans."""

    server: Server[Any]
    plain: PlainCalls
    ids: RequestIds

    @asynccontextmanager
    async def http_handler(self, policy: InboundPolicy, max_request_bytes: int) -> AsyncIterator[Handler]:
        """What answers the MCP port, as long as the context lasts."""
        app = self.server.streamable_http_app(
            streamable_http_path=MCP_PATH,
            stateless_http=True,
            json_response=False,
            max_request_body_size=max_request_bytes,
            # The policy in front checks Host and Origin, the same way on both ports.
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        async with self.server.session_manager.run():
            yield self._guarded(asgi_handler(app), policy)

    async def serve_stdio(self) -> None:
        """Serve one client on standard input and output until it closes them."""
        async with stdio_server() as (read, write):
            await self.server.run(read, write, self.server.create_initialization_options())

    def _guarded(self, others: Handler, policy: InboundPolicy) -> Handler:
        """The plain calls and, for everything else, the SDK's application, behind our own checks."""

        async def handle(request: Request, connection: Connection) -> None:
            identity = self.ids.identify(request.headers)
            begin(identity)
            policy.check_place(request.headers)
            if request.path in policy.answers:
                connection.respond(policy.answers[request.path])
                return
            if request.path != MCP_PATH:
                raise NoSuchRoute("Nothing is here.", remedy=f"MCP is at POST {MCP_PATH}.")
            if request.method != "POST":
                # The 2025 revisions let a client open a stream with GET; a stateless server has nothing to put on it.
                raise MethodNotAllowed("MCP takes POST only.", allow=("POST",))
            caller, request = await policy.admit(request)
            if caller.name:
                begin(identity._replace(caller=caller.name))
            answer = await self.plain.answer(request)
            if answer is None:
                await others(request, connection)
            else:
                connection.respond(answer)

        return handle


def mcp_adapter(
    plans: Sequence[Plan],
    runnables: Mapping[Operation, Runnable],
    *,
    version: str,
    result_budget: int,
    instruments: Instruments,
    search: bool = False,
) -> McpAdapter:
    """The adapter for every tool of the plans; with `search`, for three tools that find, describe and call them."""
    tools = [tool for plan in plans for tool in plan.tools]
    shown = [listed_tool(tool) for tool in tools]
    calls = tool_calls(tools, runnables, result_budget, instruments)
    if search:
        shown, calls = search_tools(shown), tool_search(shown, calls)
    schemas = {tool.name: dict(tool.schema) for tool in shown}
    listed = types.ListToolsResult(tools=[types.Tool.model_validate(tool.as_json()) for tool in shown])

    async def list_tools(
        _context: ServerRequestContext[Any], _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return listed

    async def call_tool(
        context: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        identity = current() or instruments.ids.identify(())
        begin(identity.told_by(context.meta or {}))
        call = calls.get(params.name)
        if call is None:
            hint = did_you_mean(params.name, calls)
            raise MCPError(code=types.INVALID_PARAMS, message=f"There is no tool `{params.name[:80]}`{hint}")
        return _spoken(await call(params.arguments or {}, context.protocol_version))

    name, title = plans[0].namespace or "fairlead", plans[0].title
    server: Server[Any] = Server(
        name,
        version=version,
        title=title,
        instructions=_instructions(plans, search=search),
        cache_hints={
            "tools/list": CacheHint(ttl_ms=_LIST_TTL_MS, scope="public"),
            "server/discover": CacheHint(ttl_ms=_LIST_TTL_MS, scope="public"),
        },
        # Without this the SDK runs tools/list for every call, at a cost that grows with the number of tools.
        get_tool_input_schema=schemas.get,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )
    server.middleware.clear()  # the SDK's own spans, which know neither our routes nor what is secret
    return McpAdapter(server, plain_calls(calls, name=name, title=title, version=version), instruments.ids)


def _spoken(answer: ToolAnswer) -> types.CallToolResult:
    content: list[types.ContentBlock] = [types.TextContent(type="text", text=text) for text in answer.texts]
    if answer.media and answer.media.kind == "image":
        content.append(types.ImageContent(type="image", data=answer.media.data, mime_type=answer.media.mime_type))
    elif answer.media:
        content.append(types.AudioContent(type="audio", data=answer.media.data, mime_type=answer.media.mime_type))
    meta = {"_meta": dict(answer.meta)} if answer.meta else {}
    structured = read_json(answer.json) if answer.json is not None else None
    return types.CallToolResult(content=content, structured_content=structured, is_error=answer.is_error, **meta)


def _instructions(plans: Sequence[Plan], *, search: bool) -> str:
    texts = [SEARCHED] if search else []
    texts += [plan.instructions or plan.description or plan.title for plan in plans]
    whole = "\n\n".join(" ".join(text.split()) for text in texts)
    if len(whole) <= _LONGEST_INSTRUCTIONS:
        return whole
    # A word is cut only when it alone is too long.
    kept = whole[:_LONGEST_INSTRUCTIONS]
    return (kept.rsplit(maxsplit=1)[0] if " " in kept else kept) + " …"
