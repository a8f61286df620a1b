"""What a whole gateway tells of its requests: metrics, records and spans, for REST and MCP alike."""

from __future__ import annotations

import re

import httpx2
import pytest

import serving
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID
from fairlead.settings import Secret
from server_process import server_process
from stand_in import stand_in
from test_mcp import ACCEPT, EVENTS, META, call, post

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


def numbers(running: serving.Gateway, family: str) -> dict[str, float]:
    """The samples of a family, by their labels."""
    text = httpx2.get(f"{running.rest_url}/metrics").text
    return {labels: float(value) for labels, value in re.findall(rf"^{family}{{(.*)}} (\S+)$", text, re.MULTILINE)}


def test_calls_are_counted_by_operation_adapter_and_outcome() -> None:
    """Both adapters count the same operation; labels are names of the document and fixed words."""
    with serving.gateway() as running:
        httpx2.get(running.route())
        httpx2.get(running.route(), params={"pageSize": "x"})
        call(running, EVENTS)
        call(running, EVENTS, pageSize="x")
        counted = numbers(running, "fairlead_requests_total")
        answered = numbers(running, "fairlead_upstream_answers_total")
    operation = 'operation="getorganizationevents"'
    assert {labels for labels in counted if operation in labels} == {
        f'adapter="rest",{operation},outcome="200"',
        f'adapter="rest",{operation},outcome="400"',
        f'adapter="mcp",{operation},outcome="ok"',
        f'adapter="mcp",{operation},outcome="error"',
    }
    assert set(counted.values()) == {1.0}
    assert sum(answered.values()) == 2


def test_metrics_are_for_callers() -> None:
    """Who may not call an operation may not see how often others do."""
    chosen = serving.settings_for_tests(api_token=Secret("open-sesame"))
    with serving.gateway(settings=chosen) as running:
        assert httpx2.get(f"{running.rest_url}/metrics").status_code == 401
        told = httpx2.get(f"{running.rest_url}/metrics", headers={"authorization": "Bearer open-sesame"})
        assert told.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(("sent", "kept"), [("abc-1", True), ("a b", False), ("x" * 65, False)])
def test_a_request_keeps_its_id_or_gets_one(gateway: serving.Gateway, sent: str, kept: bool) -> None:
    """The id a caller gives comes back when it can stand in a record; every answer has one."""
    for path in (gateway.route(), f"{gateway.route()}?pageSize=x"):
        answered = httpx2.get(path, headers={"x-request-id": sent}).headers["x-request-id"]
        assert (answered == sent) is kept
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,64}", answered)


def test_a_call_leaves_a_record_when_that_is_asked_for() -> None:
    """Who called which operation, how it ended, how long it took, and the ids that find it elsewhere."""
    asked = {"FAIRLEAD_ACCESS_LOG": "1", "FAIRLEAD_API_TOKEN": "open-sesame"}
    headers = {"authorization": "Bearer open-sesame", "traceparent": PARENT, "x-request-id": "abc-1"}
    with server_process("--sandbox", "--sandbox-port", "0", env=asked) as running:
        httpx2.get(f"{running.rest_url}/v1/organization/{DEMO_ORGANIZATION_ID}/targets", headers=headers)
        told = running.record("call")
    milliseconds = told.pop("milliseconds")
    assert milliseconds > 0
    assert told.pop("timestamp")
    assert told == {
        "level": "info",
        "event": "call",
        "adapter": "rest",
        "operation": "getorganizationeventtargets",
        "outcome": "200",
        "request_id": "abc-1",
        "trace_id": TRACE,
        "caller": "api-token",
    }


@pytest.mark.parametrize("accept", [ACCEPT, ACCEPT.replace("json", "json;q=1")])
def test_a_failure_names_its_request(accept: str) -> None:
    """On MCP the trace that a call names in its `_meta` wins over the header's, with the SDK and without it."""
    other = "0af7651916cd43dd8448eb211c80319c"
    env = {"QOVERY_API_KEY": "qov_x"}
    with stand_in(status=500) as up, server_process("--upstream", up.url, env=env) as running:
        given = {"organizationId": DEMO_ORGANIZATION_ID}
        meta = META | {"traceparent": f"00-{other}-b7ad6b7169203331-01"}
        post(running.mcp_url, "tools/call", accept, name=EVENTS, arguments=given, _meta=meta)
        assert running.record("upstream failed")["trace_id"] == other
