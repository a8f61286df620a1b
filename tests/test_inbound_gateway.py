"""A server whose documents and settings say what callers have to show: over real sockets, on both ports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

import serving
from fairlead.errors import ConfigurationError
from fairlead.settings import Secret, Settings
from guarded_documents import BASIC, BEARER, HEADER_KEY, OAUTH, QUERY_KEY, guarded_plan
from issuer import NOW, Issuer, issuer
from policies import SECRET, TOKENS, bearer, password, settings_with
from serving import Gateway
from stand_in import stand_in
from test_security import both_ports, tools_list

LATER = 4 * NOW  # these servers have the real clock


def call(running: Gateway, *headers: tuple[bytes, bytes], query: str = "") -> httpx2.Response:
    """A call of the route."""
    sent = [(name.decode(), value.decode()) for name, value in headers]
    return httpx2.get(f"{running.rest_url}/v1/tides{query}", headers=sent)


def sent_upstream(up: Any) -> str:
    """Everything the upstream was asked so far."""
    return f"{up.asked}{up.bodies}"


@pytest.mark.parametrize(
    ("authentication", "headers", "query", "challenge"),
    [
        (BEARER, bearer(SECRET).headers, "", 'Bearer realm="fairlead"'),
        (BASIC, password(f"ada:{SECRET}").headers, "", 'Basic realm="fairlead", charset="UTF-8"'),
        (QUERY_KEY, [], f"&api_key={SECRET}", 'ApiKey realm="fairlead"'),
        (HEADER_KEY, [(b"x-depth", SECRET.encode())], "", 'ApiKey realm="fairlead"'),
    ],
)
def test_what_the_document_asks_for_opens_both_ports_and_goes_no_further(
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    authentication: str,
    headers: list[tuple[bytes, bytes]],
    query: str,
    challenge: str,
) -> None:
    """401 with a challenge without it; with it the call runs, and no one upstream, no log and no page sees it."""
    plan = guarded_plan(tmp_path, rest=authentication, mcp=authentication)
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url, settings=settings_with()) as running:
        refused = call(running)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, challenge)
        assert tools_list(running.mcp_url).status_code == 401
        assert up.asked == []
        assert call(running, *headers, query=f"?station=7{query}").status_code == 200
        named = {name.decode(): value.decode() for name, value in headers}
        assert tools_list(f"{running.mcp_url}?{query}", **named).status_code == 200
        assert "GET /tides?station=7'" in sent_upstream(up)
        pages = [httpx2.get(running.rest_url + path).text for path in ("/", "/docs", "/openapi.json", "/readyz")]
        described = httpx2.get(f"{running.rest_url}/openapi.json").json()
        assert described["paths"]["/v1/tides"]["get"]["security"] == [{"callers": []}]
        assert all("${TIDES_CALLERS}" in page for page in pages[:2])
        seen = "".join((*pages, *capfd.readouterr(), refused.text, sent_upstream(up)))
    assert SECRET not in seen


@pytest.fixture(name="guarding")
def _guarding(tmp_path: Path) -> Any:
    """An issuer, and a gateway whose both ports take its tokens."""
    plan = guarded_plan(tmp_path, rest=OAUTH, mcp=OAUTH)
    with issuer() as made, stand_in() as up:
        chosen = settings_with(secrets={"TIDES_ISSUER": Secret(made.url)})
        with serving.gateway(plans=(plan,), upstream=up.url, settings=chosen) as running:
            yield made, up, running


def statuses(running: Gateway, token: str) -> list[int]:
    """The statuses of a call with a token on each port."""
    headers = bearer(token).headers
    return [
        call(running, *headers).status_code,
        tools_list(running.mcp_url, authorization=f"Bearer {token}").status_code,
    ]


def test_access_tokens_open_both_ports_and_go_no_further(guarding: tuple[Issuer, Any, Gateway]) -> None:
    """For this server, in their time, with the scope; no token is passed through."""
    made, up, running = guarding
    good = made.token(exp=LATER)
    assert statuses(running, good) == [200, 200]
    assert good not in sent_upstream(up)
    assert statuses(running, made.token(exp=LATER, aud="https://other.example")) == [401, 401]
    assert statuses(running, made.token(exp=1)) == [401, 401]
    assert statuses(running, made.forged(alg="none")) == [401, 401]
    assert statuses(running, made.token(exp=LATER, scope="other")) == [403, 403]
    lacking = call(running, *bearer(made.token(exp=LATER, scope="other")).headers)
    assert 'error="insufficient_scope"' in lacking.headers["www-authenticate"]
    assert 'scope="tides:read"' in lacking.headers["www-authenticate"]


def test_clients_find_out_where_to_get_a_token(guarding: tuple[Issuer, Any, Gateway]) -> None:
    """On both ports, without a token, at the root and below it (RFC 9728); elsewhere there is nothing."""
    made, _, running = guarding
    mcp = running.mcp_url.removesuffix("/mcp")
    path = "/.well-known/oauth-protected-resource"
    for address in (running.rest_url + path, mcp + path, mcp + path + "/mcp"):
        answer = httpx2.get(address)
        assert answer.json()["authorization_servers"] == [made.url]
        assert httpx2.head(address).status_code == 200
    assert httpx2.get(mcp + path + "/other").status_code == 404
    assert httpx2.get(mcp + path, headers={"host": "evil.example"}).status_code == 403
    assert f"{path}/mcp" in tools_list(running.mcp_url).headers["www-authenticate"]


def test_an_issuer_that_is_down_is_told_apart_from_a_bad_token(guarding: tuple[Issuer, Any, Gateway]) -> None:
    """503 with the time to come back."""
    made, up, running = guarding
    made.down = True
    answer = call(running, *bearer(made.token(exp=LATER)).headers)
    assert answer.status_code == 503
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert up.asked == []


def test_named_tokens_of_a_file_open_both_ports(tmp_path: Path) -> None:
    """For documents that declare nothing."""
    file = tmp_path / "tokens"
    file.write_text("".join(f"{name} {token}\n" for name, token in TOKENS.items()))
    file.chmod(0o600)
    with serving.gateway(settings=serving.settings_for_tests(api_token_file=str(file))) as running:
        assert both_ports(running) == [401, 401]
        for token in TOKENS.values():
            assert both_ports(running, authorization=f"Bearer {token}") == [200, 200]


def test_a_caller_who_calls_too_often_waits_and_the_others_do_not(tmp_path: Path) -> None:
    """429 with Retry-After, counted over both ports."""
    file = tmp_path / "tokens"
    file.write_text("".join(f"{name} {token}\n" for name, token in TOKENS.items()))
    file.chmod(0o600)
    chosen = serving.settings_for_tests(api_token_file=str(file), call_rate=2.0)
    with serving.gateway(settings=chosen) as running:
        ada, bob = ({"authorization": f"Bearer {token}"} for token in TOKENS.values())
        assert both_ports(running, **ada) == [200, 200]
        refused = httpx2.get(running.route(), headers=ada)
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        assert tools_list(running.mcp_url, **ada).status_code == 429
        assert both_ports(running, **bob) == [200, 200]


def test_a_server_whose_callers_all_show_something_may_be_reached_from_the_network(tmp_path: Path) -> None:
    """Without a token of its own; one open adapter is enough to refuse."""
    half = guarded_plan(tmp_path, rest=BEARER)
    with pytest.raises(ConfigurationError, match="anyone on the network"):
        start(half, settings_with())
    whole = guarded_plan(tmp_path, rest=BEARER, mcp=BASIC)
    start(whole, settings_with())
    with pytest.raises(ConfigurationError, match="TIDES_CALLERS"):
        start(whole, Settings())


def start(plan: Any, chosen: Settings) -> None:
    """Start a server for every interface, and stop it."""
    with serving.gateway(plans=(plan,), upstream="http://127.0.0.1:1", settings=chosen, host="0.0.0.0"):
        pass
