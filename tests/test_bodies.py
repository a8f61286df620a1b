"""The bodies of upstream calls: what a document says of them, and the bytes that arrive, over REST and MCP alike."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
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
from test_mcp import post

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
    assert first == '\r\nContent-Disposition: form-data; name="chart"\r\n\r\na\r\nb\r\n'
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
