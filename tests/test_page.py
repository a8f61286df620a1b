"""The capability page: what it shows, what it may never do, and a person using it in a browser."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import fairlead.capabilities
import serving
from fairlead.expose.page import StaticPage, render_pages
from fairlead.expose.presenting import asked_of_callers
from fairlead.expose.problems import PROBLEM_KINDS
from fairlead.plan.compile import compile_document
from fairlead.plan.model import Plan, Segment
from fairlead.settings import Secret, Settings
from fairlead.spec.load import load
from guarded_documents import BASIC, BEARER, HEADER_KEY, OAUTH, QUERY_KEY, guarded_plan
from outside import NODE_FOLDER, require_chromium, require_node_package, require_tool
from policies import SECRET, settings_with
from stand_in import stand_in

QOVERY = Path(fairlead.capabilities.__file__).parent / "qovery-organization-event.yaml"
BROWSER_SECONDS = 120
OWN = Secret("own")
ORGANIZATION = "3f2c8b52-6c0e-4f4e-9a2b-0d7f6a1c9e11"
HOSTILE_MARKUP = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}"
HOSTILE_DOCUMENT = """\
naftiko: 1.0.0-alpha2
info:
  label: &hostile %s
  description: *hostile
  tags: [*hostile]
capability:
  consumes:
  - type: http
    namespace: shop
    baseUri: https://shop.example
    resources:
    - name: things
      path: /things/{id}
      operations:
      - name: get-thing
        method: GET
        description: *hostile
        inputParameters:
        - {name: id, in: path, type: string, description: *hostile}
        - {name: dataset, in: query, type: string}
        - {name: deep, in: query, type: boolean}
        - {name: count, in: query, type: integer}
        - {name: sizes, in: query, type: array}
        - {name: X-Trace, in: header, type: string}
      - name: put-thing
        method: PUT
        inputParameters:
        - {name: id, in: path, type: string}
        - {name: thing, in: body, type: object}
      - name: drop-thing
        method: DELETE
        inputParameters:
        - {name: id, in: path, type: string}
  exposes:
  - type: rest
    namespace: shop-rest
    port: 8080
    resources:
    - path: /things/{id}
      name: things
      operations:
      - {method: GET, name: get-thing, description: *hostile, call: shop.get-thing}
      - {method: PUT, name: put-thing, call: shop.put-thing}
      - {method: DELETE, name: drop-thing, call: shop.drop-thing}
  - type: mcp
    namespace: shop-mcp
    transport: http
    tools:
    - {name: get-thing, description: *hostile, hints: {readOnly: true}, call: shop.get-thing}
    - {name: drop-thing, description: Drops it, hints: {destructive: true, idempotent: true}, call: shop.drop-thing}
"""


class Outline(HTMLParser):
    """The elements of a page in order, with the text directly inside each."""

    VOID = frozenset({"meta", "link", "img", "input"})

    def __init__(self, page: StaticPage) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._open: list[int] = []
        self.feed(page.body.decode())
        self.close()
        assert not self._open, "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), []))
        if tag not in self.VOID:
            self._open.append(len(self.elements) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self._open.pop()][0] == tag, f"</{tag}> closes what it opened"

    def handle_data(self, data: str) -> None:
        if self._open:
            self.elements[self._open[-1]][2].append(data)

    def attributes(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes, _ in self.elements if tag in tags]

    def texts(self, tag: str) -> list[str]:
        return ["".join(text).strip() for found, _, text in self.elements if found == tag]


def compiled(file: Path) -> Plan:
    compiled_document = compile_document(load(file))
    assert compiled_document.plan is not None, compiled_document
    return compiled_document.plan


def pages_of(*plans: Plan, api_token: Secret | None = None) -> dict[str, StaticPage]:
    asked = asked_of_callers(plans, Settings(api_token=api_token))
    return dict(render_pages(plans, mcp_url="http://127.0.0.1:9090/mcp", asked=asked, version="1.2.3"))


@pytest.fixture(scope="module")
def qovery() -> Plan:
    return compiled(QOVERY)


@pytest.fixture
def hostile(tmp_path: Path) -> Plan:
    file = tmp_path / "hostile.yaml"
    file.write_text(HOSTILE_DOCUMENT % json.dumps(HOSTILE_MARKUP))
    return compiled(file)


def test_page_shows_what_the_published_capability_page_shows(qovery: Plan) -> None:
    """Title, description, operations and their paths, tools, and the document are all there."""
    text = "\n".join("".join(text) for _, _, text in Outline(pages_of(qovery)["/"]).elements)
    for shown in (
        qovery.title,
        qovery.description,
        "What you can do",
        "Getorganizationevents",
        "Get all events inside the organization",
        "/v1/organization/{organizationid}/events",
        "Getorganizationeventtargets",
        "/v1/organization/{organizationid}/targets",
        "MCP tools",
        "get-all-events-inside-organization",
        "get-available-event-targets-filter",
        "Capability spec",
        qovery.text.strip(),
    ):
        assert shown in text


def test_page_policy_allows_nothing_inline_and_nothing_foreign(qovery: Plan) -> None:
    """A script that slips into the page has nowhere to run and nothing to send to."""
    for path, page in pages_of(qovery).items():
        headers = dict(page.headers)
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; "), path
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_pages_refer_to_no_foreign_host(qovery: Plan) -> None:
    """The pages work without a network: every address in markup, style and script is this server's."""
    for path, page in pages_of(qovery).items():
        text = page.body.decode().replace("http://www.w3.org/2000/svg", "")
        text = text.replace(qovery.upstreams[0].base, "")  # the document's own words
        hosts = set(re.findall(r"(?:https?:)?//([a-z0-9.-]+\.[a-z0-9]+)", text))
        assert hosts <= {"127.0.0.1"}, path
        assert "@import" not in text


def test_html_has_no_inline_script_or_style(hostile: Plan) -> None:
    """What the policy would block is not there to begin with."""
    for path in ("/", "/docs"):
        for tag, attributes, text in Outline(pages_of(hostile)[path]).elements:
            assert not [name for name in attributes if name == "style" or name.startswith("on")]
            if tag in {"script", "style"}:
                assert attributes.get("src") == "/_fairlead/page.js"
                assert not "".join(text)


def test_script_never_turns_text_into_markup(qovery: Plan) -> None:
    """Answers hold text that strangers wrote."""
    script = pages_of(qovery)["/_fairlead/page.js"].body.decode()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Function\(|srcdoc", script)


def test_hostile_document_is_shown_as_text(hostile: Plan) -> None:
    """Titles, descriptions and tags of a document are text, whatever they hold."""
    for path in ("/", "/docs"):
        page = pages_of(hostile)[path]
        assert b"<script>alert" not in page.body
        assert b"<img src=x" not in page.body
        assert HOSTILE_MARKUP in Outline(page).texts("h1")[0]


def test_hostile_path_cannot_leave_its_quotes_in_the_curl_line(tmp_path: Path) -> None:
    """A command that a person copies from the page holds no command of the document's author."""
    file = tmp_path / "quotes.yaml"
    file.write_text(
        (HOSTILE_DOCUMENT % "Quotes").replace("path: /things/{id}\n      name", "path: /a'$(id)'/{id}\n      name")
    )
    body = pages_of(compiled(file))["/"].body.decode()
    assert "/a%27$(id)%27/" in body


@pytest.mark.parametrize("name", ["qovery", "hostile"])
def test_every_parameter_has_a_labelled_field(name: str, request: pytest.FixtureRequest) -> None:
    """A form offers all that its operation takes, and says what each field is."""
    plan: Plan = request.getfixturevalue(name)
    outline = Outline(pages_of(plan, api_token=OWN)["/"])
    fields = outline.attributes("input", "select", "textarea")
    labelled = {attributes["for"] for attributes in outline.attributes("label")}
    ids = [attributes["id"] for attributes in (a for _, a, _ in outline.elements) if "id" in attributes]
    assert {field["id"] for field in fields} == labelled
    assert len(ids) == len(set(ids))
    assert {field["aria-describedby"] for field in fields if "data-place" in field} <= set(ids)
    offered = sorted(field["data-name"] or "" for field in fields if "data-place" in field)
    assert offered == sorted(p.name for route in plan.routes for p in route.operation.parameters)


def test_fields_fit_the_types_of_their_parameters(qovery: Plan, hostile: Plan) -> None:
    """The browser helps: numbers, known values, patterns, and JSON where JSON is sent."""
    fields = {f.get("data-name"): f for f in Outline(pages_of(qovery)["/"]).attributes("input")}
    assert fields["pageSize"]["type"] == "number"
    assert fields["pageSize"]["min"] == "1"
    assert fields["pageSize"]["placeholder"] == "10 (default)"
    assert "required" in fields["organizationId"]
    assert re.fullmatch(fields["fromTimestamp"]["pattern"] or "", "1767225600")
    assert fields["eventType"]["list"] in [a["id"] for a in Outline(pages_of(qovery)["/"]).attributes("datalist")]
    outline = Outline(pages_of(hostile)["/"])
    places = {f["data-name"]: (f["data-place"], f["data-type"]) for f in outline.attributes("textarea")}
    assert places == {"sizes": ("query", "array"), "thing": ("body", "object")}
    assert [f["data-name"] for f in outline.attributes("select")] == ["deep"]


def test_badges_say_what_a_tool_does(hostile: Plan, qovery: Plan) -> None:
    """The badges are the hints that an MCP client gets."""
    for plan in (hostile, qovery):
        shown = {
            match[1]: re.findall(r'class="badge badge-[a-z-]+">([a-z-]+)<', match[2])
            for match in re.finditer(
                r'<article class="card tool".*?<h3><code>([^<]*)</code>(.*?)</article>',
                pages_of(plan)["/"].body.decode(),
                re.DOTALL,
            )
        }
        for tool in plan.tools:
            hints = tool.semantics
            expected = {
                "read-only": hints.read_only, "destructive": hints.destructive, "idempotent": hints.idempotent
            }  # fmt: skip
            assert shown[tool.name] == [badge for badge, holds in expected.items() if holds]


def test_writing_asks_for_confirmation(hostile: Plan) -> None:
    """Nobody deletes by pressing Enter in the wrong field."""
    outline = Outline(pages_of(hostile)["/"])
    checkboxes = [f for f in outline.attributes("input") if f.get("type") == "checkbox"]
    assert len(checkboxes) == 2
    assert all("required" in checkbox for checkbox in checkboxes)
    assert "Send DELETE, which changes data" in outline.texts("button")


def test_token_field_appears_only_where_a_token_is_asked_for(qovery: Plan) -> None:
    """The field has no name, so that no browser can put the token into an address."""
    asked = [
        f for f in Outline(pages_of(qovery, api_token=OWN)["/"]).attributes("input") if f.get("type") == "password"
    ]
    assert len(asked) == 1
    assert "name" not in asked[0]
    assert not [f for f in Outline(pages_of(qovery)["/"]).attributes("input") if f.get("type") == "password"]


@pytest.mark.parametrize(
    ("authentication", "form", "labels"),
    [
        (BEARER, ("header", "Authorization", "bearer"), ["Token"]),
        (OAUTH, ("header", "Authorization", "bearer"), ["Access token"]),
        (BASIC, ("header", "Authorization", "basic"), ["User name", "Password"]),
        (QUERY_KEY, ("query", "api_key", ""), ["API key"]),
        (HEADER_KEY, ("header", "X-Depth", ""), ["API key"]),
    ],
)
def test_page_asks_for_what_the_document_asks_for(
    tmp_path: Path, authentication: str, form: tuple[str, str, str], labels: list[str]
) -> None:
    """And says in words what to send, on REST; the other adapter has its own sentence."""
    pages = pages_of(guarded_plan(tmp_path, rest=authentication))
    outline = Outline(pages["/"])
    (access,) = [found for found in outline.attributes("form") if found.get("id") == "access"]
    assert (access["data-in"], access["data-name"], access["data-scheme"]) == form
    assert outline.texts("label")[: len(labels)] == labels
    told = asked_of_callers([guarded_plan(tmp_path, rest=authentication)], Settings()).rest
    assert told is not None
    reference = html.unescape(re.sub(r"</?code>", "`", pages["/docs"].body.decode()))
    assert f"REST:</strong> {told.words}" in reference
    assert "MCP:</strong> Callers are asked for nothing." in reference
    for path in ("/", "/docs"):
        assert html.unescape(pages[path].body.decode()).count(f"' {told.curl}</code>") == 1


@pytest.mark.parametrize("where", ["baseUri: https://sea.example", "- type: rest"])
def test_document_that_holds_a_secret_is_not_shown(tmp_path: Path, where: str) -> None:
    """The page is open to everyone who may reach it."""
    plan = guarded_plan(tmp_path)
    text = plan.text.replace(where, where + "\n    authentication: {type: bearer, token: canary-7d1f}")
    (tmp_path / "secret.yaml").write_text(text)
    secret = compiled(tmp_path / "secret.yaml")
    assert not [path for path, page in pages_of(secret).items() if b"canary-7d1f" in page.body]
    assert "baseUri" in pages_of(plan)["/"].body.decode()


def test_several_capabilities_share_a_page_with_a_table_of_contents(qovery: Plan, hostile: Plan) -> None:
    """Each capability has its section, and the headings stay in order."""
    outline = Outline(pages_of(qovery, hostile, qovery)["/"])
    ids = [attributes["id"] for _, attributes, _ in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [a["href"] for a in outline.attributes("a") if (a["href"] or "").startswith("#")]
    assert {(target or "")[1:] for target in targets} <= set(ids)
    levels = [int(tag[1]) for tag, _, _ in outline.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_reference_has_an_anchor_for_every_problem_type(qovery: Plan) -> None:
    """The `type` of a problem leads to its explanation."""
    ids = {attributes.get("id") for _, attributes, _ in Outline(pages_of(qovery)["/docs"]).elements}
    assert {f"problem-{kind.slug}" for kind in PROBLEM_KINDS} <= ids


def use_page(url: str, *fills: str, picture: str = "") -> dict[str, Any]:
    """What a browser saw that filled the first form of the page and sent it."""
    require_node_package("playwright-core")
    command = [require_tool("node"), str(NODE_FOLDER / "page.mjs"), url, *fills]
    environment = os.environ | {"CHROMIUM": require_chromium(), "FAIRLEAD_SCREENSHOT": picture}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=BROWSER_SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    seen: dict[str, Any] = json.loads(done.stdout)
    assert seen["console_errors"] == []
    assert seen["csp_violations"] == []
    assert seen["unlabelled"] == []
    assert seen["phone_overflow"] <= 0
    assert seen["docs_overflow"] <= 0
    assert seen["light"] != seen["dark"]
    origin = re.match(r"http://[^/]+/", url)
    assert origin is not None
    assert all(address.startswith(origin[0]) for address in seen["requests"])
    return seen


def test_person_fills_the_form_and_reads_the_answer(gateway: Any) -> None:
    """With the keyboard alone: open the filters, fill two, press Enter, read five deletions.

    `FAIRLEAD_SCREENSHOT=docs/page.png` also takes the picture that the README shows.
    """
    url = f"{gateway.rest_url}/?organizationId={gateway.organization_id}"
    picture = os.environ.get("FAIRLEAD_SCREENSHOT", "")
    seen = use_page(url, "pageSize=5", "eventType=DELETE", picture=picture)
    assert seen["answer"]["status"] == "200 OK"
    assert seen["answer"]["events"] == 5
    assert {event["event_type"] for event in json.loads(seen["answer"]["body"])["events"]} == {"DELETE"}
    assert seen["next_page"]["status"] == "200 OK"
    assert seen["next_page"]["body"] != seen["answer"]["body"]


@pytest.mark.parametrize(
    ("authentication", "typed"),
    [
        (BEARER, [SECRET]),
        (BASIC, ["ada", SECRET]),
        (HEADER_KEY, [SECRET]),
        (QUERY_KEY, [SECRET]),
    ],
)
def test_person_shows_the_page_what_the_server_asks_for(tmp_path: Path, authentication: str, typed: list[str]) -> None:
    """The call is answered, and the credential is in no part of the page."""
    plan = guarded_plan(tmp_path, rest=authentication)
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url, settings=settings_with()) as running:
        fills = [f"#access-{number}={text}" for number, text in enumerate(typed, 1)]
        seen = use_page(f"{running.rest_url}/?station=7", *fills)
    assert seen["answer"]["status"] == "200 OK"
    assert seen["answer"]["request"] == "GET /v1/tides?station=7"
    assert SECRET not in seen["text"]
    assert "TIDES_CALLERS" in seen["text"]


HOSTILE_ANSWER = json.dumps(
    {
        "events": [{"target_name": HOSTILE_MARKUP}, {"target_name": "safe\u202egnp.exe"}],
        "number": 12345678901234567890123,
    },
    ensure_ascii=False,
)


@pytest.fixture
def hostile_server(hostile: Plan) -> Iterator[str]:
    """The pages of the hostile document before an upstream whose events are hostile too."""
    pages = pages_of(hostile)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            body = page.body if page else HOSTILE_ANSWER.encode()
            self.send_response(200)
            self.send_header("Content-Type", page.content_type if page else "application/json")
            for name, value in page.headers if page else ():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_hostile_answer_is_shown_as_text_and_to_the_digit(hostile_server: str) -> None:
    """Markup in an event stays text, reordering characters become visible, and no digit is lost."""
    seen = use_page(f"{hostile_server}/?id=a%2Fb%20c", "dataset=x&y=z")
    assert seen["answer"]["request"] == "GET /things/a%2Fb%20c?dataset=x%26y%3Dz"
    assert seen["answer"]["elements"] == ["SPAN"]
    assert json.loads(seen["answer"]["body"]) == json.loads(HOSTILE_ANSWER)
    assert "12345678901234567890123" in seen["answer"]["body"]
    assert "\\u202e" in seen["answer"]["body"]
    assert seen["next_page"] is None


def test_literal_segments_are_encoded_in_the_curl_line(hostile: Plan) -> None:
    """A `?`, a `#` or a blank in a path stays in the path."""
    route = replace(hostile.routes[0], segments=(Segment(("a b?c#d",)), *hostile.routes[0].segments))
    body = pages_of(replace(hostile, routes=(route,)))["/"].body.decode()
    assert "</span>/a%20b%3Fc%23d/things/" in body


def test_integers_of_any_length_are_shown_to_the_digit(hostile: Plan) -> None:
    """A document may hold numbers that no machine word does."""
    route = hostile.routes[0]
    parameters = tuple(replace(p, default=2**70) if p.name == "count" else p for p in route.operation.parameters)
    route = replace(route, operation=replace(route.operation, parameters=parameters))
    assert str(2**70) in pages_of(replace(hostile, routes=(route,)))["/"].body.decode()
