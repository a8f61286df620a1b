"""The bodies of upstream calls: what a document says of them, and the bytes that arrive, over REST and MCP alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import serving
from fairlead.engine.bodies import BodyFiller
from fairlead.plan.compile import compile_document
from fairlead.plan.model import Body, Plan
from fairlead.settings import Secret
from fairlead.spec.load import load
from fairlead.spec.source import JsonValue
from small_documents import small_plan
from stand_in import StandIn, stand_in
from test_mcp import post, texts

WRITTEN = (
    "body: {type: json, data: {note: 'at {{place}}', tide: '{{tools.height}}', fixed: 3, all: ['{{rest.height}}']}}"
)


def arrived(plan: Plan, arguments: Mapping[str, object], *, over: str) -> StandIn:
    """What an upstream was asked, when a caller gave these arguments over REST or MCP."""
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        if over == "rest":
            answer = httpx2.post(f"{running.rest_url}/v1/tides", json=dict(arguments))
            assert answer.status_code == 200, answer.text
        else:
            said = post(running.mcp_url, "tools/call", name="tides", arguments=dict(arguments))
            assert not said["result"]["isError"], said  # type: ignore[index]
    return up


@pytest.mark.parametrize("over", ["rest", "mcp"])
@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"place": "Brest", "height": 1.5}, {"note": "at Brest", "tide": 1.5, "fixed": 3, "all": [1.5]}),
        ({"height": {"m": [1]}}, {"tide": {"m": [1]}, "fixed": 3, "all": [{"m": [1]}]}),
        ({}, {"fixed": 3, "all": []}),
    ],
)
def test_a_template_is_filled_and_keeps_types(
    tmp_path: Path, over: str, given: dict[str, object], sent: dict[str, object]
) -> None:
    """What lacks its argument is left out; a variable alone has its value, among other text its spelling."""
    plan = small_plan(tmp_path, "[]", method="POST", extensions=WRITTEN)
    up = arrived(plan, given, over=over)
    assert json.loads(up.bodies[0]) == sent
    assert up.asked[0][1]["content-type"] == "application/json"


@pytest.mark.parametrize("over", ["rest", "mcp"])
def test_several_body_inputs_are_the_fields_of_an_object(tmp_path: Path, over: str) -> None:
    """One alone is the whole body."""
    inputs = "[{name: a, in: body, type: integer, required: true}, {name: b, in: body}, {name: c, in: body}]"
    up = arrived(small_plan(tmp_path, inputs, method="POST"), {"a": 1, "b": [True]}, over=over)
    assert json.loads(up.bodies[0]) == {"a": 1, "b": [True]}


@pytest.mark.parametrize("over", ["rest", "mcp"])
def test_form_fields_are_sent_as_a_form(tmp_path: Path, over: str) -> None:
    """A list is a field for each item."""
    inputs = "[{name: a, in: formData, type: string}, {name: b, in: formData, type: array}]"
    up = arrived(small_plan(tmp_path, inputs, method="POST"), {"a": "x&y=é", "b": [1, "2"]}, over=over)
    assert parse_qs(up.bodies[0].decode()) == {"a": ["x&y=é"], "b": ["1", "2"]}
    assert up.asked[0][1]["content-type"] == "application/x-www-form-urlencoded"


def test_a_file_makes_a_form_of_several_parts(tmp_path: Path) -> None:
    """In the words of RFC 7578."""
    inputs = "[{name: chart, in: formData, type: file}, {name: year, in: formData, type: integer}]"
    up = arrived(small_plan(tmp_path, inputs, method="POST"), {"chart": "a\r\nb", "year": 2026}, over="rest")
    media_type, _, boundary = up.asked[0][1]["content-type"].partition("; boundary=")
    assert media_type == "multipart/form-data"
    first, second = up.bodies[0].decode().split(f"--{boundary}")[1:3]
    head = 'Content-Disposition: form-data; name="chart"; filename="chart"\r\nContent-Type: application/octet-stream'
    assert first == f"\r\n{head}\r\n\r\na\r\nb\r\n"
    assert second == '\r\nContent-Disposition: form-data; name="year"\r\n\r\n2026\r\n'


@pytest.mark.parametrize(
    ("block", "media_type"),
    [
        ("{type: text, data: 'tide {{height}}'}", "text/plain; charset=utf-8"),
        ("{type: xml, data: 'tide {{height}}'}", "application/xml"),
        ("{type: raw, data: 'tide {{height}}'}", "application/octet-stream"),
    ],
)
def test_a_text_is_sent_as_its_type(tmp_path: Path, block: str, media_type: str) -> None:
    """Its variables stand in it as text."""
    plan = small_plan(tmp_path, "[]", method="POST", extensions=f"body: {block}")
    up = arrived(plan, {"height": 2}, over="mcp")
    assert (up.bodies[0], up.asked[0][1]["content-type"]) == (b"tide 2", media_type)


@pytest.mark.parametrize(
    ("block", "sent"),
    [
        ("{type: xml, data: '<tide>{{height}}</tide>'}", b"<tide>&lt;a&gt;&amp;&quot;</tide>"),
        ("{type: xml, data: '{{height}}'}", b'<a>&"'),
        ("{type: form, data: 'tide={{height}}&a=1'}", b"tide=%3Ca%3E%26%22&a=1"),
        ("{type: form, data: {tide: 'x{{height}}'}}", b"tide=x%3Ca%3E%26%22"),
    ],
)
def test_a_value_among_an_authors_text_stays_one_value(tmp_path: Path, block: str, sent: bytes) -> None:
    """Alone, it is the whole body, as the caller wrote it."""
    plan = small_plan(tmp_path, "[]", method="POST", extensions=f"body: {block}")
    assert arrived(plan, {"height": '<a>&"'}, over="mcp").bodies == [sent]


@pytest.mark.parametrize("over", ["rest", "mcp"])
def test_a_write_that_declares_no_body_takes_one(tmp_path: Path, over: str) -> None:
    """As it is, or none at all."""
    plan = small_plan(tmp_path, "[]", method="POST")
    up = arrived(plan, {"any": 1} if over == "rest" else {"body": {"any": 1}}, over=over)
    assert json.loads(up.bodies[0]) == {"any": 1}
    if over == "mcp":
        assert arrived(plan, {}, over=over).bodies == [b""]


def test_a_field_nobody_knows_and_a_body_that_is_no_object_are_refused(tmp_path: Path) -> None:
    """Nothing is dropped in silence."""
    plan = small_plan(tmp_path, "[]", method="POST", extensions=WRITTEN)
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        unknown = httpx2.post(f"{running.rest_url}/v1/tides", json={"hight": 1})
        listed = httpx2.post(f"{running.rest_url}/v1/tides", json=[1])
    assert unknown.json()["errors"][0]["parameter"] == "hight"
    assert "height" in unknown.json()["detail"]
    assert (listed.status_code, "object" in listed.json()["detail"]) == (400, True)
    assert not up.asked


@given(st.dictionaries(st.text(max_size=9), st.text(max_size=40), min_size=1, max_size=4))
def test_no_value_can_leave_its_part(values: dict[str, JsonValue]) -> None:
    """Whatever stands in a field, the parts are as many as the fields."""
    try:
        "".join(f"{name}{value}" for name, value in values.items()).encode()
    except UnicodeEncodeError:
        return
    filler = BodyFiller(body=Body(kind="multipart"), entity=None, fields={name: name for name in values}, fixed={})
    filled = filler.fill(values)
    assert filled is not None
    boundary = filled[0].partition("boundary=")[2].encode()
    assert filled[1].count(b"--" + boundary) == len(values) + 1


@pytest.mark.parametrize(
    ("written", "given", "sent"),
    [
        ("[{name: tide, in: body, type: object}]", {"tide": {"a": 1}}, {"a": 1, "secret": "k-1234"}),
        ("[{name: tide, in: body, type: object}]", {}, {"secret": "k-1234"}),
        ("[{name: a, in: body}, {name: b, in: body}]", {"b": 2}, {"b": 2, "secret": "k-1234"}),
        ("[{name: secret, in: body}, {name: b, in: body}]", {"secret": "mine"}, {"secret": "k-1234"}),
    ],
)
def test_a_credential_can_be_a_field_of_the_body(
    tmp_path: Path, written: str, given: dict[str, object], sent: dict[str, object]
) -> None:
    """It is there whatever a caller gives, and no caller replaces it."""
    plan = credential_in_body(tmp_path, written)
    settings = serving.settings_for_tests(secrets={"SEA_KEY": Secret("k-1234")})
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url, settings=settings) as running:
        said = post(running.mcp_url, "tools/call", name="tides", arguments=given)
        assert not said["result"]["isError"], said  # type: ignore[index]
    assert json.loads(up.bodies[0]) == sent


def test_a_body_that_is_no_object_cannot_hold_the_credential(tmp_path: Path) -> None:
    """It is refused before anything is sent."""
    plan = credential_in_body(tmp_path, "[{name: tide, in: body}]")
    settings = serving.settings_for_tests(secrets={"SEA_KEY": Secret("k-1234")})
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url, settings=settings) as running:
        answer = httpx2.post(f"{running.rest_url}/v1/tides", json=[1])
    assert (answer.status_code, answer.json()["errors"]) == (
        400,
        [{"parameter": "tide", "detail": "must be an object"}],
    )
    assert not up.asked


def credential_in_body(folder: Path, inputs: str) -> Plan:
    """The plan of a document whose API wants its key in the body."""
    small_plan(folder, inputs, method="POST")
    file = folder / "tides.yaml"
    key = "{type: apikey, key: secret, value: '{{env.SEA_KEY}}', placement: body}"
    file.write_text(file.read_text().replace("    resources:\n", f"    authentication: {key}\n    resources:\n", 1))
    return compile_document(load(file)).plan


PNG = b"\x89PNG\r\n\x1a\n\x00"
PNG_URL = "data:image/png;base64,iVBORw0KGgoA"


@pytest.mark.parametrize("over", ["rest", "mcp"])
def test_a_file_of_bytes_is_sent_as_they_are(tmp_path: Path, over: str) -> None:
    """A caller writes them as a `data:` URL in base64, which says their type as well."""
    plan = small_plan(tmp_path, "[{name: chart, in: formData, type: file}]", method="POST")
    up = arrived(plan, {"chart": PNG_URL}, over=over)
    assert b"Content-Type: image/png\r\n\r\n" + PNG + b"\r\n--" in up.bodies[0]


@pytest.mark.parametrize("kind", ["binary", "bytes", "file"])
def test_a_body_of_bytes_is_the_callers_own(tmp_path: Path, kind: str) -> None:
    """On REST the body with its type, whatever it is; on MCP a `data:` URL, or a text."""
    plan = small_plan(tmp_path, f"[{{name: chart, in: body, type: {kind}}}]", method="PUT")
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        for content, media_type in ((PNG, "image/png"), (b"{", "application/json"), (b"a", "no type at all")):
            sent = httpx2.put(f"{running.rest_url}/v1/tides", content=content, headers={"content-type": media_type})
            assert sent.status_code == 200, sent.text
        for text in (PNG_URL, "plain é"):
            said = post(running.mcp_url, "tools/call", name="tides", arguments={"chart": text})
            assert not said["result"]["isError"], said  # type: ignore[index]
        described = httpx2.get(f"{running.rest_url}/openapi.json").json()["paths"]["/v1/tides"]["put"]["requestBody"]
    assert up.bodies == [PNG, b"{", b"a", PNG, "plain é".encode()]
    plain = "application/octet-stream"
    assert [headers["content-type"] for _, headers in up.asked] == [
        "image/png",
        "application/json",
        plain,
        "image/png",
        plain,
    ]
    assert list(described["content"]) == [plain]


@pytest.mark.parametrize(
    ("inputs", "given"),
    [
        ("[{name: chart, in: body, type: binary}]", "data:image/png;base64,iVB*"),
        ("[{name: chart, in: formData, type: file}]", "data:;base64,a"),
    ],
)
def test_bytes_that_are_none_are_refused(tmp_path: Path, inputs: str, given: str) -> None:
    """Before anything is sent, with the argument's name."""
    plan = small_plan(tmp_path, inputs, method="POST")
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        said: Any = post(running.mcp_url, "tools/call", name="tides", arguments={"chart": given})["result"]
    assert said["isError"]
    assert "chart: is a `data:` URL without valid base64" in texts(said)[0].replace("`chart` ", "chart: ")
    assert not up.asked


@pytest.mark.parametrize("over", ["rest", "mcp"])
def test_inputs_that_share_a_name_are_told_apart(tmp_path: Path, over: str) -> None:
    """That of the path keeps the name; the others say where they are."""
    inputs = "[{name: protocol, in: query}, {name: protocol, in: path}, {name: protocol, in: header}]"
    plan = small_plan(tmp_path, inputs, path="/v1/{protocol}")
    file = tmp_path / "tides.yaml"
    file.write_text(file.read_text().replace("path: /tides\n", "path: /tides/{protocol}\n"))
    plan = compile_document(load(file)).plan
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        if over == "rest":
            url = f"{running.rest_url}/v1/h2?query_protocol=h3"
            assert httpx2.get(url, headers={"header_protocol": "h1"}).status_code == 200
        else:
            given = {"protocol": "h2", "query_protocol": "h3", "header_protocol": "h1"}
            said = post(running.mcp_url, "tools/call", name="tides", arguments=given)
            assert not said["result"]["isError"], said  # type: ignore[index]
    ((line, headers),) = up.asked
    assert (line, headers["protocol"]) == ("GET /tides/h2?protocol=h3", "h1")
