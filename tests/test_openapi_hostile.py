"""A provider's description is somebody else's text: whatever it holds, reading it ends, and never with a traceback."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command import fairlead
from fairlead.errors import FairleadError
from fairlead.openapi.enriching import enrichment
from fairlead.openapi.exporting import consumed_description
from fairlead.openapi.importing import capability_document
from fairlead.openapi.reading import ReadDescription, read_description
from fairlead.openapi.text import DESCRIPTION_BOUNDS, DescriptionRefused, yaml_text
from fairlead.plan.compile import compile_document
from fairlead.spec.diagnostics import without_notes
from fairlead.spec.load import load
from fairlead.spec.source import Source, parse
from stand_in import stand_in

CAP = 20.0
HEAD: dict[str, Any] = {"openapi": "3.1.0", "info": {"title": "T"}, "servers": [{"url": "https://t.example"}]}
GET_X = b"""
capability:
  consumes:
  - {namespace: a, baseUri: 'https://t.example', resources: [{path: /x, operations: [{name: x}]}]}
"""
WORDS = """
openapi swagger info title paths /x /x/{y} get post parameters name in query path body schema type object
array items properties allOf oneOf $ref #/paths # enum requestBody content application/json
multipart/form-data responses 200 security components securitySchemes servers url variables default style
deepObject explode required const
""".split()  # noqa: SIM905 - a list of them would be forty lines


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail when what is done takes more processor time."""
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds


def made_of(data: bytes) -> ReadDescription:
    """Everything that is made of a description: a document, an overlay."""
    read = read_description(data, "hostile")
    enrichment(parse(GET_X, "x.yaml"), read, "t")
    capability_document(read.description)
    return read


def getting(schema: Any, **components: Any) -> bytes:
    """A description whose one operation answers a schema, and takes it as a body."""
    media = {"content": {"application/json": {"schema": schema}}}
    operation = {
        "responses": {"200": media},
        "requestBody": media,
        "parameters": [{"name": "q", "in": "query", "schema": schema}],
    }
    return json.dumps(HEAD | {"paths": {"/x": {"get": operation}}, "components": {"schemas": components}}).encode()


def ref(name: str) -> dict[str, str]:
    """A reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "cannot be read"),
        (b"\xff\xfe{}", "cannot be read"),
        (b"<html>", "is no OpenAPI description"),
        (b"[]", "is no OpenAPI description"),
        (b"{}", "is no OpenAPI description"),
        (b"openapi: 4.0.0", "is no OpenAPI description"),
        (b"openapi: 3.1.0\npaths: [", "cannot be read (line"),
        (b"openapi: 3.1.0\nx: !!python/object:os.system {}", "the tag"),
        (b"openapi: 3.1.0\npaths: {}", "no operation"),
        (b"openapi: 3.1.0\npaths: 7", "no operation"),
        (b"[" * 5_000, "nests deeper than 100"),
        (b'{"a":' * 500 + b"1" + b"}" * 500, "nests deeper than 100"),
        (b'{"a":[' + b"1," * 2_100_000 + b"1]}", "holds more than 2,000,000 values"),
        (b"a: &a [x, x]\nb: &b [" + b"*a," * 999 + b"]\nc: &c [" + b"*b," * 999 + b"]", "more than"),
        (b" " * (DESCRIPTION_BOUNDS.size + 1), "is larger than 32 MiB"),
    ],
)  # fmt: skip
def test_what_is_no_description_is_refused_in_one_sentence(data: bytes, said: str) -> None:
    """With what to do about it."""
    with within(CAP), pytest.raises(DescriptionRefused) as refused:
        capability_document(read_description(data, "hostile").description)
    assert said in refused.value.public
    assert refused.value.remedy


@pytest.mark.parametrize(
    "data",
    [
        getting(ref("A"), A=ref("A")),
        getting(ref("A"), A=ref("B"), B=ref("A")),
        getting(ref("A"), A={"properties": {f"p{n}": ref("A") for n in range(40)}}),
        getting(ref("A"), A={"items": ref("A")}),
        getting({"$ref": "#"}),
        getting({"$ref": "https://elsewhere.example/x.yaml#/A"}),
        getting({"$ref": "#/" + "a/" * 5_000}),
        getting({"$ref": "../../../etc/passwd"}),
        getting({"type": "string", "pattern": "(a+)+$", "example": "a" * 400 + "!"}),
        getting({"type": "string", "pattern": "^(.{1,100}){1,100}x$"}),
        getting({"type": "integer", "minimum": 1e308, "maximum": -(10**30), "default": 10**30, "enum": [10**30, 0.5]}),
        getting({"type": "string", "enum": ["\u202e", "{{x}}", "\x00", "'", "\\", "a" * 5_000, 7, None, [], {}]}),
        getting({"type": "array", "default": json.loads("[" * 40 + "]" * 40), "example": {"a": {"a": [1]}}}),
    ],
)
def test_what_goes_in_circles_or_means_harm_costs_little(data: bytes) -> None:
    """References lead nowhere but into the description, and a copy of a schema has a size."""
    with within(CAP):
        made_of(data)


@pytest.mark.parametrize("word", ["allOf", "oneOf"])
def test_a_tangle_of_references_is_refused_or_cut(word: str) -> None:
    """Fifty times fifty times fifty schemas."""
    tangle = {f"S{n}": {word: [ref(f"S{(n * 7 + k) % 60}") for k in range(50)]} for n in range(60)}
    with within(CAP):
        try:
            made_of(getting(ref("S0"), **tangle))
        except DescriptionRefused as refused:
            assert "refers to itself so often" in refused.public  # noqa: PT017 - both outcomes are right


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.sampled_from(WORDS) | st.text(max_size=4)
TEXTS = ["007", "1e3", "null", "~", "- x", "a: b", "0x1f", "1_000", " x", "x\n y\n"]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | NUMBERS | st.sampled_from(WORDS) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=40,
)


@given(paths=ANYTHING, operation=ANYTHING, components=ANYTHING, servers=ANYTHING, security=ANYTHING)
@settings(max_examples=300, deadline=None)
def test_wrong_shapes_anywhere_are_no_traceback(
    paths: Any, operation: Any, components: Any, servers: Any, security: Any
) -> None:
    """What a description is made of may be anything, anywhere; what comes out can be read again."""
    around = {"info": paths, "components": components, "servers": servers, "security": security}
    for version in ({"openapi": "3.0.0"}, {"swagger": "2.0", "definitions": components, "host": servers}):
        for below in (paths, {"/x": operation}, {"/x": {"get": operation}}, {"/x": {"get": {"parameters": operation}}}):
            try:
                read = made_of(json.dumps(version | around | {"paths": below}).encode())
            except FairleadError as refused:
                assert refused.remedy  # noqa: PT017 - both outcomes are right
                continue
            document = capability_document(read.description).document
            assert parse(yaml_text(document).encode(), "x.yaml").value == document


@given(value=ANYTHING)
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read_back_alike(value: Any) -> None:
    """YAML has many ways to take a text for something else."""
    for each in (
        value,
        {"k": value},
        {"k": [value, *TEXTS]},
    ):
        try:
            expected = json.loads(json.dumps(each))
            read = read_back(yaml_text(each).encode())
        except FairleadError:
            continue  # a whole number beyond 64 bits, or a control character
        assert read.value == expected or read.diagnostics


def read_back(data: bytes) -> Source:
    """What a text says to the reader of documents."""
    return parse(data, "x.yaml")


def test_a_hostile_description_cannot_break_a_document_that_runs(seed: Path, tmp_path: Path) -> None:
    """Whatever its provider says, `check` accepts the document as before, and it can be served."""
    described: Any = consumed_description(load(seed)).description
    for path in described["paths"].values():
        for each in path["get"]["parameters"]:
            each |= {"required": True, "name": each["name"], "description": "\x1b[31m{{env.KEY}}"}
            each["schema"] = {
                "type": "string",
                "pattern": "(?=a)(b|c)+",
                "default": "{{env.KEY}}",
                "enum": ["rest.x", "$."],
            }
        path["get"]["parameters"] += [
            {"name": name, "in": "query"} for name in ("a.b", "x y", "é", "'", "{{z}}", "", "env.KEY")
        ]
    (tmp_path / "events.yaml").write_bytes(seed.read_bytes())
    (tmp_path / "hostile.yaml").write_text(yaml_text(described))
    done = fairlead("enrich", "events.yaml", "--openapi", "hostile.yaml", cwd=tmp_path)
    assert done.code == 0, done.err
    assert not without_notes(compile_document(load(tmp_path / "events.yaml")).diagnostics)
    call = ("call", "getorganizationevents", "--document", "events.yaml", "--offline", "organizationId=x", "pageSize=1")
    given = [f"{name}=1" for name in ("fromTimestamp", "toTimestamp", "eventType")]
    assert fairlead(*call, *given, cwd=tmp_path).code == 0
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize("url", ["https://{SECRET}.evil.example", "https://evil.example/{{env.SECRET}}", "https://{x}"])
def test_a_description_cannot_ask_for_a_variable_of_the_environment(tmp_path: Path, url: str) -> None:
    """It would be sent to whoever wrote the description."""
    server = {"url": url, "variables": {"x": {"default": "${SECRET}.evil.example"}}}
    (tmp_path / "evil.json").write_text(json.dumps(HEAD | {"servers": [server], "paths": {"/x": {"get": {}}}}))
    assert fairlead("import", "evil.json", cwd=tmp_path).code == 0
    (upstream,) = compile_document(load(tmp_path / "t.yaml")).plan.upstreams
    assert not upstream.variables


def test_a_description_is_fetched_from_where_it_is_and_from_nowhere_else(tmp_path: Path) -> None:
    """No credential is sent; a redirect to another host is told, and one to the same host is followed."""
    description = json.dumps(HEAD | {"paths": {"/x": {"get": {}}}, "servers": [{"url": "/v1"}]}).encode()
    with stand_in(body=description) as up:
        done = fairlead("import", f"{up.url}/openapi.json?key=hunter2", "--output", "-", cwd=tmp_path)
        assert done.code == 0, done.err
        assert f"baseUri: {up.url}/v1" in done.out
        ((line, headers),) = up.asked
        assert line == "GET /openapi.json?key=hunter2"
        assert "authorization" not in headers
        with stand_in(status=302, headers={"location": f"{up.url}/elsewhere"}, body=b"") as away:
            refused = fairlead("import", away.url, cwd=tmp_path)
        with stand_in(status=302, headers={"location": "/round"}, body=b"") as around:
            endless = fairlead("import", around.url, cwd=tmp_path)
        assert len(up.asked) == 1
    assert refused.code == 1
    assert f"leads to another place, {up.url}/elsewhere. If you trust it, give that address." in refused.err
    assert [line for line, _ in around.asked] == ["GET /", "GET /round", "GET /round", "GET /round"]
    assert "without end" in endless.err


@pytest.mark.parametrize(
    ("place", "code", "said"),
    [
        ("nowhere.yaml", 4, "nowhere.yaml cannot be read: No such file"),
        (".", 4, "cannot be read: Is a directory"),
        ("http://", 4, "no http or https address"),
        ("https://me:hunter2@x.example/", 4, "user name or password"),
        ("http://127.0.0.1:PORT/x", 1, "cannot be reached"),
        ("", 2, "empty name"),
    ],
)
def test_what_cannot_be_fetched_is_one_clear_line(tmp_path: Path, place: str, code: int, said: str) -> None:
    """With what to type instead; nothing is written."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    done = fairlead("import", place.replace("PORT", port), cwd=tmp_path)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert "hunter2" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_an_answer_that_is_no_description_is_told() -> None:
    """A page that shows the description is not it."""
    with stand_in(body=b"<!doctype html><title>API</title>") as up:
        assert "is no OpenAPI description" in fairlead("import", up.url).err
    with stand_in(status=404) as up:
        assert "The answer was 404, not 200. Download it" in fairlead("import", up.url).err
