"""What `fairlead serve` prints once it answers: addresses, a call to paste, configuration for MCP clients."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import click

from fairlead.expose.links import example_call
from fairlead.plan.model import Plan
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a gateway answers."""

    rest_url: str
    mcp_url: str
    sandbox_url: str | None
    token_required: bool


def banner(plans: tuple[Plan, ...], addresses: Addresses, relaunch: Iterable[str], *, colours: bool) -> str:
    """The whole text; `relaunch` are the arguments that make `fairlead mcp` serve the same."""

    def head(text: str) -> str:
        return click.style(text, bold=True) if colours else text

    name = plans[0].namespace or "fairlead"
    rest = addresses.rest_url
    known = {"organizationId": DEMO_ORGANIZATION_ID} if addresses.sandbox_url else {}
    prefill = f"?organizationId={DEMO_ORGANIZATION_ID}" if addresses.sandbox_url else ""
    lines = [head(", ".join(plan.title for plan in plans)), ""]
    lines += [f"  Page       {rest}/{prefill}", f"  REST       {rest}   (described at {rest}/docs)"]
    lines += [f"  MCP        {addresses.mcp_url}"]
    if addresses.sandbox_url:
        lines += [f"  Sandbox    {addresses.sandbox_url}   (organization {DEMO_ORGANIZATION_ID},"]
        lines += [f"             Authorization: Token {DEMO_TOKEN})"]
    if plans[0].routes:
        token = " -H 'Authorization: Bearer <FAIRLEAD_API_TOKEN>'" if addresses.token_required else ""
        call = example_call(plans[0].routes[0], rest, known)
        lines += ["", head("Try"), f"  {call.replace('curl', f'curl{token}', 1)}"]
    lines += ["", head("An MCP client over HTTP"), _indented(_http_client(name, addresses))]
    lines += ["", head("An MCP client over stdio"), _indented(_stdio_client(name, plans, addresses, relaunch))]
    return "\n".join(lines)


def _http_client(name: str, addresses: Addresses) -> str:
    entry: dict[str, object] = {"type": "http", "url": addresses.mcp_url}
    if addresses.token_required:
        entry["headers"] = {"Authorization": "Bearer <FAIRLEAD_API_TOKEN>"}
    return _client_configuration(name, entry)


def _stdio_client(name: str, plans: tuple[Plan, ...], addresses: Addresses, relaunch: Iterable[str]) -> str:
    found = shutil.which(sys.argv[0]) if Path(sys.argv[0]).stem == "fairlead" else shutil.which("fairlead")
    command, module = (str(Path(found).absolute()), []) if found else (sys.executable, ["-m", "fairlead"])
    entry: dict[str, object] = {"command": command, "args": [*module, "mcp", *relaunch]}
    authentications = [up.authentication for plan in plans for up in plan.upstreams if up.authentication]
    variables = [variable for one in authentications for variable in one.variables.values()]
    if variables and addresses.sandbox_url is None:
        entry["env"] = dict.fromkeys(variables, "…")
    return _client_configuration(name, entry)


def _client_configuration(name: str, entry: dict[str, object]) -> str:
    return json.dumps({"mcpServers": {name: entry}}, indent=2, ensure_ascii=False)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
