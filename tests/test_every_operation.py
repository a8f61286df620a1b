"""Every operation of every document, called over REST and MCP: what arrives upstream is what the document says.

What should arrive is told by `expected` below, from the inputs of the Plan alone, without the code that fills requests.
"""

from __future__ import annotations

import base64
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

import serving
from fairlead.plan.combine import combine
from fairlead.plan.compile import compile_document
from fairlead.plan.findings import LEFT_OUT
from fairlead.plan.model import Argument, Constant, Operation, Parameter, Plan, Route, Tool
from fairlead.plan.templates import Template
from fairlead.settings import Secret, Settings
from fairlead.spec.diagnostics import DocumentInvalid, has_errors
from fairlead.spec.load import load
from fairlead.spec.model import Document
from stand_in import StandIn, stand_in

SAMPLES: Mapping[str, Any] = {
    "string": "a b/ü&=?%2F+#", "integer": 7, "number": 1.5, "boolean": True, "array": ["x y", 2],
    "object": {"k": ["v", 1]}, "any": {"any": [1, "ü"]},
}  # fmt: skip
FORMATS = {"uuid": "5f3c1a52-7a0e-4d5b-9c61-2f8e4b90d7a1", "date-time": "2026-01-31T12:00:00Z", "date": "2026-01-31"}
REVISION = "2026-07-28"
META = {"io.modelcontextprotocol/protocolVersion": REVISION, "io.modelcontextprotocol/clientCapabilities": {}}
ANSWER = b'{"events": [1.50, "\\u00fc"]}'
FIXTURE = """
binds: [{namespace: env, keys: {KEY: SEA_KEY, USER: SEA_USER}}]
capability:
  consumes:
  - namespace: sea
    baseUri: https://{account}.example.com/{tenant}
    authentication: {type: AUTHENTICATION}
    headers: {X-Version: '2026-11'}
    resources:
    - path: /tides/{{station}}/{part}.json
      operations:
      - name: find
        method: GET
        inputParameters:
        - {name: $filter, in: query, type: string}
        - {name: 'filter[a.b]', in: query, type: array}
        - {name: deep, in: query, type: boolean}
        - {name: where, in: query, type: object}
        - {name: X-Trace, in: header, type: string}
        - {name: 'crumbs[]', in: cookie, type: string}
      - name: write
        method: PUT
        inputParameters: [{name: tide, in: body, type: object, required: true}]
      - name: fields
        method: PATCH
        inputParameters: [{name: a, in: body, type: integer}, {name: b, in: body, type: array}]
      - name: form
        method: POST
        inputParameters: [{name: a, in: formData}, {name: b, in: formData, type: array}]
      - name: note
        method: POST
        body: {type: json, data: {at: 'in {{place}}', all: ['{{tools.height}}', 1]}}
      - {name: gone, method: DELETE, inputParameters: [{name: why, in: body}]}
      - {name: chart, method: OPTIONS, inputParameters: [{name: chart, in: body, type: binary}]}
    - path: /charts
      operations: [{name: pages, method: POST, inputParameters: [{name: page, in: formData, type: file}]}]
  exposes:
  - type: rest
    resources:
    - path: /v1/{account}/st-{station}:tides
      operations:
      - {method: GET, call: sea.find, with: {deep: true}}
      - {method: PUT, call: sea.write}
      - {method: PATCH, call: sea.fields}
      - {method: POST, call: sea.form}
      - {method: DELETE, call: sea.gone}
    - {path: /v1/chart, operations: [{method: POST, call: sea.chart}]}
    - {path: /v1/pages, operations: [{method: POST, call: sea.pages}]}
    - {path: /v1/notes, operations: [{method: POST, call: sea.note, with: {part: 'p-{{rest.piece}}'}}]}
  - type: mcp
    tools:
    - {name: find, call: sea.find, with: {station: tools.where_to}}
    - {name: write, call: sea.write}
    - {name: fields, call: sea.fields}
    - {name: form, call: sea.form}
    - {name: note, call: sea.note}
    - {name: gone, call: sea.gone}
    - {name: chart, call: sea.chart}
    - {name: pages, call: sea.pages}
"""
AUTHENTICATIONS = (
    "bearer, token: '{{env.KEY}}'",
    "apikey, key: X-Key, value: 'Key {{KEY}}'",
    "apikey, in: query, name: key, value: '{{env.KEY}}'",
    "apikey, in: cookie, name: session, value: '{{env.KEY}}'",
    "apikey, key: secret, value: '{{env.KEY}}', placement: body",
    "basic, username: '{{USER}}', password: '{{env.KEY}}'",
    "basic, username: '{{UNBOUND}}', password: ''",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What is to arrive upstream."""

    line: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: object


@dataclass(slots=True)
class Tally:
    """What was seen of a set of documents."""

    exposed: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    documents: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def sample(parameter: Parameter) -> Any:
    """A valid value, with whatever its place has to encode."""
    if parameter.enum:
        return parameter.enum[0]
    if parameter.format in FORMATS:
        return FORMATS[parameter.format]
    if parameter.pattern is not None:
        likely = [parameter.example, *parameter.known_values, "1795000000", "1795000000000000", "a"]
        return next(each for each in likely if isinstance(each, str) and re.search(parameter.pattern, each))
    if parameter.location == "host":
        return "label-1"
    if parameter.location == "header" and parameter.type == "string":
        return "plain value"
    return SAMPLES[parameter.type]


def text(value: Any) -> str:
    """A value where only text can stand."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def supplied(operation: Operation, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Name, place and value of each input that a call with these arguments has."""
    for item in operation.call.inputs:
        if isinstance(item.supply, Constant):
            yield item.name, item.location, item.supply.value
        elif isinstance(item.supply, Argument):
            if item.supply.name in arguments:
                yield item.name, item.location, arguments[item.supply.name]
        elif set(item.supply.variables) <= arguments.keys():
            yield item.name, item.location, item.supply.render(lambda name: text(arguments[name]))


def templated(part: Any, values: Mapping[str, Any]) -> Any:
    """A body template with the values of its inputs, all of which are given here."""
    if isinstance(part, Constant):
        return part.value
    if isinstance(part, Argument):
        return values[part.name]
    if isinstance(part, Template):
        return part.render(lambda name: text(values[name]))
    if isinstance(part, tuple):
        return [templated(item, values) for item in part]
    return {key: templated(item, values) for key, item in part.items()}


def credential(operation: Operation) -> tuple[dict[str, str], list[tuple[str, str]], dict[str, str]]:
    """The headers, the query and the fields of the credential, when each variable holds its own name."""
    rule = operation.call.upstream.authentication
    if rule is None:
        return {}, [], {}

    def said(template: Template | None) -> str:
        assert template is not None
        return template.render(lambda name: rule.variables[name])

    if rule.type == "basic":
        pair = base64.b64encode(f"{said(rule.username)}:{said(rule.password)}".encode()).decode()
        return {"authorization": f"Basic {pair}"}, [], {}
    if rule.type == "bearer":
        scheme = next((each.scheme for each in rule.schemes if each.pattern is None), "Bearer")
        return {"authorization": f"{scheme} {said(rule.token)}"}, [], {}
    if rule.placement == "query":
        return {}, [(said(rule.key), said(rule.value))], {}
    if rule.placement == "body":
        return {}, [], {said(rule.key): said(rule.value)}
    if rule.placement == "cookie":
        return {"cookie": f"{said(rule.key)}={said(rule.value)}"}, [], {}
    return {said(rule.key).lower(): said(rule.value)}, [], {}


def expected(operation: Operation, arguments: Mapping[str, Any]) -> Expected:
    """What is to arrive for these arguments."""
    call, inputs = operation.call, list(supplied(operation, arguments))
    filled = {name: quote(text(value), safe="") for name, place, value in inputs if place == "path"}
    path = call.path.literals[0]
    for name, literal in zip(call.path.names, call.path.literals[1:], strict=True):
        path += filled[name] + literal
    path, _, own = path.partition("?")
    headers, query, own_fields = credential(operation)
    pairs = [(name, value) for name, place, value in inputs if place == "query"]
    several = [(name, item) for name, value in pairs for item in (value if isinstance(value, list) else [value])]
    sent = {name.lower(): text(value) for name, place, value in inputs if place == "header"}
    fields = {name: value for name, place, value in inputs if place == "field"}
    body: object = next((value for _, place, value in inputs if place == "body"), fields or None)
    if call.body is not None and call.body.template is not None:
        body = templated(call.body.template, fields)
    if own_fields:
        assert isinstance(body, dict | None)
        body = (body or {}) | own_fields
    cookies = [
        f"{quote(name, safe='')}={quote(text(value), safe='')}" for name, place, value in inputs if place == "cookie"
    ]
    if cookies:
        headers["cookie"] = "; ".join([*filter(None, [headers.get("cookie")]), *cookies])
    return Expected(
        line=f"{call.method} {path}",
        query=[*parse_qsl(own, keep_blank_values=True), *((name, text(item)) for name, item in several), *query],
        headers=sent | headers,
        body=body,
    )


def parts_of(content_type: str, body: bytes) -> list[tuple[str, str]]:
    """The fields of a multipart body, as the standard library's reader of messages finds them."""
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    found = []
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found.append((str(part.get_param("name", header="content-disposition")), content.decode()))
    return found


def assert_arrived(up: StandIn, operation: Operation, arguments: Mapping[str, Any]) -> None:
    """The one call that arrived is the one that the document says."""
    wanted = expected(operation, arguments)
    ((line, headers),) = up.asked
    (body,) = up.bodies
    target, _, query = line.partition("?")
    assert target == wanted.line
    assert parse_qsl(query, keep_blank_values=True) == wanted.query
    assert {name: headers.get(name) for name in wanted.headers} == wanted.headers
    if wanted.body is None:
        assert body == b""
        return
    assert operation.call.body is not None
    if operation.call.body.kind == "json":
        assert headers["content-type"] == "application/json"
        assert json.loads(body) == wanted.body
    elif operation.call.body.kind == "form":
        assert isinstance(wanted.body, dict)
        items = [(n, i) for n, v in wanted.body.items() for i in (v if isinstance(v, list) else [v])]
        assert parse_qsl(body.decode()) == [(name, text(item)) for name, item in items]
    elif operation.call.body.kind == "bytes":
        assert (headers["content-type"], body) in {
            ("image/png", text(wanted.body).encode()),
            ("application/octet-stream", text(wanted.body).encode()),
        }
    elif operation.call.body.kind == "multipart":
        assert isinstance(wanted.body, dict)
        items = [(n, i) for n, v in wanted.body.items() for i in (v if isinstance(v, list) else [v])]
        assert parts_of(headers["content-type"], body) == [(name, text(item)) for name, item in items]
    else:
        assert body.decode() == text(wanted.body)


def call_route(http: HTTPConnection, route: Route, arguments: Mapping[str, Any]) -> tuple[int, bytes]:
    """The answer of a route to these arguments."""
    in_path = {placeholder.parameter for placeholder in route.placeholders}
    segments = [segment.filled(lambda each: text(arguments[each.parameter])) for segment in route.segments]
    path = "".join(f"/{quote(segment, safe='')}" for segment in segments)
    query, headers, fields, body = [], {}, {}, None
    for parameter in route.operation.parameters:
        if parameter.name in in_path:
            continue
        value = arguments[parameter.name]
        if parameter.location == "header":
            headers[parameter.name] = text(value)
        elif parameter.location == "body":
            body = value
        elif parameter.location == "field" and route.method in {"POST", "PUT", "PATCH"}:
            fields[parameter.name] = value
        else:
            items = value if isinstance(value, list) else [value]
            query += [f"{quote(parameter.name, safe='')}={quote(text(item), safe='')}" for item in items]
    given = body if body is not None else fields or None
    content = None if given is None else json.dumps(given).encode()
    headers |= {"content-type": "application/json"} if content is not None else {}
    if body is not None and route.operation.call.body and route.operation.call.body.kind == "bytes":
        content, headers["content-type"] = body.encode(), "image/png"
    http.request(route.method, f"{path}?{'&'.join(query)}" if query else path, content, headers)
    answer = http.getresponse()
    return answer.status, answer.read()


def call_tool(http: HTTPConnection, tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The result of a tool for these arguments."""
    given = {tool.aliases.get(name, name): value for name, value in arguments.items()}
    params = {"name": tool.name, "arguments": given, "_meta": META}
    headers = {
        "accept": "application/json, text/event-stream", "content-type": "application/json",
        "mcp-protocol-version": REVISION, "mcp-method": "tools/call", "mcp-name": tool.name,
    }  # fmt: skip
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    http.request("POST", "/mcp", json.dumps(message).encode(), headers)
    result: dict[str, Any] = json.loads(http.getresponse().read())["result"]
    return result


def forget(up: StandIn) -> None:
    """Forget what was asked so far."""
    up.asked.clear()
    up.bodies.clear()


@contextmanager
def connection(url: str) -> Iterator[HTTPConnection]:
    """A connection for many requests."""
    place = urlsplit(url)
    http = HTTPConnection(place.hostname or "", place.port, timeout=20)
    try:
        yield http
    finally:
        http.close()


def assert_all_arrive(plans: tuple[Plan, ...], tally: Tally) -> None:
    """Call everything that plans expose, on one server."""
    plans = combine(plans)
    variables = {v for p in plans for u in p.upstreams if u.authentication for v in u.authentication.variables.values()}
    settings = Settings(secrets={name: Secret(name) for name in variables}, grace_period=1)
    with ExitStack() as stack:
        up = stack.enter_context(stand_in(body=ANSWER))
        running = stack.enter_context(serving.gateway(plans=plans, upstream=up.url, settings=settings))
        rest, mcp = (stack.enter_context(connection(url)) for url in (running.rest_url, running.mcp_url))
        for plan in plans:
            for route in plan.routes:
                arguments = {each.name: sample(each) for each in route.operation.parameters}
                forget(up)
                status, body = call_route(rest, route, arguments)
                answer = b"" if route.method == "HEAD" or route.operation.call.method == "HEAD" else ANSWER
                assert (status, body) == (200, answer), (plan.file, route.path)
                assert_arrived(up, route.operation, arguments)
                tally.calls["REST"] += 1
            for tool in plan.tools:
                arguments = {each.name: sample(each) for each in tool.operation.parameters}
                forget(up)
                result = call_tool(mcp, tool, arguments)
                assert not result["isError"], (plan.file, tool.name, result)
                assert_arrived(up, tool.operation, arguments)
                tally.calls["MCP"] += 1


@pytest.mark.parametrize("authentication", AUTHENTICATIONS)
def test_every_operation_of_our_own_document_arrives(tmp_path: Path, authentication: str) -> None:
    """Every kind of parameter, of body and of credential, over REST and over MCP."""
    (tmp_path / "sea.yaml").write_text(FIXTURE.replace("AUTHENTICATION", authentication))
    compiled = compile_document(load(tmp_path / "sea.yaml"))
    assert not has_errors(compiled.diagnostics)
    tally = Tally()
    assert_all_arrive((compiled.plan,), tally)
    # A body that is bytes has no field for a credential.
    served = 7 if "body" in authentication else 8
    assert tally.calls == {"REST": served, "MCP": served}


def test_a_document_that_exposes_nothing_exposes_what_it_consumes(tmp_path: Path) -> None:
    """Each operation at its path in lower case, and as a tool; a header with a variable is the credential."""
    text = FIXTURE[: FIXTURE.index("  exposes:")].replace("    authentication: {type: AUTHENTICATION}\n", "")
    (tmp_path / "sea.yaml").write_text(text.replace("headers: {", "headers: {X-Key: '{{KEY}}', "))
    plan = compile_document(load(tmp_path / "sea.yaml")).plan
    assert {route.path for route in plan.routes} == {"/v1/tides/{station}/{part}.json", "/v1/charts"}
    tally = Tally()
    assert_all_arrive((plan,), tally)
    assert tally.calls["MCP"] == 8


def test_every_operation_of_the_shipped_document_arrives(seed: Path) -> None:
    """With its overlay."""
    tally = Tally()
    assert_all_arrive((compile_document(load(seed)).plan,), tally)
    assert tally.calls == {"REST": 2, "MCP": 2}


def test_every_operation_of_every_published_document_arrives(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of a provider in one server; what is not served was told why."""
    tally = Tally()
    folders = sorted({file.parent for file in (shared / "catalog").rglob("*.y*ml")})
    for folder in folders:
        if plans := tuple(accepted(folder, tally)):
            assert_all_arrive(plans, tally)
    with capsys.disabled():
        sys.stderr.write(
            f"\nexposed: {dict(tally.exposed)}; run: {dict(tally.calls)}; refused: {dict(tally.refused)}\n"
        )
        sys.stderr.write(f"documents: {dict(tally.documents)}\n")
    # Nothing that an author exposes is gone without a word.
    assert tally.exposed.total() == tally.calls.total() + tally.refused.total()
    assert tally.calls["REST"] > 3_700
    assert tally.calls["MCP"] > 3_900


def exposures(plan: Plan, document: Document) -> Iterator[str]:
    """`REST` or `MCP` for everything that a document exposes, in its author's words; without any, what the plan has."""
    if not document.capability.exposes:
        yield from ["REST"] * len(plan.routes) + ["MCP"] * len(plan.tools)
    for adapter in document.capability.exposes:
        if adapter.type == "rest":
            yield from ("REST" for resource in adapter.resources for _ in resource.operations)
        elif adapter.type == "mcp":
            yield from ("MCP" for _ in adapter.tools)


def accepted(folder: Path, tally: Tally) -> Iterator[Plan]:
    """The plans of a folder's documents that `check` accepts; refusals are counted."""
    for file in sorted(folder.glob("*.y*ml")):
        try:
            compiled = compile_document(load(file))
        except DocumentInvalid as refused:
            tally.documents[refused.diagnostics[0].code] += 1
            continue
        errors = [each.code for each in compiled.diagnostics if each.severity == "error"]
        if errors:
            tally.documents[errors[0]] += 1
            continue
        tally.documents["accepted"] += 1
        tally.exposed.update(exposures(compiled.plan, load(file).document))
        tally.refused.update(each.code for each in compiled.diagnostics if each.code in LEFT_OUT)
        yield compiled.plan
