"""Routes, tokens, roles, limits and hostile requests."""

import http.client
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead.sandbox.options import (
    DEMO_JWT,
    DEMO_ORGANIZATION_ID,
    DEMO_OTHER_TOKEN,
    DEMO_POLICY_TOKEN,
    DEMO_TOKEN,
    DEMO_VIEWER_TOKEN,
    OTHER_ORGANIZATION_ID,
)

from .conftest import NOON, ROOT, Running, Start

NOBODY = "00000000-0000-4000-8000-000000000000"


def ask(sandbox: Running, authorization: str | None, path: str = f"{ROOT}/events") -> int:
    headers = {} if authorization is None else {"Authorization": authorization}
    request = sandbox.client.build_request("GET", path)
    request.headers.pop("Authorization", None)
    request.headers.update(headers)
    return sandbox.client.send(request).status_code


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (None, 401),
        ("", 401),
        (DEMO_TOKEN, 401),
        (f"Basic {DEMO_TOKEN}", 401),
        ("Token qov_unknown", 401),
        (f"Token {DEMO_TOKEN}", 200),
        (f"Bearer {DEMO_TOKEN}", 401),
        (f"Bearer {DEMO_JWT}", 200),
        (f"Token {DEMO_JWT}", 401),
        (f"Token {DEMO_POLICY_TOKEN}", 200),
        (f"Token {DEMO_VIEWER_TOKEN}", 403),
        (f"Token {DEMO_OTHER_TOKEN}", 403),
    ],
)
def test_scheme_and_token_decide_who_may_read_events(sandbox: Running, authorization: str | None, status: int) -> None:
    """Token is for API and policy tokens, Bearer for JWTs only; roles and organizations come after."""
    assert ask(sandbox, authorization) == status


def test_schemes_are_interchangeable_when_relaxed(start: Start) -> None:
    """A flag forgives the mistake Qovery's own docs make."""
    relaxed = start(events=1, relaxed_schemes=True)
    assert ask(relaxed, f"Bearer {DEMO_TOKEN}") == ask(relaxed, f"Token {DEMO_JWT}") == 200


def test_policy_token_reads_three_paths_and_is_refused_the_rest_without_a_word(sandbox: Running) -> None:
    """A policy denial is a 401 that does not explain itself."""
    policy = f"Token {DEMO_POLICY_TOKEN}"
    assert [ask(sandbox, policy, f"{ROOT}{end}") for end in ("", "/events", "/targets")] == [200] * 3
    refused = sandbox.client.get("/organization", headers={"Authorization": policy})
    assert (refused.status_code, refused.content) == (401, b"{}")


def test_viewer_reads_the_organization_but_not_its_events(sandbox: Running) -> None:
    """Only owners and admins see audit logs."""
    viewer = f"Token {DEMO_VIEWER_TOKEN}"
    assert [ask(sandbox, viewer, f"{ROOT}{end}") for end in ("", "/events", "/targets")] == [200, 403, 403]


def test_other_organization_reads_its_own_empty_history(sandbox: Running) -> None:
    """The other token is good, just not here."""
    theirs = f"/organization/{OTHER_ORGANIZATION_ID}/events"
    answer = sandbox.client.get(theirs, headers={"Authorization": f"Token {DEMO_OTHER_TOKEN}"})
    assert answer.json() == {"links": {}, "organization_max_limit_reached": False, "events": []}
    assert sandbox.client.get(theirs).status_code == 403


@pytest.mark.parametrize("status", [404, 403, 400])
def test_unknown_organization_is_refused_as_told(start: Start, status: int) -> None:
    """Qovery's habit is 403 or 400 where its specification says 404."""
    answer = start(events=1, unknown_organization=status).client.get(f"/organization/{NOBODY}/events")
    assert answer.status_code == status
    body = answer.json()
    assert list(body) == ["status", "error", "message", "detail"]
    assert body["status"] == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/organization", 200),
        ("GET", ROOT, 200),
        ("GET", f"/organization/{DEMO_ORGANIZATION_ID.upper()}/events", 200),
        ("GET", f"/Organization/{DEMO_ORGANIZATION_ID}/events", 404),
        ("GET", f"{ROOT}/Events", 404),
        ("GET", f"{ROOT}/events/", 404),
        ("GET", f"{ROOT}/", 404),
        ("GET", "/organization/", 404),
        ("GET", f"/organization%2F{DEMO_ORGANIZATION_ID}/events", 404),
        ("GET", "/", 404),
        ("GET", "/v1/organization", 404),
        ("GET", "/organization/demo/events", 400),
        ("POST", f"{ROOT}/events", 405),
        ("DELETE", "/organization", 405),
        ("POST", "/nowhere", 404),
    ],
)
def test_routes_are_exact_and_only_get(sandbox: Running, method: str, path: str, status: int) -> None:
    """Literal segments are case-sensitive, the organization id is not."""
    answer = sandbox.client.request(method, path)
    assert answer.status_code == status
    if status == 405:
        assert answer.headers["allow"] == "GET"


def test_organization_tells_plan_and_retention(start: Start) -> None:
    """A client reads the retention at run time."""
    small = start(events=1, retention_days=7)
    plan = {"plan": "TEAM_2025", "audit_logs_retention_in_days": 7}
    assert small.get().json()["organization_plan"] == plan
    assert small.client.get("/organization").json()["results"] == [small.get().json()]


def test_limit_counts_down_per_token_and_renews_with_the_hour(start: Start) -> None:
    """A fixed hour window per token; Reset is a Unix timestamp."""
    limited = start(events=1, rate_limit=2)
    limited.clock.now = NOON + 100
    answers = [limited.get("/events") for _ in range(3)]
    assert [a.status_code for a in answers] == [200, 200, 429]
    assert [a.headers["x-ratelimit-remaining"] for a in answers] == ["1", "0", "0"]
    assert {a.headers["x-ratelimit-limit"] for a in answers} == {"2"}
    assert {a.headers["x-ratelimit-reset"] for a in answers} == {str(int(NOON) + 3600)}
    assert "retry-after" not in answers[2].headers
    assert ask(limited, f"Token {DEMO_POLICY_TOKEN}") == 200
    limited.clock.now = NOON + 3600
    assert limited.get("/events").status_code == 200


def test_limit_is_a_thousand_by_default_and_headers_go_with_errors(start: Start) -> None:
    """Every response carries the three headers, a 401 and a 404 included."""
    faithful = start(events=1, rate_limit=1000)
    assert faithful.get("/events", pageSize=0).headers["x-ratelimit-remaining"] == "999"
    for path in ("/nowhere", f"/organization/{NOBODY}/events"):
        headers = faithful.client.get(path).headers
        assert headers["x-ratelimit-limit"] == "1000"
        assert {"x-ratelimit-remaining", "x-ratelimit-reset"} <= headers.keys()


def test_refusal_over_the_limit_takes_the_shape_it_is_told(start: Start) -> None:
    """Retry-After, an HTML body and missing headers are all things a client may meet."""
    rude = start(events=1, rate_limit=1, retry_after=True, html_429=True, rate_headers=False)
    rude.get("/events")
    answer = rude.get("/events")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3600")
    assert answer.headers["content-type"] == "text/html"
    assert not any(name.startswith("x-ratelimit") for name in answer.headers)


def test_unlimited_sandbox_still_sends_the_headers(sandbox: Running) -> None:
    """rate_limit=0 never refuses and shows the upstream's limit untouched."""
    headers = sandbox.get("/events").headers
    assert headers["x-ratelimit-limit"] == headers["x-ratelimit-remaining"] == "1000"


def raw(sandbox: Running, target: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
    connection.putrequest("GET", target, skip_host=False)
    connection.putheader("Authorization", f"Token {DEMO_TOKEN}")
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    "target",
    [
        f"{ROOT}/events?triggeredBy=%",
        f"{ROOT}/events?triggeredBy=%zz",
        f"{ROOT}/events?triggeredBy=%ff",
        f"{ROOT}/events?triggeredBy=a%00b",
        f"{ROOT}/events?%c3=1",
        f"{ROOT}/events?triggeredBy={'x' * 9000}",
        f"{ROOT}/events?{'a=1&' * 200}",
        f"{ROOT}%00/events",
        f"{ROOT}/events%ff",
        f"{ROOT}%/events",
        "/organization/..%2f..%2fetc/events",
    ],
)
def test_malformed_requests_are_refused(sandbox: Running, target: str) -> None:
    """Bad escapes, invalid UTF-8, NUL and oversized queries never reach a traceback."""
    assert raw(sandbox, target) in (400, 404)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["pageSize", "fromTimestamp", "continueToken", "targetId", "eventType", "x", "%"]),
    value=st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), max_size=30),
)
def test_no_query_breaks_the_sandbox(sandbox: Running, name: str, value: str) -> None:
    """Whatever is asked, the answer is 200 or 400."""
    assert raw(sandbox, f"{ROOT}/events?{name}={value}") in (200, 400)


def test_two_authorization_headers_are_no_authorization(sandbox: Running) -> None:
    """Which of two credentials counts is never guessed."""
    headers: Any = [("Authorization", f"Token {DEMO_TOKEN}"), ("Authorization", f"Token {DEMO_TOKEN}")]
    request = sandbox.client.build_request("GET", f"{ROOT}/events", headers=headers)
    assert sandbox.client.send(request).status_code == 401
