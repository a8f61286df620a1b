"""What `fairlead serve` prints once it answers: addresses, a call to paste, configuration for MCP clients."""

from __future__ import annotations

from dataclasses import dataclass

import click

from fairlead.expose.connect import client_name, http_client
from fairlead.expose.links import example_call
from fairlead.expose.presenting import Asked
from fairlead.expose.tool_list import listed_tool, token_cost
from fairlead.expose.tool_search import search_tools
from fairlead.plan.model import Plan
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN

# From here on, clients and models are known to lose their way, or cut the list.
MANY_TOOLS = 100
_MOST_TITLES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a gateway answers, and what it asks for."""

    rest_url: str
    mcp_url: str
    sandbox_url: str | None
    asked: Asked


def banner(plans: tuple[Plan, ...], addresses: Addresses, stdio: str, *, searched: bool, bold: bool) -> str:
    """The whole text; `stdio` configures an MCP client that starts `fairlead mcp` to serve the same.

    `searched` says that clients find the tools instead of listing them.
    """

    def head(text: str) -> str:
        return click.style(text, bold=True) if bold else text

    rest, asked = addresses.rest_url, addresses.asked
    known = {"organizationId": DEMO_ORGANIZATION_ID} if addresses.sandbox_url else {}
    prefill = f"?organizationId={DEMO_ORGANIZATION_ID}" if addresses.sandbox_url else ""
    lines = [head(_titles(plans)), ""]
    lines += [f"  Page       {rest}/{prefill}", f"  REST       {rest}   (described at {rest}/docs)"]
    lines += [f"  MCP        {addresses.mcp_url}   ({_tools_line(plans, searched=searched)})"]
    if addresses.sandbox_url:
        lines += [f"  Sandbox    {addresses.sandbox_url}   (organization {DEMO_ORGANIZATION_ID},"]
        lines += [f"             Authorization: Token {DEMO_TOKEN})"]
    routes = [route for plan in plans for route in plan.routes]
    if routes:
        shown = f" {asked.rest.curl}" if asked.rest else ""
        lines += ["", head("Try"), f"  {example_call(routes[0], rest, known)}{shown}"]
    remote = http_client(client_name(plans), addresses.mcp_url, asked.mcp)
    lines += ["", head("An MCP client over HTTP"), _indented(remote)]
    lines += ["", head("An MCP client over stdio"), _indented(stdio)]
    return "\n".join(lines)


def _tools_line(plans: tuple[Plan, ...], *, searched: bool) -> str:
    """How many tools clients see, and what the list of them costs a model."""
    tools = [listed_tool(tool) for plan in plans for tool in plan.tools]
    shown = search_tools(tools) if searched else tools
    number = f"{len(shown):,} tool{'' if len(shown) == 1 else 's'}"
    number += f" in place of {len(tools):,}" if searched else ""
    advice = "; --tool-search shows three instead" if len(shown) > MANY_TOOLS else ""
    cost = token_cost(shown)
    return f"{number}, about {round(cost, 2 - len(str(cost))):,} tokens to list{advice}"


def _titles(plans: tuple[Plan, ...]) -> str:
    more = f", and {len(plans) - _MOST_TITLES} more" if len(plans) > _MOST_TITLES else ""
    return ", ".join(plan.title for plan in plans[:_MOST_TITLES]) + more


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
