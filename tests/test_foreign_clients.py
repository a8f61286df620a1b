"""Clients that others wrote for other servers: Qovery's own npm client on REST, the MCP Inspector on MCP."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from node_tools import installed, run_node
from outside import NODE_FOLDER, require_node_package
from serving import Gateway

EVENTS_TOOL = "get-all-events-inside-organization"
TARGETS_TOOL = "get-available-event-targets-filter"
STDIO_SERVER = (sys.executable, "-m", "fairlead", "mcp", "--sandbox")


def test_qoverys_own_client_lists_events_and_targets_unchanged(gateway: Gateway, tmp_path: Path) -> None:
    """A program written for Qovery's API moves to ours by changing its base path, and nothing else."""
    require_node_package("qovery-typescript-axios")
    done = run_node(str(NODE_FOLDER / "events.mjs"), f"{gateway.rest_url}/v1", gateway.organization_id, home=tmp_path)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["events"] == from_upstream(gateway, "events?pageSize=5&eventType=DELETE")
    assert seen["targets"] == from_upstream(gateway, "targets")
    assert len(seen["events"]["events"]) == 5
    assert seen["targets"]["targets"]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_lists_both_tools_and_finds_their_schemas_portable(
    gateway: Gateway, tmp_path: Path, era: str
) -> None:
    """`--strict` exits with 6 for a schema that some model API would refuse, and says so on standard error."""
    over_http = inspect(tmp_path, *http(gateway, era), "--method", "tools/list", "--strict")
    over_stdio = inspect(tmp_path, "--protocol-era", era, "--method", "tools/list", "--strict", "--", *STDIO_SERVER)
    for done in (over_http, over_stdio):
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    assert [tool["name"] for tool in json.loads(over_http.stdout)["tools"]] == [EVENTS_TOOL, TARGETS_TOOL]
    assert json.loads(over_stdio.stdout)["tools"] == json.loads(over_http.stdout)["tools"]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_inspector_calls_both_tools(gateway: Gateway, tmp_path: Path, era: str) -> None:
    """A person who tries a tool by hand is given what the upstream has."""
    organization = f"organizationId={gateway.organization_id}"
    events = called(
        inspect(tmp_path, *http(gateway, era), *call_of(EVENTS_TOOL), organization, "pageSize=5", "eventType=DELETE")
    )
    targets = called(inspect(tmp_path, *http(gateway, era), *call_of(TARGETS_TOOL), organization, "targetType=PROJECT"))
    assert events["structuredContent"] == from_upstream(gateway, "events?pageSize=5&eventType=DELETE")
    assert targets["structuredContent"] == from_upstream(gateway, "targets?targetType=PROJECT")


def test_the_inspector_is_told_which_argument_is_wrong(gateway: Gateway, tmp_path: Path) -> None:
    """An error of ours arrives as a tool's error (exit 5), in words that name the argument."""
    done = inspect(tmp_path, *http(gateway, "legacy"), *call_of(TARGETS_TOOL), "organizationId=nonsense")
    assert done.returncode == 5
    answer = json.loads(done.stdout)
    assert answer["isError"] is True
    assert "`organizationId` must be a UUID" in answer["content"][0]["text"]


def inspect(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """One run of `mcp-inspector --cli`."""
    script = installed("@modelcontextprotocol/inspector", "clients/launcher/build/index.js")
    return run_node(script, "--cli", *arguments, home=home)


def http(gateway: Gateway, era: str) -> tuple[str, ...]:
    return gateway.mcp_url, "--transport", "http", "--protocol-era", era


def call_of(tool: str) -> tuple[str, ...]:
    return "--method", "tools/call", "--tool-name", tool, "--tool-arg"


def called(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The result of a successful call; its JSON text says the same as its structured content."""
    assert done.returncode == 0, done.stdout + done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    assert json.loads(answer["content"][0]["text"]) == answer["structuredContent"]
    return answer


def from_upstream(gateway: Gateway, route: str) -> Any:
    """What the sandbox itself answers."""
    answer = httpx2.get(
        f"{gateway.sandbox_url}/organization/{gateway.organization_id}/{route}",
        headers={"Authorization": f"Token {gateway.sandbox_token}"},
    )
    assert answer.status_code == 200
    return answer.json()
