"""An overlay of what the provider documents: it adds, it closes nothing that is open, and it guesses nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

import serving
from command import fairlead
from fairlead.openapi.enriching import enrichment
from fairlead.openapi.exporting import consumed_description
from fairlead.openapi.reading import read_description
from fairlead.openapi.text import yaml_text
from fairlead.plan.compile import compile_document
from fairlead.plan.model import Operation, Parameter
from fairlead.spec.diagnostics import DocumentInvalid, without_notes
from fairlead.spec.load import load
from fairlead.spec.source import read_file
from stand_in import stand_in

PROVIDER = """
openapi: 3.0.3
info: {title: Qovery-like, version: 1.0.4}
servers: [{url: https://api.qovery.com}]
paths:
  /organization/{organization_id}/events:
    parameters:
    - {name: organization_id, in: path, required: true, schema: {type: string, format: uuid}, description: Which one.}
    get:
      operationId: getOrganizationEvents
      parameters:
      - {name: pageSize, in: query, schema: {type: integer, minimum: 1, maximum: 100, default: 10}}
      - {name: eventType, in: query, description: What happened., schema: {type: string, enum: [CREATE, DELETE]}}
      - {name: triggeredBy, in: query, description: Not the author's words., schema: {type: string, pattern: '(?=x)y'}}
      - {name: continueToken, in: query, schema: {type: string, format: uuid, example: '123'}}
      - {name: projects, in: query, schema: {type: array, items: {type: string}}}
      - {name: X-Tenant, in: header, schema: {type: string}}
      responses:
        '200':
          description: ok
          content: {application/json: {schema: {$ref: '#/components/schemas/Page'}}}
components:
  schemas:
    Page:
      type: object
      required: [events]
      additionalProperties: false
      properties:
        next: {$ref: '#/components/schemas/Page'}
        events: {type: array, nullable: true, items: {type: object, properties: {kind: {enum: [A, B]}}}}
"""
DOCUMENT = """
naftiko: 1.0.0-alpha2
info: {label: Sea, description: The sea}
capability:
  consumes:
  - type: http
    namespace: sea
    baseUri: https://sea.example/v1
    resources:
    - name: tides
      path: /tides/{station}
      inputParameters: [{name: station, in: path, type: string}]
      operations:
      - {name: tides, method: GET, inputParameters: INPUTS}
      - {name: post, method: POST}
      - {name: renamed, method: DELETE}
"""
SEA = """
openapi: 3.1.0
info: {title: Sea, version: '1'}
servers: [{url: 'https://other.example/v1'}]
paths:
  /Tides/{id}:
    get: {parameters: [{name: id, in: path, required: true, schema: {type: string, pattern: '^s[0-9]+$'}}, PARAMETER]}
    post:
      requestBody: {required: true, content: {application/json: {schema: {type: array}}}}
  /gone/{id}: {delete: {operationId: Renamed}}
"""


@pytest.fixture
def enriched(seed: Path, tmp_path: Path) -> Path:
    """The shipped document without its own overlay, beside the one that is made of its provider's description."""
    shutil.copy(seed, tmp_path / "events.yaml")
    (tmp_path / "openapi.yaml").write_text(PROVIDER)
    done = fairlead("enrich", "events.yaml", "--openapi", "openapi.yaml", cwd=tmp_path)
    assert done.code == 0, done.err
    return tmp_path / "events.yaml"


def operation_of(document: Path, name: str) -> Operation:
    """An operation of a document with the overlay beside it, which has nothing for `check` to tell."""
    compiled = compile_document(load(document))
    assert not without_notes(compiled.diagnostics)
    return next(each for each in compiled.plan.operations if each.name == name)


def sea(folder: Path, *, inputs: str = "[]", parameter: str = "{name: x, in: query}") -> dict[str, Parameter]:
    """The parameters of `tides` with what its provider says of them."""
    (folder / "sea.yaml").write_text(DOCUMENT.replace("INPUTS", inputs))
    (folder / "openapi.yaml").write_text(SEA.replace("PARAMETER", parameter))
    done = fairlead("enrich", "sea.yaml", "--openapi", "openapi.yaml", "--force", cwd=folder)
    assert done.code == 0, done.err
    return {each.name: each for each in operation_of(folder / "sea.yaml", "tides").parameters}


def test_what_the_provider_documents_is_added_and_the_author_keeps_the_last_word(enriched: Path) -> None:
    """Facts where the document has none; the type is the provider's."""
    parameters = {each.name: each for each in operation_of(enriched, "getorganizationevents").parameters}
    size, kind = parameters["pageSize"], parameters["eventType"]
    assert (size.type, size.minimum, size.maximum, size.default) == ("integer", 1, 100, 10)
    assert size.description == "The number of events to display in the current page"
    assert (kind.known_values, kind.enum, kind.description) == (("CREATE", "DELETE"), (), "What happened.")
    assert parameters["organizationId"].format == "uuid"
    assert parameters["organizationId"].description == "Which one."
    assert (parameters["projects"].type, parameters["projects"].required) == ("array", False)
    assert parameters["X-Tenant"].location == "header"
    assert parameters["triggeredBy"].pattern is None  # no pattern that could be tried
    assert parameters["continueToken"].format is None  # the provider's own example breaks it
    assert parameters["continueToken"].example == "123"


def test_the_answer_is_described_whole_and_closes_nothing(enriched: Path) -> None:
    """References are followed, circles are cut; nothing is required, listed or excluded."""
    schema = operation_of(enriched, "getorganizationevents").response_schema
    kind = {"type": "string", "examples": ["A", "B"]}
    assert schema == {
        "type": "object",
        "properties": {
            "next": {},
            "events": {"type": ["array", "null"], "items": {"type": "object", "properties": {"kind": kind}}},
        },
    }


def test_a_value_that_nobody_listed_is_still_sent(enriched: Path) -> None:
    """Providers add values every month."""
    with stand_in() as up, serving.gateway(enriched, upstream=up.url) as running:
        url = f"{running.route()}?eventType=NEW_ONE&projects=a&projects=b&pageSize=5"
        assert httpx2.get(url).status_code == 200
        refused = httpx2.get(f"{running.route()}?pageSize=500")
    assert "eventType=NEW_ONE" in up.asked[0][0]
    assert refused.json()["errors"][0]["detail"] == "must be at most 100, not `500`"


def test_targets_name_what_they_mean(enriched: Path) -> None:
    """They still fit after the author moved an operation; an operation that is gone is told."""
    overlay = yaml.safe_load(enriched.with_name("events.overlay.yaml").read_text())
    for action in overlay["actions"]:
        assert "@.name == 'getorganizationevents'" in action["target"]
        assert "[0]" not in action["target"]
    document = yaml.safe_load(enriched.read_text())
    document["capability"]["consumes"][0]["resources"].reverse()
    enriched.write_text(yaml.safe_dump(document, sort_keys=False))
    assert operation_of(enriched, "getorganizationevents").parameters[0].format == "uuid"


def test_the_summary_says_what_matched_and_what_comes_next(seed: Path, tmp_path: Path) -> None:
    """An overlay that is there already is not replaced unasked, and `-` prints."""
    shutil.copy(seed, tmp_path / "events.yaml")
    (tmp_path / "openapi.yaml").write_text(PROVIDER)
    command = ("enrich", "events.yaml", "--openapi", "openapi.yaml")
    done = fairlead(*command, cwd=tmp_path)
    assert "Wrote events.overlay.yaml: 1 of 2 operations matched." in done.out
    assert "lists of known values 1" in done.out
    assert "fairlead explain events.yaml, then fairlead serve events.yaml" in done.out
    told = "getorganizationeventtargets (GET /organization/{organizationId}/targets): the description has no operation"
    assert told in done.err
    again = fairlead(*command, cwd=tmp_path)
    assert (again.code, again.out) == (4, "")
    assert "There is events.overlay.yaml already. Add `--force`" in again.err
    assert fairlead(*command, "--force", cwd=tmp_path).code == 0
    printed = fairlead(*command, "--output", "-", cwd=tmp_path)
    assert printed.out == (tmp_path / "events.overlay.yaml").read_text()
    assert str(tmp_path) not in printed.out
    elsewhere = fairlead(*command, "--output", "other.yaml", cwd=tmp_path)
    assert "fairlead serve events.yaml --overlay other.yaml" in elsewhere.out


def test_a_description_of_something_else_is_told(seed: Path, tmp_path: Path) -> None:
    """No overlay of nothing."""
    (tmp_path / "openapi.yaml").write_text(SEA.replace("PARAMETER", "{}"))
    done = fairlead("enrich", seed, "--openapi", "openapi.yaml", "--output", "x.yaml", cwd=tmp_path)
    assert done.code == 1
    assert "None of the 2 operations is in openapi.yaml. Check that it describes the same API" in done.err
    assert not (tmp_path / "x.yaml").exists()


def test_operations_match_by_path_whatever_the_placeholders_are_called_and_by_name_else(tmp_path: Path) -> None:
    """An input of the resource gets its facts for the one operation that they are stated for."""
    parameters = sea(tmp_path)
    assert parameters["station"].pattern == "^s[0-9]+$"
    post = operation_of(tmp_path / "sea.yaml", "post")
    assert {each.name: (each.type, each.required) for each in post.parameters} == {
        "station": ("string", True),
        "body": ("array", True),
    }
    again = fairlead("enrich", "sea.yaml", "--openapi", "openapi.yaml", "--output", "-", cwd=tmp_path)
    assert "3 of 3 operations matched" in again.err


def test_a_path_matches_below_the_path_of_its_server(tmp_path: Path) -> None:
    """Where a part of the address is a parameter here, and the server's for the provider."""
    document = DOCUMENT.replace("INPUTS", "[]").replace("sea.example/v1", "sea.example/{tenant}/v1")
    (tmp_path / "sea.yaml").write_text(document)
    description = SEA.replace("PARAMETER", "{name: x, in: query}").replace("other.example", "other.example/{t}")
    (tmp_path / "openapi.yaml").write_text(description)
    assert fairlead("enrich", "sea.yaml", "--openapi", "openapi.yaml", cwd=tmp_path).code == 0
    plan = compile_document(load(tmp_path / "sea.yaml")).plan
    parameters = {each.name: each for each in plan.operations[0].parameters}
    assert (parameters["station"].pattern, parameters["tenant"].pattern) == ("^s[0-9]+$", None)


def test_what_may_be_several_operations_is_told_and_left_alone(tmp_path: Path) -> None:
    """A guess would be worse than nothing."""
    (tmp_path / "sea.yaml").write_text(DOCUMENT.replace("INPUTS", "[]"))
    same = "{get: {parameters: [{name: y, in: query}]}}"
    paths = f"{{'/tides/{{a}}': {same}, '/tides/{{b}}': {same}, '/x': {{delete: {{operationId: renamed}}}}}}"
    (tmp_path / "openapi.yaml").write_text(f"{{openapi: 3.1.0, paths: {paths}}}")
    done = fairlead("enrich", "sea.yaml", "--openapi", "openapi.yaml", "--output", "-", cwd=tmp_path)
    assert "tides (GET /tides/{station}): may be any of GET /tides/{a}, GET /tides/{b}" in done.err
    assert "name: y" not in done.out


@pytest.mark.parametrize(
    ("declared", "described", "kind"),
    [
        ("type: array", "explode: false, schema: {type: array}", "string"),
        ("type: array", "schema: {type: array}", "array"),
        ("type: string", "schema: {type: [integer, 'null']}", "integer"),
        ("type: integer", "schema: {type: string}", "string"),
        ("type: integer", "schema: {}", "integer"),
        ("type: boolean", "schema: {anyOf: [{type: string}, {type: boolean}]}", "string"),
        ("type: string, enum: [a, b]", "schema: {type: integer}", "string"),
        ("type: number", "schema: {$ref: 'other.yaml#/x'}", "number"),
    ],
)
def test_a_type_never_makes_a_true_call_impossible(tmp_path: Path, declared: str, described: str, kind: str) -> None:
    """What the provider takes can be given, in the form in which it is sent."""
    made = sea(
        tmp_path, inputs=f"[{{name: x, in: query, {declared}}}]", parameter=f"{{name: x, in: query, {described}}}"
    )
    assert made["x"].type == kind


@pytest.mark.parametrize(
    ("described", "kept"),
    [
        ("schema: {type: integer, exclusiveMinimum: 0}", {"minimum": 1}),
        ("schema: {type: number, exclusiveMaximum: 1}", {"maximum": 1}),
        ("schema: {type: integer, maximum: 9223372036854775807}", {"maximum": None}),
        ("schema: {type: integer, minimum: 5, default: 0}", {"minimum": None, "default": 0}),
        ("schema: {type: string, pattern: '['}", {"pattern": None}),
        ("schema: {type: string, format: duration}", {"format": None}),
        ("schema: {type: string, minimum: 3}", {"minimum": None}),
        ("required: true, schema: {type: string, default: a}", {"required": False, "default": "a"}),
        ("required: true, schema: {type: string}", {"required": True}),
        ("schema: {type: integer}, example: seven", {"example": None}),
        ("schema: {type: boolean, default: 'true'}", {"default": True}),
        ("schema: {allOf: [{enum: [a]}, {description: Said.}]}", {"known_values": ("a",), "description": "Said."}),
        ("schema: {anyOf: [{type: string}, {enum: [b]}]}", {"known_values": ("b",)}),
    ],
)
def test_a_limit_is_the_providers_for_that_very_parameter(tmp_path: Path, described: str, kept: dict[str, Any]) -> None:
    """And is left out where it cannot be held, or where the provider breaks it itself."""
    x = sea(tmp_path, inputs="[{name: x, in: query}]", parameter=f"{{name: x, in: query, {described}}}")["x"]
    assert {name: getattr(x, name) for name in kept} == kept


def test_the_known_values_of_a_number_are_numbers(tmp_path: Path) -> None:
    """In the schemas that callers see; another number can still be given."""
    made = sea(tmp_path, parameter="{name: x, in: query, schema: {type: integer, enum: [1, 2, null]}}")
    assert made["x"].known_values == ("1", "2")
    described = json.loads(fairlead("openapi", tmp_path / "sea.yaml").out)
    (schema,) = [each["schema"] for each in described["paths"]["/v1/tides/{station}"]["get"]["parameters"][1:]]
    assert schema == {"type": "integer", "examples": [1, 2]}


def test_maps_keyed_by_name_are_corrected_as_their_author_wrote_them(tmp_path: Path) -> None:
    """The beta generation of documents."""
    (tmp_path / "sea.yaml").write_text(
        "capability:\n  consumes:\n    sea's:\n      baseUri: https://sea.example/v1\n      resources:\n"
        "        tides: {path: '/tides/{id}', operations: {tides: {method: GET, inputParameters: {x: {in: query}}}}}\n"
    )
    (tmp_path / "openapi.yaml").write_text(
        SEA.replace("PARAMETER", "{name: x, in: query, schema: {type: integer}}, {name: y, in: query}")
    )
    assert fairlead("enrich", "sea.yaml", "--openapi", "openapi.yaml", cwd=tmp_path).code == 0
    parameters = operation_of(tmp_path / "sea.yaml", "tides").parameters
    assert {each.name: each.type for each in parameters} == {"id": "string", "x": "integer", "y": "string"}


def test_no_published_document_is_worse_for_its_overlay(shared: Path, tmp_path: Path) -> None:
    """Each is matched with the description of its own calls, and `check` says nothing new (every third is tried)."""
    matched = total = 0
    for file in sorted((shared / "catalog").rglob("*.y*ml"))[::3]:
        try:
            loaded = load(file)
        except DocumentInvalid:
            continue
        described = yaml_text(consumed_description(loaded).description).encode()
        made = enrichment(read_file(file), read_description(described, "export.yaml"), "Itself")
        (tmp_path / "overlay.yaml").write_text(yaml_text(made.overlay))
        before = {(found.code, found.message) for found in compile_document(loaded).diagnostics}
        after = compile_document(load(file, tmp_path / "overlay.yaml")).diagnostics
        assert [str(found) for found in after if (found.code, found.message) not in before] == []
        matched, total = matched + made.matched, total + made.total
    assert total - matched < 10 < matched
