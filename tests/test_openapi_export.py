"""The description of the API that a document calls: valid, complete, and good for calling the same again."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from schemathesis.specs.openapi import definitions

from command import fairlead
from fairlead.openapi.exporting import consumed_description
from fairlead.openapi.importing import capability_document
from fairlead.openapi.reading import read_description
from fairlead.openapi.text import yaml_text
from fairlead.plan.compile import compile_document
from fairlead.plan.consumed import ConsumedEntry, read_consumed
from fairlead.plan.findings import Findings
from fairlead.spec.diagnostics import DocumentInvalid, has_errors
from fairlead.spec.load import LoadedDocument, load
from node_tools import installed, run_node

DOCUMENT = """
info: {label: Sea, description: What the sea does}
binds: [{namespace: env, keys: {KEY: SEA_KEY, TOKEN: SEA_TOKEN}}]
capability:
  consumes:
  - type: http
    namespace: sea
    baseUri: https://{account}.sea.example/{tenant}
    authentication: {type: bearer, token: '{{env.TOKEN}}'}
    headers: {X-Version: '2026-11', X-Api-Key: hunter2}
    resources:
    - path: /tides/{{station}}/{part}.json?mode=full
      operations:
      - name: find
        method: GET
        inputParameters:
        - {name: $filter, in: query, type: string, x-fairlead-known-values: [high, low]}
        - {name: many, in: query, type: array}
        - {name: where, in: query, type: object}
        - {name: X-Trace, in: header, type: integer, x-fairlead-minimum: 1}
        - {name: Accept, in: header}
        x-fairlead-response-schema: {type: object, properties: {height: {type: number}}}
      - {name: write, method: PUT, inputParameters: [{name: tide, in: body, type: object, required: true}]}
      - {name: fields, method: PATCH, inputParameters: [{name: a, in: body, type: integer}, {name: b, in: body}]}
      - {name: gone, method: DELETE, inputParameters: [{name: why, in: body, required: true}]}
    - path: /notes
      operations:
      - {name: form, method: POST, inputParameters: [{name: a, in: formData, required: true}, {name: b, in: formData}]}
      - {name: file, method: PUT, inputParameters: [{name: a, in: formData, type: file}]}
      - {name: say, method: PATCH, body: {type: json, data: {at: 'in {{place}}', all: ['{{tools.height}}', 1]}}}
    - {path: /raw, operations: [{name: raw, method: POST, body: {type: text, data: 'a {{word}}'}}]}
    - {path: /any, operations: [{name: any, method: POST, outputRawFormat: csv}]}
    - {path: /visit, operations: [{name: visit, inputParameters: [{name: visit, in: cookie, required: true}]}]}
  - type: http
    namespace: land
    baseUri: https://land.example
    authentication: {type: apikey, key: X-Key, value: 'Key {{env.KEY}}', placement: header}
    resources:
    - path: /notes
      operations: [{name: form, method: POST}]
    - path: /hosts
      operations: [{name: hosts, method: GET}]
  - {type: http, namespace: own, baseUri: 'https://{host}', resources: [{path: /hosts, operations: [{name: own}]}]}
"""


def calls(loaded: LoadedDocument) -> Counter[Any]:
    """What is called: methods, addresses, inputs with their places, and bodies; without what Fairlead cannot send."""
    every = {
        entry.at: entry
        for entries in read_consumed(loaded.document, Findings(loaded.source)).values()
        for entry in entries
    }
    http = [e for e in every.values() if loaded.document.capability.consumes[e.at[2]].type == "http"]
    return Counter(call_of(entry) for entry in http if not unsendable(entry))


def call_of(entry: ConsumedEntry) -> Any:
    """One call as plain values."""
    # What of an address is a variable of the environment is given by callers or the operator where it is imported.
    inputs = frozenset((item.name, item.location) for item in entry.inputs if item.name and item.location != "host")
    kind = entry.body.kind if entry.body else None
    base = entry.upstream.base.lower().replace("env.", "env_")
    return entry.authored.method, f"{base}{entry.path.text}", inputs, kind


def unsendable(entry: ConsumedEntry) -> bool:
    """Whether an input is none of a request that Fairlead can make."""
    return any(item.authored and item.authored.location in {"cookie", "environment"} for item in entry.inputs)


def imported(folder: Path, description: Any) -> LoadedDocument:
    """The document that a description is imported as."""
    read = read_description(yaml_text(description).encode(), "export.yaml")
    (folder / "imported.yaml").write_text(yaml_text(capability_document(read.description).document))
    return load(folder / "imported.yaml")


def valid(description: Any) -> bool:
    """Whether a description is OpenAPI 3.1, by the schema of the specification."""
    return definitions.OPENAPI_31_VALIDATOR.is_valid(description)


@pytest.fixture
def exported(tmp_path: Path) -> Any:
    """What `export` prints of a document that exposes nothing, calls three APIs and holds what cannot be run."""
    (tmp_path / "sea.yaml").write_text(DOCUMENT)
    done = fairlead("export", "sea.yaml", cwd=tmp_path)
    assert done.code == 0, done.err
    return yaml.safe_load(done.out)


def test_an_export_describes_every_call_with_its_true_places(exported: Any) -> None:
    """Methods, paths, parameters, bodies with their media types, answers; each API at its own server."""
    assert valid(exported)
    tides = exported["paths"]["/{tenant}/tides/{station}/{part}.json?mode=full"]
    find = {each["name"]: each for each in tides["get"]["parameters"]}
    assert {name: each["in"] for name, each in find.items()} == {
        "$filter": "query", "many": "query", "where": "query", "X-Trace": "header", "Accept": "header",
        "tenant": "path", "station": "path", "part": "path", "X-Version": "header", "X-Api-Key": "header",
    }  # fmt: skip
    assert find["X-Version"]["schema"]["const"] == "2026-11"
    assert find["$filter"]["schema"] == {"type": "string", "examples": ["high", "low"]}
    assert find["where"]["content"] == {"application/json": {"schema": {"type": "object"}}}
    assert tides["get"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
    assert tides["put"]["requestBody"]["required"] is True
    assert exported["paths"]["/hosts"]["servers"] == [{"url": "https://land.example"}]
    assert exported["paths"]["/hosts#own"]["servers"][0]["url"] == "https://{host}"
    media = {name: list(op["requestBody"]["content"]) for name, op in _operations(exported) if "requestBody" in op}
    assert media["form"] == ["application/x-www-form-urlencoded"]
    assert media["file"] == ["multipart/form-data"]
    assert media["raw"] == ["text/plain"]
    assert media["say"] == media["any"] == ["application/json"]
    operations = dict(_operations(exported))
    assert {each["name"]: each["in"] for each in operations["visit"]["parameters"]}["visit"] == "cookie"
    assert "text/csv" in operations["any"]["responses"]["200"]["content"]


def _operations(description: Any) -> list[tuple[str, Any]]:
    items = description["paths"].values()
    return [(op["operationId"], op) for item in items for key, op in item.items() if key != "servers"]


def test_an_export_tells_how_to_authenticate_and_never_with_what(exported: Any) -> None:
    """A key that an author wrote into a header is none of the description's business."""
    assert exported["components"]["securitySchemes"] == {
        "sea": {"type": "http", "scheme": "bearer"},
        "land": {"type": "apiKey", "in": "header", "name": "X-Key", "description": "Written `Key …`."},
    }
    assert exported["paths"]["/hosts"]["get"]["security"] == [{"land": []}]
    assert "hunter2" not in json.dumps(exported)


def test_an_export_imported_again_makes_the_same_calls(exported: Any, tmp_path: Path) -> None:
    """Methods, addresses, inputs, places and bodies."""
    again = imported(tmp_path, exported)
    assert calls(again) == calls(load(tmp_path / "sea.yaml"))
    assert not has_errors(compile_document(again).diagnostics)


def test_an_export_is_yaml_or_json_on_standard_output_or_in_a_file(tmp_path: Path, seed: Path) -> None:
    """The same either way, and no file is replaced unasked."""
    printed = fairlead("export", seed)
    as_json = fairlead("export", seed, "--json")
    assert yaml.safe_load(printed.out) == json.loads(as_json.out)
    done = fairlead("export", seed, "--json", "--output", "x.json", cwd=tmp_path)
    assert "Wrote x.json: 2 operations" in done.out
    assert (tmp_path / "x.json").read_text() == as_json.out
    assert fairlead("export", seed, "--output", "x.json", cwd=tmp_path).code == 4
    assert fairlead("export", "nowhere.yaml", cwd=tmp_path).code == 3


def test_the_shipped_document_calls_the_api_of_qovery(seed: Path) -> None:
    """With the facts of its overlay; a linter of OpenAPI has no error to tell."""
    described = json.loads(fairlead("export", seed, "--json").out)
    assert described["servers"] == [{"url": "https://api.qovery.com"}]
    assert list(described["paths"]) == [
        "/organization/{organizationId}/events",
        "/organization/{organizationId}/targets",
    ]
    assert valid(described)


def test_spectral_finds_no_error_in_an_export(seed: Path, exported: Any, tmp_path: Path) -> None:
    """The rule set `spectral:oas`, which also looks at what the schema of OpenAPI cannot say."""
    script = installed("@stoplight/spectral-cli", "dist/index.js")
    (tmp_path / "rules.yaml").write_text("extends: ['spectral:oas']\n")
    (tmp_path / "shipped.json").write_text(fairlead("export", seed, "--json").out)
    found = tmp_path / "found.json"
    options = (f"--ruleset={tmp_path / 'rules.yaml'}", "--format=json", f"--output={found}")
    run_node(script, "lint", str(tmp_path / "shipped.json"), *options, home=tmp_path)
    assert [each for each in json.loads(found.read_text()) if each["severity"] == 0] == []


def test_every_published_document_comes_back(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exported and imported again, it makes the same calls; and `check` has no error to tell."""
    tally: Counter[str] = Counter()
    for file in sorted((shared / "catalog").rglob("*.y*ml")):
        try:
            loaded = load(file)
        except DocumentInvalid:
            continue
        made = consumed_description(loaded)
        if not made.operations:
            tally["without operations"] += 1
            continue
        assert valid(made.description), file
        again = imported(tmp_path, made.description)
        assert calls(again) == calls(loaded), file
        tally["documents"] += 1
        tally["operations"] += sum(calls(loaded).values())
        assert not has_errors(compile_document(again).diagnostics), file
    with capsys.disabled():
        sys.stderr.write(f"\nexported and imported again: {dict(tally)}\n")
    assert tally["operations"] > 3_700
