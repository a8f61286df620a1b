"""A provider's description becomes a document that is checked without a word, served, and called as described."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest
import yaml

import serving
from command import fairlead
from fairlead.plan.compile import compile_document
from fairlead.plan.model import Plan
from fairlead.settings import Secret
from fairlead.spec.load import load
from golden_files import assert_golden
from stand_in import StandIn, stand_in

HERE = Path(__file__).resolve().parent
DESCRIPTIONS = {"harbour-log": "harbour-3.0.yaml", "tides-currents": "tides-3.1.json", "cargo": "cargo-2.0.yaml"}
SECRETS = {
    "HARBOUR_LOG_TOKEN": "h", "CARGO_API_KEY": "c", "TIDES_CURRENTS_USERNAME": "me", "TIDES_CURRENTS_PASSWORD": "pw",
}  # fmt: skip
PARAMETER_STYLES: dict[str, tuple[str, list[tuple[str, str, str]]]] = {
    "a list": ("in: query, schema: {type: array, items: {type: string}}", [("x", "query", "array")]),
    "a list with commas": ("in: query, explode: false, schema: {type: array}", [("x", "query", "string")]),
    "a list with bars": ("in: query, style: pipeDelimited, schema: {type: array}", [("x", "query", "string")]),
    "a list in the path": ("in: path, schema: {type: array}", [("x", "path", "string")]),
    "a list or one": (
        "in: query, schema: {anyOf: [{type: string}, {type: array, items: {type: string}}]}", [("x", "query", "array")],
    ),
    "a deep object": (
        "in: query, style: deepObject, schema: {type: object, properties: {a: {type: integer}, b: {}}}",
        [("x[a]", "query", "integer"), ("x[b]", "query", "string")],
    ),
    "a spread object": ("in: query, schema: {properties: {a: {type: integer}}}", [("a", "query", "integer")]),
    "a free object": ("in: query, style: deepObject, schema: {type: object}", []),
    "an object as JSON": (
        "in: query, content: {application/json: {schema: {type: object}}}", [("x", "query", "object")],
    ),
    "text or null": ("in: query, schema: {type: [string, 'null']}", [("x", "query", "string")]),
    "a number or text": ("in: query, schema: {type: [integer, string]}", [("x", "query", "string")]),
    "nothing said": ("in: query", [("x", "query", "string")]),
    "a header": ("in: header, schema: {type: boolean}", [("x", "header", "boolean")]),
    "a cookie": ("in: cookie, schema: {type: integer}", [("x", "cookie", "integer")]),
    "no place": ("in: nowhere", []),
}  # fmt: skip


def imported(folder: Path, name: str) -> Path:
    """The document that one of the descriptions is imported as."""
    done = fairlead("import", HERE / "descriptions" / DESCRIPTIONS[name], cwd=folder)
    assert done.code == 0, done.err
    return folder / f"{name}.yaml"


def plan_of(folder: Path, description: str) -> Plan:
    """The plan of what a description, given as YAML, is imported as."""
    (folder / "description.yaml").write_text(description)
    done = fairlead("import", "description.yaml", "--output", "made.yaml", "--force", cwd=folder)
    assert done.code == 0, done.err
    return compile_document(load(folder / "made.yaml")).plan


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_a_description_becomes_a_document_that_is_checked_without_a_word(tmp_path: Path, name: str) -> None:
    """The document changes on purpose only, and every operation is a route and a tool."""
    document = imported(tmp_path, name)
    assert_golden(f"imported-{name}.yaml", document.read_text())
    done = fairlead("check", document)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("1 document can run: 3 operations, 3 REST routes, 3 MCP tools; ")


def test_an_import_says_what_it_wrote_what_it_left_out_and_what_comes_next(tmp_path: Path) -> None:
    """A second one does not replace what may have been edited since."""
    description = HERE / "descriptions/harbour-3.0.yaml"
    done = fairlead("import", description, cwd=tmp_path)
    assert "Wrote harbour-log.yaml: 3 operations, as REST and as MCP." in done.out
    assert "HARBOUR_LOG_TOKEN" in done.out
    assert "fairlead serve harbour-log.yaml" in done.out
    again = fairlead("import", description, cwd=tmp_path)
    assert (again.code, again.out) == (4, "")
    assert "There is harbour-log.yaml already. Add `--force`" in again.err
    assert fairlead("import", description, "--force", "--namespace", "log", cwd=tmp_path).code == 0
    assert "namespace: log\n" in (tmp_path / "harbour-log.yaml").read_text()
    printed = fairlead("import", description, "--output", "-", cwd=tmp_path)
    assert yaml.safe_load(printed.out)["info"]["label"] == "Harbour Log"
    assert "Next:" in printed.err


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_the_same_description_makes_the_same_document(tmp_path: Path, name: str) -> None:
    """So that it can be kept under version control."""
    first = imported(tmp_path, name).read_bytes()
    (tmp_path / f"{name}.yaml").unlink()
    assert imported(tmp_path, name).read_bytes() == first


def ask(up: StandIn, url: str, **request: Any) -> tuple[str, dict[str, str], bytes]:
    """What arrives upstream of a call that is answered."""
    method = request.pop("method", "GET")
    answer = httpx2.request(method, url, **request)
    assert answer.status_code == 200, answer.text
    line, headers = up.asked[-1]
    return line, headers, up.bodies[-1]


def test_what_is_called_arrives_as_described(tmp_path: Path) -> None:
    """Paths, queries, credentials and bodies of three generations of descriptions."""
    documents = [imported(tmp_path, name) for name in DESCRIPTIONS]
    settings = serving.settings_for_tests(secrets={name: Secret(value) for name, value in SECRETS.items()})
    with stand_in() as up, serving.gateway(*documents, upstream=up.url, settings=settings) as running:
        rest = f"{running.rest_url}/v1"
        ship = "5f3c1a52-7a0e-4d5b-9c61-2f8e4b90d7a1"
        line, headers, _ = ask(
            up, f"{rest}/ships/{ship}?state=x&tag=a&tag=b&fields=name,flag&filter%5Bage%5D=3&region=n"
        )
        path, _, query = line.partition("?")
        assert path == f"GET /ships/{ship}"
        sent = [("fields", "name,flag"), ("filter[age]", "3"), ("state", "x"), ("tag", "a"), ("tag", "b")]
        assert sorted(parse_qsl(query)) == sent
        assert headers["authorization"] == "Bearer h"
        line, _, body = ask(up, f"{rest}/ships/{ship}?region=n", method="PUT", json={"id": "1"})
        assert (line, json.loads(body)) == (f"PUT /ships/{ship}", {"id": "1"})
        line, headers, body = ask(
            up, f"{rest}/ships/1/papers?region=n", method="POST", json={"file": "text", "note": "n"}
        )
        assert headers["content-type"].startswith("multipart/form-data")
        line, headers, _ = ask(up, f"{rest}/stations/x,y.json")
        assert (line, headers["authorization"]) == ("GET /stations/x,y.json?unit=metre", "Basic bWU6cHc=")
        line, headers, body = ask(up, f"{rest}/notes", method="POST", json={"text": "hi", "labels": ["a", "b"]})
        assert (headers["authorization"], body) == ("Basic bWU6cHc=", b"text=hi&labels=a&labels=b")
        line, headers, body = ask(up, f"{rest}/plain", method="PUT", json={"body": "as it is"})
        assert (headers["content-type"], body) == ("text/plain; charset=utf-8", b"as it is")
        line, headers, _ = ask(up, f"{rest}/crates?ids=1,2&kinds=dry&kinds=wet")
        assert (line, headers["x-key"]) == ("GET /crates?ids=1%2C2&kinds=dry&kinds=wet", "c")


@pytest.mark.parametrize("name", PARAMETER_STYLES)
def test_a_parameter_is_what_can_be_sent_of_it(tmp_path: Path, name: str) -> None:
    """A document has one way to write each type; whatever a provider wants otherwise is a text, or is left out."""
    style, inputs = PARAMETER_STYLES[name]
    path = "/y/{x}" if "in: path" in style else "/y"
    plan = plan_of(
        tmp_path,
        f"{{openapi: 3.1.0, info: {{title: T}}, servers: [{{url: 'https://t.example'}}], paths: "
        f"{{'{path}': {{get: {{operationId: g, parameters: [{{name: x, {style}}}]}}}}}}}}",
    )
    (operation,) = plan.operations
    assert [(each.name, each.location, each.type) for each in operation.parameters] == inputs


def test_what_a_document_cannot_do_is_told_where_it_is_imported(tmp_path: Path) -> None:
    """A description without a server, and one whose author asks for what is the operator's; the rest is there."""
    body = "{content: {application/json: {}}, x-fairlead-body: {block: {type: json, data: {k: ['{{ Env.HOME }}']}}}}"
    (tmp_path / "openapi.yaml").write_text(
        f"{{openapi: 3.1.0, info: {{title: T}}, paths: {{/x: {{get: {{}}, put: {{requestBody: {body}}}}}}}}}"
    )
    done = fairlead("import", "openapi.yaml", cwd=tmp_path)
    assert "no server is named: serve with `--upstream URL`" in done.err
    assert "its body asks for a variable of the environment, so it is left out" in done.err
    assert "HOME" not in (tmp_path / "t.yaml").read_text()


@pytest.mark.parametrize(
    ("scheme", "sent"),
    [
        ("type: oauth2, flows: {}", "bearer"),
        ("type: openIdConnect, openIdConnectUrl: 'https://x.example'", "bearer"),
        ("type: apiKey, in: cookie, name: session", "apikey"),
        ("type: http, scheme: digest", None),
        ("type: mutualTLS", None),
    ],
)
def test_a_credential_is_sent_where_there_is_a_word_for_it(tmp_path: Path, scheme: str, sent: str | None) -> None:
    """The others are told, and the document runs without."""
    plan = plan_of(
        tmp_path,
        "{openapi: 3.2.0, info: {title: T}, servers: [{url: 'https://t.example'}], security: [{s: []}], "
        f"components: {{securitySchemes: {{s: {{{scheme}}}}}}}, paths: {{/x: {{get: {{}}}}}}}}",
    )
    rule = plan.upstreams[0].authentication
    assert (rule.type if rule else None) == sent


def test_operations_of_one_name_or_none_have_names_of_their_own(tmp_path: Path) -> None:
    """Tools are told apart by their names, which have at most 64 characters."""
    operations = ", ".join(f"'/p{n}/{{id}}': {{get: {{operationId: '{'same ü ' * 20}'}}}}" for n in range(3))
    plan = plan_of(
        tmp_path,
        f"{{openapi: 3.0.0, info: {{title: T}}, servers: [{{url: 'https://t.example'}}], paths: {{{operations}, "
        "'/p3/{id}': {get: {}}, '/p3/{other}': {get: {}}}}",
    )
    names = [tool.name for tool in plan.tools]
    assert len(set(names)) == 5
    assert all(len(name) <= 64 and name.isascii() for name in names)
    assert len({route.shape for route in plan.routes}) == 5


def test_checking_a_document_loads_nothing_of_openapi() -> None:
    """Start-up stays fast."""
    code = (
        "import sys; sys.argv = ['fairlead', 'check']\n"
        "from fairlead.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([name for name in sys.modules if name.startswith('fairlead.openapi')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
