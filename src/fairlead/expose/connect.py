"""How an MCP client is told of this server: the configurations that the banner and the page show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from fairlead.expose.presenting import Presenting
from fairlead.plan.model import Plan

MCP_PATH = "/mcp"
"""Where the MCP adapter answers."""


def client_name(plans: Sequence[Plan]) -> str:
    """What a client calls a server of these plans."""
    return (plans[0].namespace if len(plans) == 1 else "") or "fairlead"


def http_client(name: str, mcp_url: str, told: Presenting | None) -> str:
    """The configuration of a client that calls a running server; a client that can finds out by itself what to send."""
    entry: dict[str, object] = {"type": "http", "url": mcp_url}
    if told and told.query:
        entry["url"] = f"{mcp_url}?{told.query}"
    elif told and not told.discovering:
        entry["headers"] = {told.name: told.value}
    return _configuration(name, entry)


def stdio_client(name: str, command: Sequence[str], variables: Iterable[str]) -> str:
    """The configuration of a client that starts `command` itself, with the environment variables it needs."""
    entry: dict[str, object] = {"command": command[0], "args": list(command[1:])}
    named = dict.fromkeys(variables, "…")
    if named:
        entry["env"] = named
    return _configuration(name, entry)


def _configuration(name: str, entry: dict[str, object]) -> str:
    return json.dumps({"mcpServers": {name: entry}}, indent=2, ensure_ascii=False)
