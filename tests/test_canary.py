"""Secrets and what callers ask for, searched for in everything that a whole server leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from command import fairlead
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID
from server_process import server_process
from stand_in import stand_in

KEY, TOKEN, ARGUMENT = "qov_canary_5b2e81", "caller-canary-91d0c7", "argument-canary-c3f4"
ROUTE = f"/v1/organization/{DEMO_ORGANIZATION_ID}/events"
EVENTS = "get-all-events-inside-organization"
META = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
PAGES = ("/", "/docs", "/openapi.json", "/healthz", "/readyz", "/metrics", "/nowhere", "/v1/nowhere")
REVISIONS = ("2026-07-28", "2025-11-25")


def tool(url: str, revision: str, accept: str, headers: dict[str, str], **arguments: object) -> httpx2.Response:
    """A call of the events tool."""
    params = {"name": EVENTS, "arguments": {"organizationId": DEMO_ORGANIZATION_ID, **arguments}, "_meta": META}
    routed = {"mcp-protocol-version": revision, "mcp-method": "tools/call", "mcp-name": EVENTS}
    return httpx2.post(
        url,
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        headers={"accept": accept, "content-type": "application/json"} | routed | headers,
        timeout=20,
    )


def said(answer: httpx2.Response) -> str:
    """All of an answer."""
    return f"{answer.status_code} {answer.headers} {answer.text}"


def everything(rest: str, mcp: str) -> list[str]:
    """What a server answers to good and bad callers, on every page, on both ports, in both eras."""
    seen = []
    for headers in ({}, {"authorization": f"Bearer {TOKEN}"}, {"authorization": f"Bearer {TOKEN}x"}):
        seen += [said(httpx2.get(rest + page, headers=headers, timeout=20)) for page in PAGES]
        for query in ("", f"?triggeredBy={ARGUMENT}", f"?pageSize={ARGUMENT}", f"?{ARGUMENT}=1"):
            seen.append(said(httpx2.get(rest + ROUTE + query, headers=headers, timeout=20)))
        for revision in REVISIONS:
            for accept in ("application/json, text/event-stream", "application/json;q=1, text/event-stream"):
                seen.append(said(tool(mcp, revision, accept, headers, triggeredBy=ARGUMENT)))
                seen.append(said(tool(mcp, revision, accept, headers, pageSize=ARGUMENT)))
    return seen


@pytest.mark.parametrize("status", [200, 401, 503])
def test_no_secret_and_no_argument_is_left_anywhere(tmp_path: Path, status: int) -> None:
    """Answers, pages, metrics, records and spans of a server whose upstream repeats the key it was sent."""
    echo = json.dumps({"detail": f"the token {KEY} is unknown", "events": []}).encode()
    headers = {"content-type": "application/json", "etag": f'"{KEY}"', "x-ratelimit-remaining": KEY}
    callers = tmp_path / "callers"
    callers.write_text(f"ada {TOKEN}\n")
    callers.chmod(0o600)
    with stand_in(body=b"") as collector, stand_in(status=status, body=echo, headers=headers) as up:
        env = {
            "QOVERY_API_KEY": KEY,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "FAIRLEAD_DEBUG": "1",
            "FAIRLEAD_RETRIES": "0",
            "FAIRLEAD_BREAKER_FAILURES": "0",
        }
        flags = ("--upstream", up.url, "--api-token-file", str(callers), "--cache-ttl", "5")
        with server_process(*flags, env=env) as running:
            answers = everything(running.rest_url, running.mcp_url)
            metrics = httpx2.get(f"{running.rest_url}/metrics", headers={"authorization": f"Bearer {TOKEN}"}).text
            assert running.terminate() == 0
            assert running.process.stdout is not None
            assert running.process.stderr is not None
            records = running.process.stdout.read() + running.process.stderr.read()
        spans = b"".join(collector.bodies)
        assert KEY in str(up.asked)  # it did go where it belongs
        assert TOKEN not in str(up.asked)
    told = "".join(answers)
    assert f"triggeredBy={ARGUMENT}" in str(up.asked)
    assert "fairlead_" in metrics
    assert ExportTraceServiceRequest.FromString(collector.bodies[0]).resource_spans
    if status != 200:
        # A good answer is passed on as it is; what is said of a bad one is scrubbed.
        assert "upstream failed" in records
        assert "the token *** is unknown" in told
        assert KEY not in told
    assert TOKEN not in told + metrics + records
    assert KEY not in metrics + records
    assert ARGUMENT not in metrics + records
    for secret in (KEY, TOKEN, ARGUMENT):
        assert secret.encode() not in spans


def test_a_fault_of_our_own_leaves_no_secret_either(tmp_path: Path) -> None:
    """A traceback names lines and shows no values, with FAIRLEAD_DEBUG too."""
    document = tmp_path / "tides.yaml"
    document.write_text("capability: {}\n")
    env = {"QOVERY_API_KEY": KEY, "FAIRLEAD_API_TOKEN": TOKEN, "FAIRLEAD_DEBUG": "1", "PYTHONFAULTHANDLER": "1"}
    for arguments in (
        ("check", str(document)),
        ("serve", str(document), "--rest-port", "0", "--mcp-port", "0"),
        ("serve", "--upstream", f"http://me:{KEY}@127.0.0.1:1"),
        ("serve", "--api-token-file", str(tmp_path)),
        ("call", "getorganizationevents", "--offline", f"organizationId={DEMO_ORGANIZATION_ID}"),
        ("call", "getorganizationevents", "--upstream", "http://127.0.0.1:1", f"organizationId={DEMO_ORGANIZATION_ID}"),
    ):
        done = fairlead(*arguments, env=env, cwd=tmp_path)
        assert KEY not in done.out + done.err
        assert TOKEN not in done.out + done.err
