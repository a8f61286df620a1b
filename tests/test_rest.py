"""The REST adapter, over real sockets."""

from __future__ import annotations

import http.client
import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx2
import pytest
from structlog.testing import capture_logs

import serving
from fairlead.expose.links import example_call
from fairlead.expose.openapi import description_bytes, openapi_document
from fairlead.sandbox.options import SandboxOptions
from serving import NOW, Gateway
from small_documents import PAGED, small_plan
from stand_in import stand_in


def raw(gateway: Gateway, method: str, target: str, headers: dict[str, str] | None = None) -> http.client.HTTPResponse:
    """A request whose target is sent as it is written, which HTTP libraries would tidy up."""
    connection = http.client.HTTPConnection(urlsplit(gateway.rest_url).netloc, timeout=10)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        response.body = response.read()  # type: ignore[attr-defined]
        return response
    finally:
        connection.close()


@dataclass(slots=True)
class Walk:
    """What a walk along the gateway's own `Link` headers met: pages of (timestamp, id), and the last notice."""

    pages: list[list[tuple[str, str]]] = field(default_factory=list)
    notice: str = ""

    @property
    def seen(self) -> list[tuple[str, str]]:
        return [event for page in self.pages for event in page]


def walk(boundary: str) -> Walk:
    """Page through the 10,000 events of the default organization to the end."""
    options = SandboxOptions(now=NOW, rate_limit=0, boundary=boundary)  # type: ignore[arg-type]
    made = Walk()
    with serving.gateway(sandbox=options) as running, httpx2.Client() as client:
        url: str | None = running.route() + "?pageSize=100"
        while url:
            answer = client.get(url)
            assert answer.status_code == 200, answer.text
            made.pages.append([(event["timestamp"], event["id"]) for event in answer.json()["events"]])
            made.notice = answer.headers.get("fairlead-notice", "")
            link = answer.links.get("next")
            url = urljoin(url, link["url"]) if link else None
    return made


@pytest.fixture(scope="module")
def everything() -> Walk:
    """The walk in exact mode, where a token names one event."""
    return walk("exact")


def test_an_answer_is_the_upstreams_bytes(gateway: Gateway) -> None:
    """The identity mapping passes the body through untouched."""
    query = "?pageSize=5&eventType=DELETE"
    ours = httpx2.get(gateway.route() + query)
    theirs = httpx2.get(
        f"{gateway.sandbox_url}/organization/{gateway.organization_id}/events{query}",
        headers={"Authorization": f"Token {gateway.sandbox_token}"},
    )
    assert ours.status_code == theirs.status_code == 200
    assert ours.content == theirs.content
    assert len(ours.json()["events"]) == 5


def test_paging_to_the_end_visits_every_event_once(everything: Walk) -> None:
    """Nothing is lost and nothing repeated, ties included."""
    assert len(everything.seen) == len(set(everything.seen)) == 10_000
    assert everything.notice == ""


def test_exclusive_tokens_lose_only_ties_at_the_edge_of_a_page(everything: Walk) -> None:
    """As the facts say of that mode; nothing is repeated."""
    found = walk("exclusive")
    edges = {page[-1][0] for page in found.pages}
    lost = set(everything.seen) - set(found.seen)
    assert len(found.seen) == len(set(found.seen))
    assert lost
    assert {timestamp for timestamp, _ in lost} <= edges


def test_inclusive_tokens_repeat_only_ties_and_stop_aloud_at_one_longer_than_a_page(everything: Walk) -> None:
    """No token passes 140 events of one instant at 100 a page, so the walk ends with a notice and not in silence."""
    found = walk("inclusive")
    edges = {page[-1][0] for page in found.pages}
    repeated = {event for event, times in Counter(found.seen).items() if times > 1}
    assert repeated
    assert {timestamp for timestamp, _ in repeated} <= edges
    stuck = found.pages[-1][-1][0]
    assert len([event for event in everything.seen if event[0] == stuck]) > 100
    assert "leads back to this page" in found.notice
    assert {event for event in everything.seen if event[0] > stuck} <= set(found.seen)


def test_a_link_leads_to_the_next_page_and_back(gateway: Gateway) -> None:
    """`Link` is on our own URLs, keeps the caller's filters and carries the token only."""
    first = httpx2.get(gateway.route() + "?pageSize=7&origin=GIT")
    second = httpx2.get(urljoin(str(first.url), first.links["next"]["url"]))
    assert first.links["next"]["url"].startswith(
        f"/v1/organization/{gateway.organization_id}/events?pageSize=7&origin=GIT&continueToken="
    )
    assert "prev" not in first.links
    back = httpx2.get(urljoin(str(second.url), second.links["prev"]["url"]))
    assert back.json()["events"] == first.json()["events"]


def test_the_rate_limit_headers_are_passed_on(gateway: Gateway) -> None:
    """A caller sees what the upstream says of its budget."""
    headers = httpx2.get(gateway.route("targets")).headers
    assert {"x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"} <= set(headers)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("pagesize=5", ["`pagesize` is not a parameter", "did you mean `pageSize`"]),
        ("pageSize=five", ["`pageSize` must be a number, not `five`"]),
        ("pageSize=NaN", ["must be a number"]),
        ("pageSize=1e999", ["must be a number"]),
        ("pageSize=٥", ["must be a number"]),
        ("pageSize=", ["must be a number"]),
        ("pageSize=0", ["must be at least 1"]),
        ("pageSize=1&pageSize=2", ["is given 2 times"]),
        ("fromTimestamp=2026-01-01T00:00:00Z", ["`fromTimestamp` must match", "1767225600"]),
        ("targetId=nginx", ["must be a UUID"]),
        ("a=1&b=2&pageSize=x", ["`a`", "`b`", "`pageSize`"]),
        ("eventType=%ff", ["not UTF-8"]),
        ("&".join(f"x{n}=1" for n in range(2_000)), ["more than 1000 fields"]),
    ],
)
def test_a_bad_query_is_a_400_that_names_every_fault(gateway: Gateway, query: str, words: list[str]) -> None:
    """Nothing is sent upstream, and the problem says which argument and what to do."""
    answer = httpx2.get(f"{gateway.route()}?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    for word in words:
        assert word in answer.json()["detail"]


def test_each_fault_is_listed_for_programs(gateway: Gateway) -> None:
    """`errors` has one entry for each argument at fault."""
    answer = httpx2.get(f"{gateway.route()}?pageSize=x&evenType=DELETE&fromTimestamp=yesterday")
    assert [error["parameter"] for error in answer.json()["errors"]] == ["pageSize", "evenType", "fromTimestamp"]


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/v1/organization/x/event", 404),
        ("GET", "/v1/organization//events", 404),
        ("GET", "/V1/organization/x/events", 404),
        ("GET", "/v1/organization/x/events/", 404),
        ("GET", "/v1/organization/%2e%2e/events", 400),
        ("GET", "/v1/organization/../events", 400),
        ("GET", "/v1/organization/%ff/events", 400),
        ("GET", "/v1/organization/a%2Fb/events", 400),
        ("GET", "/" + "a" * 20_000, 404),
        ("POST", "/v1/organization/x/events", 405),
        ("DELETE", "/openapi.json", 405),
        ("PATCH", "/", 405),
    ],
)
def test_a_request_for_nothing_gets_a_clear_answer(gateway: Gateway, method: str, target: str, status: int) -> None:
    """No input is a 500 or a traceback."""
    answer = raw(gateway, method, target)
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 405:
        assert "GET" in answer.headers["allow"]


def test_a_misspelt_path_is_corrected(gateway: Gateway) -> None:
    """The 404 names the path that was meant."""
    answer = httpx2.get(gateway.route("event"))
    assert answer.json()["remedy"] == f"Did you mean `/v1/organization/{gateway.organization_id}/events`?"


def test_head_and_options_are_right(gateway: Gateway) -> None:
    """HEAD has the headers of GET and no body; OPTIONS lists the methods."""
    get, head = httpx2.get(gateway.route()), httpx2.head(gateway.route())
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == get.headers["content-length"]
    options = httpx2.options(gateway.route())
    assert (options.status_code, options.headers["allow"]) == (204, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429])
def test_what_the_upstream_refuses_keeps_its_status_and_its_reason(status: int) -> None:
    """401, 403, 404 and 429 mean to the caller what they mean upstream; the headers that help come along."""
    headers = {"content-type": "application/json", "retry-after": "7", "x-ratelimit-reset": "1795003200"}
    refusing = stand_in(status=status, body=b'{"detail": "not for you"}', headers=headers)
    with refusing as up, serving.gateway(upstream=up.url) as running:
        answer = httpx2.get(running.route())
    problem = answer.json()
    assert (answer.status_code, problem["status"]) == (status, status)
    assert problem["upstream"] == {"status": status, "detail": "not for you"}
    assert "not for you" in problem["detail"]
    assert problem["remedy"]
    assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("answer", "status", "slug"),
    [
        ({"status": 500, "body": b"<h1>oops</h1>"}, 502, "upstream-rejected"),
        ({"status": 503, "body": b""}, 502, "upstream-rejected"),
        ({"status": 302, "headers": {"location": "http://169.254.169.254/"}}, 502, "upstream-invalid"),
        ({"body": b"<html>", "headers": {"content-type": "text/html"}}, 502, "upstream-invalid"),
        ({"body": b'{"cut": '}, 502, "upstream-invalid"),
        ({"body": b"[" * 70_000 + b"]" * 70_000}, 502, "upstream-invalid"),
        ({"body": b"\x1f\x8b", "headers": {"content-encoding": "gzip"}}, 502, "upstream-invalid"),
        ({"body": b"{}", "break_off": True}, 502, "upstream-invalid"),
        ({"body": b'"' + b"x" * 200_000 + b'"'}, 502, "upstream-too-large"),
        ({"hang": True}, 504, "upstream-timeout"),
    ],
)
def test_an_upstream_at_fault_is_a_502_or_504(answer: dict[str, object], status: int, slug: str) -> None:
    """Each way an upstream fails has its own problem, and none of its markup or addresses is quoted."""
    with stand_in(**answer) as up:
        settings = serving.settings_for_tests(total_timeout=0.5, max_response_bytes=150_000)
        with serving.gateway(upstream=up.url, settings=settings) as running:
            got = httpx2.get(running.route())
    assert (got.status_code, got.json()["type"]) == (status, f"/docs#problem-{slug}")
    assert "<" not in got.text
    assert "169.254" not in got.text


def test_an_unreachable_upstream_is_a_502() -> None:
    """Nothing listens there."""
    with stand_in() as gone:
        url = gone.url
    with serving.gateway(upstream=url) as running:
        got = httpx2.get(running.route())
    assert (got.status_code, got.json()["title"]) == (502, "Upstream unreachable")


def test_absent_arguments_are_not_sent_and_given_ones_arrive_as_given() -> None:
    """No `k=` for what nobody said; spaces and reserved characters survive."""
    with stand_in() as up, serving.gateway(upstream=up.url) as running:
        httpx2.get(running.route() + "?triggeredBy=Qovery+(J%C3%BCrgen)%26x%3D1&pageSize=5.0")
        asked = up.asked[0][0]
    assert asked == (
        f"GET /organization/{running.organization_id}/events?pageSize=5&triggeredBy=Qovery%20%28J%C3%BCrgen%29%26x%3D1"
    )


def test_health_and_readiness_are_where_people_expect_them(gateway: Gateway) -> None:
    """For probes."""
    assert httpx2.get(f"{gateway.rest_url}/healthz").json() == {"status": "ok"}
    assert httpx2.get(f"{gateway.rest_url}/readyz").json()["status"] == "ready"


def test_a_pinned_organization_is_the_only_one(gateway: Gateway) -> None:
    """Its id is part of the route; another one is not found, and the description has no such parameter."""
    with serving.gateway(pins=(f"organizationId={gateway.organization_id}",)) as running:
        assert httpx2.get(running.route()).status_code == 200
        other = httpx2.get(running.route().replace(gateway.organization_id, "b7e20c44-19d8-4f0a-8a35-6cd1f0e2935b"))
        assert other.status_code == 404
        description = httpx2.get(f"{running.rest_url}/openapi.json").json()
    operation = description["paths"][f"/v1/organization/{gateway.organization_id}/events"]["get"]
    assert "organizationid" not in {parameter["name"].lower() for parameter in operation["parameters"]}


@pytest.mark.parametrize(
    ("token", "notice"),
    [
        ("5", "the next link of the upstream leads back to this page, so there may be more"),
        ("5" * 3_000, "the next link of the upstream has a token of 3,000 characters where 2,000 can be followed"),
    ],
)
def test_a_next_link_that_leads_nowhere_is_told_and_not_followed(token: str, notice: str) -> None:
    """A page that is not the last one must not look like it; its bytes stay as they are."""
    body = f'{{"events": [], "links": {{"next": "/e?continueToken={token}"}}}}'.encode()
    with stand_in(body=body) as up, serving.gateway(upstream=up.url) as running, capture_logs() as records:
        answer = httpx2.get(running.route() + "?continueToken=5")
    assert (answer.status_code, answer.content) == (200, body)
    assert [record["event"] for record in records] == ["page link dropped"]
    assert answer.headers["fairlead-notice"].startswith(notice)
    assert "link" not in answer.headers


def test_a_page_link_has_no_argument_that_belongs_in_a_header(tmp_path: Path) -> None:
    """Whoever follows the link sends their own headers; in the query the argument would be refused."""
    inputs = "[{name: after, in: query}, {name: size, in: query, type: integer}, {name: x-who, in: header}]"
    plan = small_plan(tmp_path, inputs, extensions=PAGED)
    with stand_in(body=b'{"next": "?after=2"}') as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        first = httpx2.get(f"{running.rest_url}/v1/tides?size=3", headers={"x-who": "me"})
        assert first.links["next"]["url"] == "/v1/tides?size=3&after=2"
        assert httpx2.get(urljoin(running.rest_url, first.links["next"]["url"])).status_code == 200


def test_a_header_beyond_ascii_costs_nobody_the_answer() -> None:
    """The upstream's other headers and its body arrive."""
    headers = {"x-city": "Orléans", "etag": '"1"', "content-type": "application/json"}
    with stand_in(headers=headers) as up, serving.gateway(upstream=up.url) as running:
        answer = httpx2.get(running.route())
    assert (answer.status_code, answer.headers["etag"], answer.content) == (200, '"1"', up.body)


def test_an_argument_of_a_template_that_is_absent_leaves_its_input_out(tmp_path: Path) -> None:
    """`x-{{term}}` without a term is not sent, rather than a fault of ours."""
    inputs = "[{name: term, in: query}, {name: range, in: query}]"
    plan = small_plan(tmp_path, inputs, with_="{term: rest.term, range: 'x-{{term}}'}")
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        for query in ("", "?term=5"):
            assert httpx2.get(f"{running.rest_url}/v1/tides{query}").status_code == 200
    assert [line for line, _ in up.asked] == ["GET /tides", "GET /tides?term=5&range=x-5"]


def test_an_upstreams_page_cannot_run_on_our_origin(gateway: Gateway) -> None:
    """Answers and problems alike are inert in a browser."""
    for answer in (httpx2.get(gateway.route()), httpx2.get(gateway.route() + "?no=1")):
        assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_failed_path_is_never_its_own_correction(gateway: Gateway) -> None:
    """An empty segment is answered with the placeholder that it should fill."""
    answer = httpx2.get(f"{gateway.rest_url}/v1/organization//events")
    assert answer.json()["remedy"] == "Did you mean `/v1/organization/{organizationid}/events`?"


def test_an_answer_that_claims_json_and_is_none_is_told_with_the_place() -> None:
    """Not "not JSON but application/json"."""
    with stand_in(body=b'{"a": 1,\n x}') as up, serving.gateway(upstream=up.url) as running:
        detail = httpx2.get(running.route()).json()["detail"]
    assert detail == "The upstream's answer is not valid JSON (line 2, column 2)."


def test_an_example_call_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    """Placeholders and quotes of the path stay inside the quotes; a size that nobody may give is left out."""
    inputs = "[{name: after, in: query}, {name: size, in: query, type: integer}]"
    plan = small_plan(tmp_path, inputs, path="/v1/it's here", extensions=PAGED)
    assert example_call(plan.routes[0], "http://localhost:1", {}) == "curl 'http://localhost:1/v1/it%27s%20here?size=5'"
    fixed = small_plan(tmp_path, inputs, extensions=PAGED, pins={"size": "3"})
    assert example_call(fixed.routes[0], "http://localhost:1", {}) == "curl 'http://localhost:1/v1/tides'"


def test_routes_that_differ_in_a_placeholders_name_share_one_description(tmp_path: Path) -> None:
    """OpenAPI has one path item for one shape of path; each operation keeps its arguments in it."""
    plans = [
        small_plan(
            tmp_path, "[{name: q, in: query}]", method=method, path=f"/v1/{{{name}}}", with_=f"{{q: rest.{name}}}"
        )
        for method, name in (("GET", "port"), ("POST", "harbour"))
    ]
    with stand_in() as up, serving.gateway(plans=tuple(plans), upstream=up.url) as running:
        described = httpx2.get(f"{running.rest_url}/openapi.json").json()["paths"]
        for method in ("GET", "POST"):
            assert httpx2.request(method, f"{running.rest_url}/v1/a").status_code == 200
    assert list(described) == ["/v1/{port}"]
    assert {method: operation["parameters"][0]["name"] for method, operation in described["/v1/{port}"].items()} == {
        "get": "port",
        "post": "port",
    }


def test_a_bound_beyond_64_bits_can_be_described(tmp_path: Path) -> None:
    """It is a number of the document like any other."""
    plan = small_plan(tmp_path, "[{name: depth, in: query, type: integer, x-fairlead-maximum: 1.0e+30}]")
    document = openapi_document([plan], version="1")
    for indented in (False, True):
        described = json.loads(description_bytes(document, indented=indented))
        assert described["paths"]["/v1/tides"]["get"]["parameters"][0]["schema"]["maximum"] == 1e30
