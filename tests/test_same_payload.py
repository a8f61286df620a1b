"""One operation, two ways in: what REST and MCP make of the same arguments."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

import httpx2
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

import serving
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN
from fairlead.settings import Secret, Settings

REVISION = "2026-07-28"
TOOLS = {"events": "get-all-events-inside-organization", "targets": "get-available-event-targets-filter"}
META = {
    "io.modelcontextprotocol/protocolVersion": REVISION,
    "io.modelcontextprotocol/clientCapabilities": {},
}
STRANGER = "00000000-0000-4000-8000-000000000000"
PAGES = 6
# Marks where a test puts a token of a real page, since no strategy knows one.
TOKEN = "token of page {}"

EVENT_TYPES = ["CREATE", "UPDATE", "DELETE", "DEPLOYED", "DEPLOY_FAILED", ""]
TARGET_TYPES = ["APPLICATION", "CONTAINER", "ENVIRONMENT", "PROJECT", "CLUSTER", ""]
SECONDS = st.integers(1_780_000_000, 1_795_000_000).map(str)
NANOSECONDS = st.integers(1_780_000_000_000_000_000, 1_795_000_000_000_000_000).map(str)
SOME_TOKEN = st.integers(0, PAGES - 1).map(TOKEN.format)
Values: TypeAlias = tuple[SearchStrategy[Any], list[Any]]
"""A strategy for values that are right, and a list of wrong ones."""

ORGANIZATION: Values = (st.sampled_from([DEMO_ORGANIZATION_ID, DEMO_ORGANIZATION_ID.upper()]), [STRANGER, "me", "a/b"])
TIMESTAMP: Values = (SECONDS | NANOSECONDS, ["", "0", "yesterday", "-1", "179500000000000", "1795000000.5"])
PAGE_TOKEN: Values = (SOME_TOKEN, ["", "0", "later", "9" * 19, "9" * 20])
ID: Values = (st.sampled_from([STRANGER, "3F2504E0-4F89-41D3-9A0C-0305E82C3301"]), ["", "no-id"])
STRANGE: Values = (st.just(5), [5])
COMMON: dict[str, Values] = {
    "fromTimestamp": TIMESTAMP,
    "toTimestamp": TIMESTAMP,
    "eventType": (st.sampled_from(EVENT_TYPES), ["EXPLODE", "create"]),
    "targetType": (st.sampled_from(TARGET_TYPES), ["SPACESHIP"]),
    "origin": (st.sampled_from(["API", "CLI", "CONSOLE", "GIT", ""]), ["MOON"]),
    "triggeredBy": (st.sampled_from(["", "Ünïcode & co", "a+b c%20d", "Ada Lovelace"]), ["nobody", 5]),
}
ONLY: dict[str, dict[str, Values]] = {
    "events": {
        "pageSize": (st.integers(1, 40) | st.just(101) | st.just(2.5), [0, -1, 10**9, 1e3, "ten", "", True]),
        "continueToken": PAGE_TOKEN,
        "stepBackToken": PAGE_TOKEN,
        "subTargetType": (st.sampled_from(["CONFIG", "SECRET", "VARIABLE", ""]), ["ENGINE"]),
        "targetId": ID,
        "serviceProjectId": ID,
        "serviceEnvironmentId": ID,
        "page_size": STRANGE,
    },
    "targets": {
        "projectId": ID,
        "environmentId": ID,
        "targetLevelToFetch": (st.sampled_from(["PROJECT", "ENVIRONMENT", ""]), ["GALAXY"]),
        "pageSize": STRANGE,
    },
}


@dataclass(frozen=True, slots=True)
class Callers:
    """A REST caller and an MCP caller of the same gateway."""

    client: httpx2.Client
    gateway: serving.Gateway
    tokens: tuple[str, ...]
    numbers: Iterator[int]

    def rest(self, route: str, arguments: dict[str, Any]) -> httpx2.Response:
        """The arguments in the path and the query, as text."""
        organization = arguments["organizationId"].replace("/", "%2F")
        query = {name: json_text(value) for name, value in arguments.items() if name != "organizationId"}
        return self.client.get(f"{self.gateway.rest_url}/v1/organization/{organization}/{route}", params=query)

    def tool(self, route: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as they are, in a call of 2026-07-28."""
        name = TOOLS[route]
        answer = self.client.post(
            self.gateway.mcp_url,
            headers={
                "Accept": "application/json, text/event-stream",
                "MCP-Protocol-Version": REVISION,
                "Mcp-Method": "tools/call",
                "Mcp-Name": name,
            },
            json={
                "jsonrpc": "2.0",
                "id": next(self.numbers),
                "method": "tools/call",
                "params": {"name": name, "arguments": arguments, "_meta": META},
            },
        )
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()["result"]
        return result

    def with_tokens(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments with tokens of real pages in place of the marks."""
        real = {TOKEN.format(number): token for number, token in enumerate(self.tokens)}
        return {name: real.get(value, value) if isinstance(value, str) else value for name, value in arguments.items()}


@pytest.fixture(scope="module")
def callers() -> Iterator[Callers]:
    """A gateway whose tools may answer as much as REST does; how they answer what is too much is another promise."""
    roomy = Settings(secrets={"QOVERY_API_KEY": Secret(DEMO_TOKEN)}, grace_period=2, result_budget=50_000_000)
    with serving.gateway(settings=roomy) as gateway, httpx2.Client(timeout=30) as client:
        yield Callers(client, gateway, tuple(tokens_of_pages(client, gateway)), count(1))


@st.composite
def calls(draw: DrawFn) -> tuple[str, dict[str, Any]]:
    """An operation and arguments for it: known values mostly, some that are wrong, some unknown."""
    route = draw(st.sampled_from(sorted(TOOLS)))
    known = COMMON | ONLY[route]
    names = draw(st.sets(st.sampled_from(sorted(known)), max_size=4))
    values = {"organizationId": ORGANIZATION} | {name: known[name] for name in sorted(names)}
    return route, {name: draw(_usually(*value)) for name, value in values.items()}


@st.composite
def _usually(draw: DrawFn, right: SearchStrategy[Any], wrong: list[Any]) -> Any:
    return draw(st.sampled_from(wrong) if draw(st.integers(0, 11)) == 11 else right)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(calls())
def test_rest_and_mcp_give_the_same_payload_for_the_same_arguments(
    callers: Callers, call: tuple[str, dict[str, Any]]
) -> None:
    """A success is the same JSON, and an error is an error that blames the same argument or the same upstream."""
    route, arguments = call[0], callers.with_tokens(call[1])
    ours, tools = callers.rest(route, arguments), callers.tool(route, arguments)
    event(f"{route} {ours.status_code}")
    said = tools["content"][0]["text"]
    if ours.status_code == 200:
        assert not tools.get("isError")
        assert tools["structuredContent"] == json.loads(said) == ours.json()
    else:
        assert 400 <= ours.status_code < 500
        assert tools["isError"] is True
        assert "structuredContent" not in tools
        assert blames_the_same(ours.json(), said)


def blames_the_same(problem: dict[str, Any], said: str) -> bool:
    """Whether a tool's error text says of the call what a REST problem says."""
    if "errors" in problem:
        return any(said.find(f"`{fault['parameter']}` ") >= 0 for fault in problem["errors"])
    return said.startswith(problem["detail"])


def tokens_of_pages(client: httpx2.Client, gateway: serving.Gateway) -> Iterator[str]:
    """The tokens that lead from the first page to the next ones."""
    page = gateway.route() + "?pageSize=20"
    for _ in range(PAGES):
        link = client.get(page).links["next"]["url"]
        page = gateway.rest_url + link
        yield httpx2.URL(page).params["continueToken"]


def json_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
