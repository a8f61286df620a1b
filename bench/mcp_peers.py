"""What is measured side by side on MCP: a `tools/call` of the 2026-07-28 revision that returns the page of events."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.capability import tool_name, write_capability, write_openapi
from bench.gateways import Gateway, fairlead_gateway, python_gateway, started
from bench.peers import Peer
from bench.place import Place
from bench.processes import CannotMeasure, ask
from bench.upstream import DIFFERING, ORGANIZATION, Page

REVISION = "2026-07-28"
TOOLS = (2, 100, 700)
FASTMCP_TOOLS = 100
FAIRLEAD_MCP = "Fairlead, shipped document"
FASTMCP = "FastMCP, shipped document"
SHIPPED_TOOL = "get-all-events-inside-organization"


def fairlead_with(tools: int) -> str:
    """The name of Fairlead with so many tools."""
    return f"Fairlead, {tools} tools"


def fastmcp_with(tools: int) -> str:
    """The name of FastMCP with so many tools."""
    return f"FastMCP, {tools} tools"


@dataclass(frozen=True, slots=True)
class _Asked:
    gateway: Gateway
    tool: str
    organization: str = "organizationId"


@contextmanager
def mcp_peers(upstream: str, place: Place) -> Iterator[list[Peer]]:
    """Fairlead and FastMCP, with the shipped document and with documents of many tools."""
    asked = list(_asked(upstream, place.folder))
    gateways = [each.gateway for each in asked]
    with started(gateways, upstream=upstream, core=place.gateway_core, folder=place.folder):
        everyone = [mcp_peer(each.gateway, each.tool, place.folder, each.organization) for each in asked]
        for peer in everyone:
            refuse_other_result(peer, place.page)
        yield everyone


def _asked(upstream: str, folder: Path) -> Iterator[_Asked]:
    shipped = write_openapi([], folder / "shipped.json")
    fastmcp = python_gateway(FASTMCP, "bench.gateway_fastmcp", upstream, str(shipped))
    yield _Asked(fastmcp, "getorganizationevents", "organizationid")
    yield _Asked(fairlead_gateway(FAIRLEAD_MCP, upstream), SHIPPED_TOOL)
    for tools in TOOLS:
        document = write_capability(tools, folder)
        gateway = fairlead_gateway(fairlead_with(tools), upstream, str(document))
        yield _Asked(gateway, tool_name(tools - 1))
        if tools == FASTMCP_TOOLS:
            described = write_openapi([document], document.with_suffix(".json"))
            gateway = python_gateway(fastmcp_with(tools), "bench.gateway_fastmcp", upstream, str(described))
            yield _Asked(gateway, f"events{tools - 1}")


def mcp_peer(gateway: Gateway, tool: str, folder: Path, organization: str = "organizationId") -> Peer:
    """A gateway, asked by `tools/call` for the page of events; `organization` is the argument's name."""
    body = folder / f"{gateway.port}.json"
    body.write_text(tools_call(tool, {organization: ORGANIZATION, "pageSize": 7, "continueToken": DIFFERING}))
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": REVISION,
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
    }
    return Peer(gateway.name, gateway.mcp_url, headers, posted=body)


def tools_call(tool: str, arguments: dict[str, str | int]) -> str:
    """The body of a stateless `tools/call`."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": REVISION,
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": tool, "arguments": arguments, "_meta": meta}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})


def refuse_other_result(peer: Peer, page: Page) -> None:
    """Raise CannotMeasure unless the tool returns the upstream's page, structured and as text."""
    assert peer.posted is not None
    answer = ask(peer.url, peer.headers, peer.posted.read_bytes())
    try:
        result = json.loads(answer.body)["result"]
        given: Sequence[object] = (result["structuredContent"], json.loads(result["content"][0]["text"]))
    except (ValueError, LookupError) as failure:
        said = answer.body[:300].decode(errors="replace")
        raise CannotMeasure(f"{peer.name} answered {answer.status} and no result of a tool: {said}") from failure
    expected = json.loads(page.body)
    if any(one != expected for one in given):
        raise CannotMeasure(f"{peer.name} does not return the upstream's page.")
