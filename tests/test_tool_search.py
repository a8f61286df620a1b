"""Three tools in place of many: models search, describe and call, and get what a plain list of tools gives them."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters

import serving
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID
from serving import Gateway
from stand_in import StandIn, stand_in
from test_cli import FREE, started
from test_mcp import EVENTS, post, texts

NAMES = ("list-tides", "getStationById", "delete_buoy", "searchInvoices", "list-winds")
OPERATIONS = """
      - {{name: {name}, method: {method}, description: {described}, inputParameters: [{{name: $filter, in: query}}]}}"""
DESCRIBED = {
    "list-tides": "High and low water of a harbour", "getStationById": "A measuring station",
    "delete_buoy": "Remove it", "searchInvoices": "Find bills of customers", "list-winds": "Wind at sea",
}  # fmt: skip


def document(folder: Path, *, writes: bool = True) -> Path:
    """A document with these tools, with one that deletes or without it."""
    names = [name for name in NAMES if writes or name != "delete_buoy"]
    operations = "".join(
        OPERATIONS.format(name=name, method="DELETE" if name == "delete_buoy" else "GET", described=DESCRIBED[name])
        for name in names
    )
    tools = "".join(f"\n    - {{name: {name}, call: sea.{name}, description: {DESCRIBED[name]}}}" for name in names)
    file = folder / "sea.yaml"
    file.write_text(
        "capability:\n  consumes:\n  - namespace: sea\n    baseUri: https://sea.example.com\n    resources:\n"
        f"    - path: /things\n      operations:{operations}\n  exposes:\n  - type: mcp\n    tools:{tools}\n"
    )
    return file


@pytest.fixture
def up() -> Iterator[StandIn]:
    """An upstream that answers everything."""
    with stand_in(body=b'{"tides": [1.50]}') as standing:
        yield standing


@pytest.fixture
def running(tmp_path: Path, up: StandIn) -> Iterator[Gateway]:
    """A gateway whose tools are searched."""
    with serving.gateway(document(tmp_path), upstream=up.url, tool_search=True) as gateway:
        yield gateway


def called(running: Gateway, tool: str, **arguments: object) -> dict[str, Any]:
    """The result of one of the three tools."""
    result = post(running.mcp_url, "tools/call", name=tool, arguments=arguments)["result"]
    assert isinstance(result, dict)
    return result


def test_three_tools_are_listed(running: Gateway) -> None:
    """They say what calling does at worst, since hints go with a tool and not with a call."""
    listed: Any = post(running.mcp_url, "tools/list")["result"]
    hints = {tool["name"]: tool["annotations"] for tool in listed["tools"]}
    assert list(hints) == ["search_tools", "describe_tool", "call_tool"]
    assert [each["readOnlyHint"] for each in hints.values()] == [True, True, False]
    assert hints["call_tool"]["destructiveHint"] is True


def test_calling_only_reads_where_every_tool_does(tmp_path: Path, up: StandIn) -> None:
    """A client that asks a person before each write need not ask here."""
    with serving.gateway(document(tmp_path, writes=False), upstream=up.url, tool_search=True) as running:
        listed: Any = post(running.mcp_url, "tools/list")["result"]
    assert listed["tools"][2]["annotations"]["readOnlyHint"] is True


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("station by id", "getStationById"),
        ("stations", "getStationById"),
        ("invoice", "searchInvoices"),
        ("water in the harbour", "list-tides"),
        ("BUOY", "delete_buoy"),
        ('"wind" OR NOT (tides', "list-winds"),
    ],
)
def test_a_tool_is_found_by_its_words(running: Gateway, query: str, first: str) -> None:
    """Words of its name, however it is spelled, and of its description; nothing in a query is an operator."""
    result = called(running, "search_tools", query=query)["structuredContent"]
    assert result["tools"][0]["name"] == first
    assert result["of"] == len(NAMES)


def test_what_is_not_found_and_what_is_too_much_is_told(running: Gateway) -> None:
    """A model knows what to do next."""
    assert "try others" in called(running, "search_tools", query="zebra")["structuredContent"]["hint"]
    more = called(running, "search_tools", query="list", limit=1)["structuredContent"]
    assert (len(more["tools"]), more["found"], "more" in more["hint"]) == (1, 2, True)
    every = called(running, "search_tools", query="*")["structuredContent"]
    assert [tool["name"] for tool in every["tools"]] == list(NAMES)


def test_a_described_tool_is_as_a_list_shows_it(running: Gateway, tmp_path: Path, up: StandIn) -> None:
    """Schema, aliases and hints included."""
    with serving.gateway(document(tmp_path), upstream=up.url) as plain:
        listed: Any = post(plain.mcp_url, "tools/list")["result"]
    for tool in listed["tools"]:
        described = called(running, "describe_tool", name=tool["name"])["structuredContent"]
        assert described == tool


def test_a_call_is_the_tools_own(running: Gateway, up: StandIn) -> None:
    """Its arguments, its answer, its faults."""
    result = called(running, "call_tool", name="list-tides", arguments={"filter": "a b"})
    assert result["structuredContent"] == {"tides": [1.5]}
    assert [line for line, _ in up.asked] == ["GET /things?$filter=a%20b"]
    refused = called(running, "call_tool", name="list-tides", arguments={"filtre": "a"})
    assert refused["isError"]
    assert "did you mean `filter`?" in texts(refused)[0]


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("call_tool", {"name": "list-tide"}, "did you mean `list-tides`?"),
        ("describe_tool", {"name": "zebra"}, "`search_tools` finds one"),
        ("describe_tool", {}, "name is required"),
        ("search_tools", {"query": "x", "limit": 0}, "at least 1"),
        ("call_tool", {"name": "list-tides", "arguments": "[]"}, "must be an object"),
    ],
)
def test_a_fault_is_told(running: Gateway, tool: str, arguments: dict[str, object], said: str) -> None:
    """In the words of every other tool."""
    result = called(running, tool, **arguments)
    assert result["isError"]
    assert said in texts(result)[0].replace("`name`", "name")


def test_the_tools_themselves_are_not_listed_and_not_called(running: Gateway) -> None:
    """What a client did not see it does not call."""
    error: Any = post(running.mcp_url, "tools/call", name="list-tides", arguments={})["error"]
    assert "There is no tool" in error["message"]


def test_a_client_on_standard_input_searches_too(tmp_path: Path) -> None:
    """The official client, with `fairlead mcp --tool-search`."""
    words = ["-m", "fairlead", "mcp", "--tool-search", "--upstream", "http://127.0.0.1:9", str(document(tmp_path))]

    async def converse() -> tuple[list[str], str, str]:
        async with Client(StdioServerParameters(command=sys.executable, args=words)) as client:
            listed = await client.list_tools()
            found = await client.call_tool("search_tools", {"query": "winds"})
            assert found.structured_content is not None
            return [tool.name for tool in listed.tools], json.dumps(found.structured_content), client.instructions or ""

    names, found, instructions = asyncio.run(asyncio.wait_for(converse(), 30))
    assert names == ["search_tools", "describe_tool", "call_tool"]
    assert "list-winds" in found
    assert "`search_tools` finds some" in instructions


def test_the_banner_tells_what_the_list_costs(tmp_path: Path) -> None:
    """Tokens of a model's context, and the way out when there are many tools."""
    many = "".join(f"\n    - {{name: t{number}, call: sea.o}}" for number in range(101))
    (tmp_path / "many.yaml").write_text(
        "capability:\n  consumes:\n  - {namespace: sea, baseUri: 'http://127.0.0.1:9', resources: "
        "[{path: /o, operations: [{name: o}]}]}\n  exposes:\n"
        "  - {type: rest, resources: [{path: /o, operations: [{method: GET, call: sea.o}]}]}\n"
        f"  - type: mcp\n    tools:{many}\n"
    )
    with started("serve", tmp_path / "many.yaml", *FREE) as (_, text):
        assert "101 tools, about " in text
        assert "--tool-search shows three instead" in text
    with started("serve", tmp_path / "many.yaml", "--tool-search", *FREE) as (_, text):
        assert "3 tools in place of 101, about " in text


def test_a_next_page_is_announced_as_a_call_that_clients_can_make(seed: Path) -> None:
    """Feeding the announced arguments back gives the next page; the upstream's own text is left alone."""
    arguments = {"organizationId": DEMO_ORGANIZATION_ID, "pageSize": 2}
    settings = serving.settings_for_tests(result_budget=20_000)
    with serving.gateway(seed, tool_search=True, settings=settings) as running:
        first = called(running, "call_tool", name=EVENTS, arguments=arguments)
        announced = first["_meta"]["fairlead/nextPage"]
        second = post(running.mcp_url, "tools/call", **announced)["result"]
        narrow = called(running, "call_tool", name=EVENTS, arguments=arguments | {"pageSize": 100})
    assert f"Let `call_tool` call {EVENTS} again with " in texts(first)[1]
    assert json.loads(texts(first)[0]) == first["structuredContent"]
    moments = [[event["timestamp"] for event in page["structuredContent"]["events"]] for page in (first, second)]  # type: ignore[index]
    assert max(moments[1]) <= min(moments[0])
    assert narrow["isError"]
    assert f"Let `call_tool` call {EVENTS} again with " in texts(narrow)[0]
