"""What a stranger, a hostile page or a hostile upstream can do: nothing."""

from __future__ import annotations

import base64
import re
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote, quote_plus, urlsplit

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import serving
from command import environment, fairlead
from fairlead.plan.addresses import is_loopback
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID
from fairlead.settings import Secret, read_settings
from fairlead.upstream.auth import api_key, basic, bearer
from serving import Gateway
from stand_in import StandIn, stand_in

CANARY = "qov_canary_7d1f0e9a"
MODERN = {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2026-07-28",
}


def tools_list(url: str, **headers: str) -> httpx2.Response:
    """A tools/list request of the 2026-07-28 revision."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    return httpx2.post(url, json=body, headers=MODERN | {"mcp-method": "tools/list"} | headers)


def tools_call(running: Gateway) -> str:
    """What a call of the events tool answers, whole."""
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    name, arguments = "get-all-events-inside-organization", {"organizationId": running.organization_id}
    params = {"name": name, "arguments": arguments, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    return httpx2.post(running.mcp_url, json=body, headers=MODERN | {"mcp-method": "tools/call", "mcp-name": name}).text


def both_ports(running: Gateway, **headers: str) -> list[int]:
    """The statuses of one request on each port."""
    return [
        httpx2.get(running.route(), headers=headers).status_code,
        tools_list(running.mcp_url, **headers).status_code,
    ]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "[::2]", ""])
def test_a_rebound_host_is_refused_on_both_ports(gateway: Gateway, host: str) -> None:
    """A page that resolves its own name to this machine gets nothing."""
    assert both_ports(gateway, host=host) == [403, 403]
    page = httpx2.get(f"{gateway.rest_url}/", headers={"host": host})
    assert page.status_code == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "file://", "http://127.0.0.1.evil.example", "x"])
def test_a_foreign_origin_is_refused_on_both_ports(gateway: Gateway, origin: str) -> None:
    """Browsers send Origin; only pages of this machine may call."""
    assert both_ports(gateway, origin=origin) == [403, 403]


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:8080", "http://[::1]:1"])
def test_a_page_of_this_machine_may_call(gateway: Gateway, origin: str) -> None:
    """The MCP inspector and the try-it form live there."""
    assert both_ports(gateway, origin=origin) == [200, 200]


def test_nobody_but_this_machine_is_answered_by_default(gateway: Gateway) -> None:
    """The sockets are bound to loopback."""
    for url in (gateway.rest_url, gateway.mcp_url, gateway.sandbox_url):
        assert urlsplit(url).hostname == "127.0.0.1"
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with probe:
        probe.connect(("192.0.2.1", 9))  # chooses the outward interface; sends nothing
        outward = probe.getsockname()[0]
    with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
        socket.create_connection((outward, urlsplit(gateway.rest_url).port), timeout=5)


def test_with_a_token_set_callers_need_it_on_both_ports() -> None:
    """Operations and tools ask for it; the page, its description and the health do not."""
    chosen = serving.settings_for_tests(api_token=Secret("open-sesame"))
    with serving.gateway(settings=chosen) as running:
        assert both_ports(running) == [401, 401]
        assert both_ports(running, authorization="Bearer wrong") == [401, 401]
        assert both_ports(running, authorization="Basic open-sesame") == [401, 401]
        assert both_ports(running, authorization="Bearer open-sesame") == [200, 200]
        refused = httpx2.get(running.route())
        assert refused.headers["www-authenticate"] == 'Bearer realm="fairlead"'
        for path in ("/", "/docs", "/openapi.json", "/healthz", "/readyz"):
            assert httpx2.get(running.rest_url + path).status_code == 200


def test_there_is_no_session_that_could_be_anothers() -> None:
    """No answer names one, and one that a caller names means nothing: every request shows its own credential."""
    greeting = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": greeting}
    older = MODERN | {"mcp-protocol-version": "2025-11-25", "authorization": "Bearer open-sesame"}
    chosen = serving.settings_for_tests(api_token=Secret("open-sesame"))
    with serving.gateway(settings=chosen) as running:
        greeted = httpx2.post(running.mcp_url, json=body, headers=older)
        assert greeted.status_code == 200
        assert "mcp-session-id" not in greeted.headers
        named = {"mcp-session-id": "0" * 32}
        assert tools_list(running.mcp_url, **named).status_code == 401
        assert tools_list(running.mcp_url, authorization="Bearer open-sesame", **named).status_code == 200


def test_a_pinned_organization_is_the_only_one_for_tools_too() -> None:
    """Whatever a model writes, the upstream is asked for the pinned one or not at all."""
    own, other = DEMO_ORGANIZATION_ID, DEMO_ORGANIZATION_ID.replace("5", "6")
    with stand_in() as up, serving.gateway(upstream=up.url, pins=(f"organizationId={own}",)) as running:
        assert "organizationId" not in tools_list(running.mcp_url).text
        for given in (own, other):
            refused = tools_call(Gateway(running.rest_url, running.mcp_url, None, given))
            assert "`organizationId` is not a parameter" in refused
        assert httpx2.get(f"{running.rest_url}/v1/organization/{other}/events").status_code == 404
        assert up.asked == []
        assert httpx2.get(running.route()).status_code == 200
        assert [line.partition("?")[0] for line, _ in up.asked] == [f"GET /organization/{own}/events"]


def test_a_callers_credentials_never_travel_upstream() -> None:
    """No token passthrough: neither the inbound token nor cookies reach the upstream."""
    chosen = serving.settings_for_tests(api_token=Secret("open-sesame"))
    headers = {"authorization": "Bearer open-sesame", "cookie": "session=1", "x-forwarded-for": "1.2.3.4"}
    with stand_in() as up, serving.gateway(upstream=up.url, settings=chosen) as running:
        assert httpx2.get(running.route(), headers=headers).status_code == 200
        sent = up.asked[0][1]
    assert sent["authorization"].startswith("Token qov_")
    assert "open-sesame" not in str(sent)
    assert {"cookie", "x-forwarded-for", "referer"}.isdisjoint(sent)


@pytest.fixture(scope="module")
def echoing() -> object:
    """A gateway whose upstream only records."""
    with stand_in() as up, serving.gateway(upstream=up.url) as running:
        yield up, running


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_path_argument_cannot_leave_its_segment(echoing: tuple[StandIn, Gateway], value: str) -> None:
    """Whatever the caller writes, the upstream sees one segment under `/organization/`, or nothing at all."""
    up, running = echoing
    before = len(up.asked)
    address = urlsplit(running.rest_url)
    target = f"/v1/organization/{quote(value, safe='')}/targets"
    connection = socket.create_connection((address.hostname, address.port), timeout=10)
    with connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        status = int(connection.makefile("rb").readline().split()[1])
    for line, _ in up.asked[before:]:
        assert re.fullmatch(r"GET /organization/[^/?#]+/targets", line)
    assert status in {200, 400}


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_malformed_requests_are_refused_and_harm_nobody(gateway: Gateway, request_bytes: bytes) -> None:
    """A clear status or a closed connection, and the next caller is served."""
    for url in (gateway.rest_url, gateway.mcp_url):
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(request_bytes)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.makefile("rb").read()
        assert not answer or re.match(rb"HTTP/1\.1 4\d\d ", answer), answer[:200]
    assert httpx2.get(f"{gateway.rest_url}/healthz").status_code == 200


def test_a_body_that_is_too_large_is_refused_on_both_ports() -> None:
    """413, without reading it all."""
    chosen = serving.settings_for_tests(max_request_bytes=10_000)
    with serving.gateway(settings=chosen) as running:
        big = b"x" * 20_000
        assert httpx2.post(running.route(), content=big).status_code == 413
        assert httpx2.post(running.mcp_url, content=big, headers=MODERN).status_code == 413


def test_the_credential_is_nowhere_to_be_found(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A canary key, failures of every kind, and a search through everything that was printed, logged or answered."""
    seen: list[str] = []
    env = {"QOVERY_API_KEY": CANARY}
    call = ("call", "getorganizationevents", f"organizationId={DEMO_ORGANIZATION_ID}")
    echo = f'{{"detail": "token {CANARY} is unknown"}}'.encode()
    with stand_in(status=401, body=echo) as up, stand_in(body=b"<html>") as html:
        for arguments in (
            (*call, "--offline"),
            (*call, "--upstream", up.url),
            (*call, "--upstream", html.url),
            (*call, "--upstream", "http://127.0.0.1:1"),
            (*call, "--upstream", f"http://x:{CANARY}@127.0.0.1:1"),
            ("explain",),
            ("openapi",),
            ("check",),
        ):
            done = fairlead(*arguments, env=env, cwd=tmp_path)
            seen += [done.out, done.err]
        chosen = read_settings(environment(env))
        seen += [repr(chosen), str(chosen), repr(chosen.secrets)]
        for address in (up.url, html.url):
            with serving.gateway(upstream=address, settings=chosen) as running:
                seen += [
                    httpx2.get(running.rest_url + path).text for path in ("/", "/docs", "/openapi.json", "/readyz")
                ]
                answer = httpx2.get(running.route())
                seen += [answer.text, str(answer.headers), tools_call(running), tools_list(running.mcp_url).text]
        assert CANARY in str(up.asked)  # it did go where it belongs
    logged = "".join(capfd.readouterr())
    assert "upstream failed" in logged  # the records of these failures are among what is searched
    seen.append(logged)
    assert "".join(seen).count("token *** is unknown") >= 3  # the command line, REST and MCP
    assert not [text for text in seen if CANARY in text]


def test_a_credential_never_shows_itself() -> None:
    """Neither `repr` nor `str` of anything that holds a secret has it."""
    for credential in (
        bearer(Secret(CANARY)),
        api_key("x-key", Secret(CANARY), "header"),
        api_key("key", Secret(CANARY), "query"),
        basic(Secret("me"), Secret(CANARY)),
    ):
        assert CANARY not in repr(credential) + str(credential) + str(credential.masked_headers())
        assert credential.scrub(f"x{CANARY}y") == "x***y"


SECRET = "s3cret/with+signs=and more"


@pytest.mark.parametrize(
    "spelling",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
    ],
)
def test_a_credential_is_recognized_in_every_spelling(spelling: str) -> None:
    """Upstreams repeat addresses and headers as they read them."""
    assert spelling not in api_key("key", Secret(SECRET), "query").scrub(f"no {spelling} here")


@pytest.mark.parametrize("form", ['{{"detail": "{}"}}', "{}"])
def test_no_part_of_a_credential_shows_at_the_end_of_a_long_reason(form: str) -> None:
    """The reason is scrubbed before it is cut."""
    chosen = serving.settings_for_tests(secrets={"QOVERY_API_KEY": Secret(CANARY)})
    for length in (290, 1_990):
        body = form.format("a" * length + CANARY).encode()
        with stand_in(status=400, body=body) as up, serving.gateway(upstream=up.url, settings=chosen) as running:
            assert CANARY[:5] not in httpx2.get(running.route()).text


def test_a_credential_in_a_header_that_is_passed_on_is_masked() -> None:
    """Whatever the upstream puts there."""
    chosen = serving.settings_for_tests(secrets={"QOVERY_API_KEY": Secret(CANARY)})
    headers = {"etag": f'"{CANARY}"', "x-ratelimit-token": CANARY, "content-type": f"application/json; key={CANARY}"}
    with stand_in(headers=headers) as up, serving.gateway(upstream=up.url, settings=chosen) as running:
        answer = httpx2.get(running.route())
    assert answer.status_code == 200
    assert CANARY not in str(answer.headers)
    assert answer.headers["etag"] == '"***"'


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("LOCALHOST", True),
        ("127.example.com", False), ("0.0.0.0", False), ("::", False), ("192.0.2.1", False), ("", False),
    ],
)  # fmt: skip
def test_only_addresses_of_this_machine_are_loopback(host: str, loopback: bool) -> None:
    """A name that begins like one is a place on the network."""
    assert is_loopback(host) is loopback


def test_a_log_that_cannot_be_written_costs_nobody_the_answer() -> None:
    """The terminal behind standard error may be gone."""
    code = (
        "import os, sys\n"
        "from fairlead.telemetry.records import configure_logging, record\n"
        "configure_logging(colours=False)\n"
        "read, write = os.pipe(); os.close(read); os.dup2(write, 2)\n"
        "record('upstream failed', kind='x')\n"
        "sys.stderr.close()\n"
        "record('upstream failed', kind='x')\n"
        "print('answered')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "answered\n"


@pytest.mark.parametrize("key", ["qov_a\nb", "qov_a\r\nX-Evil: 1", "qov_\u00e9", " "])
def test_a_key_that_cannot_be_sent_is_refused_at_the_start(key: str) -> None:
    """A line break in a key would be a header of its own; an empty key is no key."""
    done = fairlead("serve", "--rest-port", "0", "--mcp-port", "0", env={"QOVERY_API_KEY": key})
    assert done.code == 4
    assert "Traceback" not in done.err
    assert "Evil" not in done.err


def test_the_command_imports_no_server_to_check_a_document() -> None:
    """Start-up stays fast, and checking a document opens nothing."""
    code = (
        "import sys; sys.argv = ['fairlead', 'check']\n"
        "from fairlead.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'mcp', 'uvicorn', 'ry', 'jsonschema_rs', 'jinja2', 'structlog', 'sqlite3'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
