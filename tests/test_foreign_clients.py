"""Clients that others wrote for other servers: Qovery's own npm client on REST, the MCP Inspector on MCP."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from archive_gateway import archive_in, gateway_on, get
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


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A server with an archive, before an upstream that has forgotten all of it."""
    with gateway_on(archive_in(tmp_path_factory.mktemp("archive")), retention_days=0) as running:
        yield running


def test_qoverys_own_client_reads_what_its_upstream_has_forgotten(archived: Gateway, tmp_path: Path) -> None:
    """Behind an archive the same program goes on beyond the retention."""
    require_node_package("qovery-typescript-axios")
    done = run_node(str(NODE_FOLDER / "events.mjs"), f"{archived.rest_url}/v1", archived.organization_id, home=tmp_path)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)["events"]
    assert from_upstream(archived, "events?eventType=DELETE")["events"] == []
    assert [event["event_type"] for event in seen["events"]] == ["DELETE"] * 5
    assert seen["links"]["next"]


def test_the_inspector_reads_the_audit_trail(archived: Gateway, tmp_path: Path) -> None:
    """Its tools have portable schemas too, and answer what the routes answer."""
    listed = inspect(tmp_path, *http(archived, "modern"), "--method", "tools/list", "--strict")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert len(json.loads(listed.stdout)["tools"]) == 7
    given = (f"organizationId={archived.organization_id}", "text=production", "pageSize=3")
    found = called(inspect(tmp_path, *http(archived, "legacy"), *call_of("search-audit-trail"), *given))
    query = {"text": "production", "pageSize": 3}
    assert found["structuredContent"] == get(archived.route("audit-trail/search"), **query).value
    assert len(found["structuredContent"]["events"]) == 3


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
