"""The official Python client on MCP: both eras of the protocol, over HTTP and over standard input and output."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import mcp_types as types
import pytest
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

from golden_files import assert_golden
from serving import Gateway

EVENTS_TOOL = "get-all-events-inside-organization"
TARGETS_TOOL = "get-available-event-targets-filter"
STRANGER = "00000000-0000-4000-8000-000000000000"
VERSIONS = {"legacy": "2025-11-25", "2026-07-28": "2026-07-28", "auto": "2026-07-28"}
PATIENCE = 30


@dataclass(frozen=True, slots=True)
class Conversation:
    """What one client saw, from its greeting to its last call."""

    version: str
    server: types.Implementation | None
    capabilities: types.ServerCapabilities
    tools: list[types.Tool]
    answers: Mapping[str, types.CallToolResult]
    unknown_tool: MCPError


async def converse(client: Client, organization: str) -> Conversation:
    """Greet, list the tools, and call them well and badly."""
    async with client:
        listed = await client.list_tools()
        filters = {"organizationId": organization, "eventType": "DELETE", "pageSize": 5}
        first = await client.call_tool(EVENTS_TOOL, filters)
        following = (first.meta or {})["fairlead/nextPage"]
        answers = {
            "events": first,
            "next page": await client.call_tool(following["name"], following["arguments"]),
            "targets": await client.call_tool(TARGETS_TOOL, {"organizationId": organization, "targetType": "PROJECT"}),
            "bad argument": await client.call_tool(EVENTS_TOOL, filters | {"continueToken": "later"}),
            "missing argument": await client.call_tool(EVENTS_TOOL, {}),
            "unknown argument": await client.call_tool(EVENTS_TOOL, filters | {"page_size": 5}),
            "refused upstream": await client.call_tool(EVENTS_TOOL, {"organizationId": STRANGER}),
        }
        with pytest.raises(MCPError) as unknown:
            await client.call_tool("get-all-event-inside-organization", {})
        return Conversation(
            version=client.protocol_version,
            server=client.server_info,
            capabilities=client.server_capabilities,
            tools=listed.tools,
            answers=answers,
            unknown_tool=unknown.value,
        )


@pytest.fixture(scope="module", params=["http", "stdio"])
def server(request: pytest.FixtureRequest, gateway: Gateway) -> str | StdioServerParameters:
    """Where the tools are: a port, or a command that calls the same upstream."""
    if request.param == "http":
        return gateway.mcp_url
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "fairlead", "mcp", "--upstream", str(gateway.sandbox_url)],
        env={"QOVERY_API_KEY": gateway.sandbox_token},
    )


@pytest.fixture(scope="module", params=["legacy", "2026-07-28", "auto"])
def mode(request: pytest.FixtureRequest) -> str:
    """How the client greets: the older handshake, none at all, or by asking which it should use."""
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="module")
def conversation(server: str | StdioServerParameters, mode: str, gateway: Gateway) -> Conversation:
    """One conversation over each transport in each era."""
    client = Client(server, mode=mode, read_timeout_seconds=PATIENCE)
    return asyncio.run(converse(client, gateway.organization_id))


def test_the_client_and_the_server_settle_on_the_era_the_client_asks_for(conversation: Conversation, mode: str) -> None:
    """Old clients and new ones are served by one address, and by one command; only tools are offered."""
    assert conversation.version == VERSIONS[mode]
    if mode != "2026-07-28":  # a client that is told the version asks no more
        assert conversation.capabilities.model_dump(exclude_none=True) == {"tools": {"list_changed": False}}
        assert conversation.server is not None
        assert conversation.server.name == "qovery-organization-event"


def test_every_client_is_shown_the_same_tools(conversation: Conversation) -> None:
    """What a model reads before it calls changes on purpose only."""
    tools = [tool.model_dump(by_alias=True, exclude_none=True, mode="json") for tool in conversation.tools]
    assert_golden("tools.json", json.dumps(tools, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


@pytest.mark.parametrize(
    ("answer", "route"),
    [("events", "events?eventType=DELETE&pageSize=5"), ("targets", "targets?targetType=PROJECT")],
)
def test_a_tool_answers_what_rest_answers(
    conversation: Conversation, gateway: Gateway, answer: str, route: str
) -> None:
    """The structured content, its JSON text and the REST body are the same payload."""
    result = conversation.answers[answer]
    assert result.is_error is False
    assert result.structured_content == from_rest(gateway, route)
    assert json.loads(text_of(result)) == result.structured_content
    assert any(result.structured_content.values())


def test_the_next_page_is_the_call_the_answer_names(conversation: Conversation, gateway: Gateway) -> None:
    """A model that repeats the named call goes on where the page before ended, with the same filters."""
    first, second = (conversation.answers[name].structured_content for name in ("events", "next page"))
    assert first is not None
    assert second is not None
    both = from_rest(gateway, "events?eventType=DELETE&pageSize=10")["events"]
    assert [*first["events"], *second["events"]] == both
    hint = conversation.answers["events"].content[1]
    assert isinstance(hint, types.TextContent)
    token = (conversation.answers["events"].meta or {})["fairlead/nextPage"]["arguments"]["continueToken"]
    assert token in hint.text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("bad argument", "`continueToken` must match"),
        ("missing argument", "`organizationId` is required"),
        ("unknown argument", "`page_size` is not a parameter; did you mean `pageSize`?"),
        ("refused upstream", "The upstream answered 404"),
    ],
)
def test_a_failed_call_is_an_answer_a_model_can_act_on(conversation: Conversation, answer: str, said: str) -> None:
    """Errors are results that name the argument or the upstream's status, not failures of the protocol."""
    result = conversation.answers[answer]
    assert result.is_error is True
    assert result.structured_content is None
    assert said in text_of(result)


def test_a_tool_that_does_not_exist_is_an_error_of_the_protocol(conversation: Conversation) -> None:
    """The specification keeps -32602 for it, and the message says which name was meant."""
    assert conversation.unknown_tool.code == types.INVALID_PARAMS
    assert EVENTS_TOOL in conversation.unknown_tool.message


def test_a_client_can_start_a_sandbox_of_its_own(gateway: Gateway) -> None:
    """`fairlead mcp --sandbox` needs no account, no key and no second terminal."""
    command = StdioServerParameters(command=sys.executable, args=["-m", "fairlead", "mcp", "--sandbox"])
    conversation = asyncio.run(converse(Client(command, read_timeout_seconds=PATIENCE), gateway.organization_id))
    events, targets = (conversation.answers[name].structured_content for name in ("events", "targets"))
    assert events is not None
    assert targets is not None
    assert {event["event_type"] for event in events["events"]} == {"DELETE"}
    assert targets["targets"]


def from_rest(gateway: Gateway, route: str) -> dict[str, Any]:
    answer = httpx2.get(gateway.route(route))
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


def text_of(result: types.CallToolResult) -> str:
    block = result.content[0]
    assert isinstance(block, types.TextContent)
    return block.text
