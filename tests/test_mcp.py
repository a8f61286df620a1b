"""The MCP adapter's own promises, on the wire; other people's clients are in test_mcp_clients.py."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import httpx2
import pytest

import serving
from fairlead.plan.compile import compile_document
from fairlead.sandbox.options import SandboxOptions
from fairlead.spec.load import load
from serving import Gateway
from small_documents import small_plan
from stand_in import stand_in

EVENTS, TARGETS = "get-all-events-inside-organization", "get-available-event-targets-filter"
VERSION = "2026-07-28"
ACCEPT = "application/json, text/event-stream"
META = {"io.modelcontextprotocol/protocolVersion": VERSION, "io.modelcontextprotocol/clientCapabilities": {}}
_ids = count(1)


def post(url: str, method: str, accept: str = ACCEPT, /, **params: object) -> dict[str, object]:
    """One JSON-RPC request of the 2026-07-28 revision, and its response."""
    headers = {
        "accept": accept,
        "content-type": "application/json",
        "mcp-protocol-version": VERSION,
        "mcp-method": method,
        **({"mcp-name": str(params["name"])} if "name" in params else {}),
    }
    body = {
        "jsonrpc": "2.0",
        "id": next(_ids),
        "method": method,
        "params": {"_meta": META, **params},
    }
    # Written with escapes, so that a lone surrogate can be sent as a hostile client would.
    answer: dict[str, object] = httpx2.post(url, content=json.dumps(body), headers=headers, timeout=20).json()
    return answer


def call(running: Gateway, tool: str = EVENTS, **arguments: object) -> dict[str, object]:
    """The result of a tool call for the demo organization."""
    given = {"organizationId": running.organization_id} | arguments
    return post(running.mcp_url, "tools/call", name=tool, arguments=given)["result"]  # type: ignore[return-value]


def texts(result: dict[str, object]) -> list[str]:
    """The texts of a result."""
    return [block["text"] for block in result["content"]]  # type: ignore[attr-defined]


def test_an_answer_is_structured_and_the_same_as_text(gateway: Gateway) -> None:
    """Clients differ in which of the two they read, so both hold all of it."""
    result = call(gateway, pageSize=3)
    assert json.loads(texts(result)[0]) == result["structuredContent"]
    assert result["structuredContent"] == httpx2.get(gateway.route() + "?pageSize=3").json()


def test_a_next_page_is_announced_as_the_exact_call(gateway: Gateway) -> None:
    """Feeding the announced arguments back gives the next page."""
    first = call(gateway, pageSize=3, eventType="DELETE")
    announced = first["_meta"]["fairlead/nextPage"]  # type: ignore[index]
    assert f"Call {EVENTS} again with {json.dumps(announced['arguments'])}" in texts(first)[1]
    second = post(gateway.mcp_url, "tools/call", **announced)["result"]
    newest = [event["timestamp"] for event in second["structuredContent"]["events"]]  # type: ignore[index]
    oldest = first["structuredContent"]["events"][-1]["timestamp"]  # type: ignore[index]
    assert len(newest) == 3
    assert max(newest) <= oldest


def test_the_last_page_announces_nothing(gateway: Gateway) -> None:
    """No next page, no second text."""
    result = call(gateway, TARGETS, targetType="PROJECT")
    assert len(texts(result)) == 1
    assert "fairlead/nextPage" not in result.get("_meta", {})  # type: ignore[operator]


def test_a_result_over_the_budget_says_how_to_narrow_the_call() -> None:
    """The call it proposes fits the budget."""
    chosen = serving.settings_for_tests(result_budget=20_000)
    with serving.gateway(settings=chosen) as running:
        result = call(running, pageSize=100)
        assert result["isError"] is True
        lines = texts(result)[0]
        assert "more than the 20,000 this tool may return" in lines
        assert "narrow the call with fromTimestamp" in lines
        proposed = json.loads(lines.partition(" again with ")[2].partition(", and follow")[0])
        assert proposed["pageSize"] < 100
        assert not post(running.mcp_url, "tools/call", name=EVENTS, arguments=proposed)["result"].get("isError")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"pageSize": "five"}, ["`pageSize` must be a number, not `five`"]),
        ({"pageSize": True}, ["`pageSize` must be a number, not `true`"]),
        ({"pagesize": 5}, ["`pagesize` is not a parameter; did you mean `pageSize`?"]),
        ({"organizationId": "acme"}, ["`organizationId` must be a UUID like"]),
        ({"organizationId": None}, ["`organizationId` is required"]),
        ({"fromTimestamp": "yesterday"}, ["`fromTimestamp` must match", "for example `1767225600`"]),
        ({"triggeredBy": "\ud800"}, ["is not text that can be sent"]),
        ({"triggeredBy": ["a"]}, ["must be a string, not a list"]),
        ({"pageSize": 0, "origin": []}, ["`pageSize` must be at least 1", "`origin` must be a string"]),
        ({"page": 1, "pageSize": "x"}, ["`page` is not a parameter", "`pageSize` must be a number"]),
        ({"continueToken": 1795411799382110000}, ["`continueToken` must be a string"]),
        ({"continueToken": "1", "stepBackToken": "2"}, ["The upstream answered 400"]),
        ({"eventType": "NEVER_HEARD_OF"}, ["The upstream answered 400", "It concerns `eventType`; known values are"]),
    ],
)
def test_bad_arguments_are_an_error_a_model_can_act_on(
    gateway: Gateway, arguments: dict[str, object], words: list[str]
) -> None:
    """The result names the argument and says what to do."""
    result = call(gateway, **arguments)
    assert result["isError"] is True
    for word in words:
        assert word in texts(result)[0]


def test_null_is_an_absent_argument(gateway: Gateway) -> None:
    """Models fill in null for what they do not want to say."""
    result = call(gateway, pageSize=2, eventType=None, triggeredBy=None)
    assert result["structuredContent"] == call(gateway, pageSize=2)["structuredContent"]


def test_a_number_is_taken_for_a_text_of_digits(gateway: Gateway) -> None:
    """Models write timestamps as numbers."""
    as_number = call(gateway, pageSize=2, toTimestamp=1794000000)
    assert as_number["structuredContent"] == call(gateway, pageSize=2, toTimestamp="1794000000")["structuredContent"]


def test_whole_numbers_of_any_length_harm_nobody(gateway: Gateway) -> None:
    """They reach the upstream, which has its own maximum."""
    assert not call(gateway, pageSize=10**30).get("isError")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 401, "body": b'{"detail":"expired"}'}, ["answered 401: expired", "ask whoever runs it"]),
        ({"status": 403, "body": b"{}"}, ["answered 403", "may not see this, or it does not exist"]),
        ({"status": 429, "headers": {"retry-after": "30"}}, ["answered 429", "retry-after: 30"]),
        ({"status": 500, "body": b"<h1>x</h1>"}, ["answered 500", "Try again later"]),
        ({"body": b"<h1>x</h1>", "headers": {"content-type": "text/html"}}, ["not JSON but `text/html`"]),
        ({"status": 404, "body": b"{}"}, ["answered 404", "Look at `organizationId`."]),
    ],
)
def test_an_upstream_failure_is_an_error_with_status_and_reason(answer: dict[str, object], words: list[str]) -> None:
    """Never a bare protocol error, never success."""
    with stand_in(**answer) as up, serving.gateway(upstream=up.url) as running:
        result = call(running)
    assert result["isError"] is True
    for word in words:
        assert word in texts(result)[0]
    assert "<h1>" not in texts(result)[0]


def test_a_list_is_wrapped_so_that_every_client_can_read_it() -> None:
    """Structured content is an object in every revision before 2026-07-28."""
    with stand_in(body=b"[1, 2]") as up, serving.gateway(upstream=up.url) as running:
        assert call(running)["structuredContent"] == {"items": [1, 2]}


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "HEAD", "OPTIONS"])
def test_only_post_is_taken(gateway: Gateway, method: str) -> None:
    """A stateless server has nothing to put on a stream."""
    answer = httpx2.request(method, gateway.mcp_url)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_an_unknown_tool_is_a_protocol_error_with_a_hint(gateway: Gateway) -> None:
    """As the specification asks."""
    error = post(gateway.mcp_url, "tools/call", name="get-all-event-inside-organization", arguments={})["error"]
    assert error["code"] == -32602  # type: ignore[index]
    assert EVENTS in error["message"]  # type: ignore[index]


@pytest.fixture(scope="module")
def crowded() -> Iterator[Gateway]:
    """A gateway on the future vocabulary with a megabyte event."""
    options = SandboxOptions(now=serving.NOW, rate_limit=0, vocabulary="future", faults=frozenset({"huge-change"}))
    with serving.gateway(sandbox=options) as running:
        yield running


def test_values_nobody_has_seen_pass_through(crowded: Gateway) -> None:
    """The provider adds values every month; none of them costs a page."""
    assert not call(crowded, pageSize=2).get("isError")
    assert httpx2.get(crowded.route() + "?pageSize=100").status_code == 200


def test_schemas_keep_to_what_model_apis_accept(gateway: Gateway) -> None:
    """Root object, no references, no composition, no type lists, short names, a description for every property."""
    listed = post(gateway.mcp_url, "tools/list")["result"]
    for tool in listed["tools"]:  # type: ignore[index]
        schema = tool["inputSchema"]
        assert schema["type"] == "object"
        assert not {"$ref", "oneOf", "anyOf", "allOf", "$defs"} & set(json.dumps(schema).replace('"', " ").split())
        assert len(tool["name"]) <= 48
        for name, described in schema["properties"].items():
            assert isinstance(described["type"], str)
            assert described["description"]
            assert "enum" not in described
            assert name.isidentifier()
        assert tool["annotations"]["readOnlyHint"] is True
        assert tool["annotations"]["destructiveHint"] is False


def test_a_name_models_refuse_is_an_alias_there_and_itself_upstream(tmp_path: Path) -> None:
    """`$filter` is `filter` for the model and `$filter` on the wire."""
    document = tmp_path / "odd.yaml"
    document.write_text(
        """
naftiko: 1.0.0-alpha2
capability:
  consumes:
  - namespace: odd
    baseUri: https://odd.example
    resources:
    - path: /things
      operations:
      - name: list
        method: GET
        inputParameters: [{name: $filter, in: query, type: string}, {name: 'page[size]', in: query, type: integer}]
  exposes:
  - type: mcp
    tools: [{name: list-things, call: odd.list, with: {$filter: tools.$filter, 'page[size]': 'tools.page[size]'}}]
"""
    )
    plan = compile_document(load(document)).plan
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        good = post(running.mcp_url, "tools/call", name="list-things", arguments={"filter": "a b", "page_size": 2})
        bad = post(running.mcp_url, "tools/call", name="list-things", arguments={"page_size": "x"})
    assert up.asked[0][0] == "GET /things?$filter=a%20b&page%5Bsize%5D=2"
    assert not good["result"].get("isError")  # type: ignore[union-attr]
    assert "`page_size` must be a whole number" in texts(bad["result"])[0]  # type: ignore[arg-type]


def test_a_next_page_that_cannot_be_reached_is_told_with_a_way_around_it() -> None:
    """A model must not take the page for the last one."""
    body = b'{"events": [], "links": {"next": "/e?continueToken=5", "previous": "/e?stepBackToken=6"}}'
    with stand_in(body=body) as up, serving.gateway(upstream=up.url) as running:
        result = call(running, continueToken="5", pageSize=10)
    said = texts(result)
    assert said[0] == body.decode()
    assert said[1].startswith(
        "The next link of the upstream leads back to this page, so there may be more. "
        f"Call {EVENTS} again with another pageSize, or narrower, with fromTimestamp, toTimestamp,"
    )
    assert "fairlead/nextPage" not in result.get("_meta", {})  # type: ignore[operator]


def test_the_text_of_an_answer_is_the_upstreams_own() -> None:
    """Spaces, escapes and digits as they came; what is structured keeps whole numbers of any length too."""
    body = b'{ "n": 123456789012345678901234567890, "s": "\\u00e9", "x": 1.50 }'
    with stand_in(body=body) as up, serving.gateway(upstream=up.url) as running:
        result = call(running)
    assert texts(result) == [body.decode()]
    assert result["structuredContent"] == {"n": 123456789012345678901234567890, "s": "é", "x": 1.5}


@pytest.mark.parametrize("status", [200, 204])
def test_an_empty_answer_is_a_success_that_says_so(status: int) -> None:
    """There is nothing to structure."""
    with stand_in(status=status, body=b"", headers={}) as up, serving.gateway(upstream=up.url) as running:
        result = call(running)
    assert not result.get("isError")
    assert texts(result) == [f"The upstream answered {status} with no content."]
    assert "structuredContent" not in result


def test_null_is_a_value_where_any_value_is_taken(tmp_path: Path) -> None:
    """It reaches the upstream as it does over REST; elsewhere it is an absent argument."""
    inputs = "[{name: odd, in: query, type: mystery}, {name: plain, in: query}]"
    with stand_in() as up, serving.gateway(plans=(small_plan(tmp_path, inputs),), upstream=up.url) as running:
        post(running.mcp_url, "tools/call", name="tides", arguments={"odd": None, "plain": None})
        httpx2.get(f"{running.rest_url}/v1/tides?odd=null")
    assert [line for line, _ in up.asked] == ["GET /tides?odd=null"] * 2


def test_null_is_not_repeated_in_the_call_of_the_next_page() -> None:
    """The announced call says what was said, no more."""
    with stand_in(body=b'{"links": {"next": "/e?continueToken=5"}}') as up, serving.gateway(upstream=up.url) as running:
        result = call(running, eventType=None, pageSize=2)
    announced = result["_meta"]["fairlead/nextPage"]["arguments"]  # type: ignore[index]
    assert announced == {"organizationId": running.organization_id, "pageSize": 2, "continueToken": "5"}


@pytest.mark.parametrize("where", ["query", "body"])
@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_infinity_inside_an_object_is_refused_and_not_sent_as_null(tmp_path: Path, where: str, number: float) -> None:
    """JSON has no word for it."""
    plan = small_plan(tmp_path, f"[{{name: thing, in: {where}, type: object}}]", method="POST")
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        result = post(running.mcp_url, "tools/call", name="tides", arguments={"thing": {"n": [number]}})["result"]
    assert "`thing` holds what JSON cannot carry" in texts(result)[0]  # type: ignore[arg-type]
    assert not up.asked


@pytest.mark.parametrize("where", ["query", "body"])
def test_long_whole_numbers_inside_an_object_are_sent_exactly(tmp_path: Path, where: str) -> None:
    """Beyond 64 bits too."""
    plan = small_plan(tmp_path, f"[{{name: thing, in: {where}, type: object}}]", method="POST")
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        post(running.mcp_url, "tools/call", name="tides", arguments={"thing": {"n": 10**30}})
    assert f"{10**30}" in up.asked[0][0] + up.bodies[0].decode()


def test_a_crowd_of_unknown_arguments_is_answered_at_once(gateway: Gateway) -> None:
    """Only the first are looked at closely and told."""
    result = call(gateway, **{f"x{n}": 1 for n in range(100_000)})
    assert len(texts(result)[0]) < 10_000
    assert "and 99,980 more" in texts(result)[0]


def test_no_sentence_has_two_ends(gateway: Gateway) -> None:
    """A question is not followed by a full stop."""
    assert "?." not in texts(call(gateway, pagesize=5))[0]


@pytest.mark.parametrize("reason", ["Bad event_type", "event-type is wrong", "eventType: no", "the event type"])
def test_a_refusal_names_the_argument_its_reason_is_about(reason: str) -> None:
    """However the upstream spells it; the known values are there to choose from."""
    body = json.dumps({"detail": reason}).encode()
    with stand_in(status=400, body=body) as up, serving.gateway(upstream=up.url) as running:
        said = texts(call(running, eventType="X", origin="API"))[0]
    assert "It concerns `eventType`; known values are CREATE, UPDATE," in said
    assert "`origin`" not in said


def test_instructions_end_with_a_whole_word(tmp_path: Path) -> None:
    """Long ones are cut, and show it."""
    plan = replace(small_plan(tmp_path, "[]"), instructions="seaworthy " * 300)
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        found = post(running.mcp_url, "server/discover")["result"]
    assert found["instructions"].endswith("seaworthy …")  # type: ignore[index]


@pytest.mark.parametrize("arguments", [{"pageSize": 3}, {"pageSize": "x"}, {"pageSize": 1, "toTimestamp": 10**30}])
def test_the_fast_answer_to_a_call_is_the_sdks(gateway: Gateway, arguments: dict[str, object]) -> None:
    """A plain call is answered without the SDK, in the same words; an unusual Accept brings the SDK's own answer."""
    given = {"organizationId": gateway.organization_id} | arguments
    fast, own = (
        post(gateway.mcp_url, "tools/call", accept, name=EVENTS, arguments=given)["result"]
        for accept in (ACCEPT, ACCEPT.replace("json", "json;q=1"))
    )
    assert fast == own
