"""Documents of the generation that keys things by name mean what lists of named things mean."""

from __future__ import annotations

from pathlib import Path

from fairlead.plan.compile import Compilation, compile_document
from fairlead.spec.diagnostics import without_notes
from fairlead.spec.load import load

LISTED = """
info: {label: Sea}
binds: [{namespace: env, keys: {KEY: SEA_KEY}}]
capability:
  consumes:
  - namespace: sea
    baseUri: https://sea.example
    authentication: {type: bearer, token: '{{env.KEY}}'}
    resources:
    - name: tides
      path: /tides/{station}
      inputParameters: [{name: depth, in: query, type: number}]
      operations:
      - {name: find, method: GET, inputParameters: [{name: day, in: query}]}
      - {name: put, method: PUT, inputParameters: [{name: tide, in: body}]}
  exposes:
  - namespace: sea-rest
    type: rest
    port: 8080
    resources:
    - name: tides
      path: /v1/tides/{station}
      operations:
      - {name: find, method: GET, call: sea.find, with: {day: sea-rest.when}}
  - namespace: sea-tools
    type: mcp
    tools:
    - {name: find, label: Find tides, call: sea.find}
    - {name: put, call: sea.put}
"""
KEYED = """
info: {display: Sea}
binds: {env: {keys: {KEY: SEA_KEY}}}
capability:
  consumes:
    sea:
      baseUri: https://sea.example
      authentication: {type: bearer, token: '{{env.KEY}}'}
      resources:
        tides:
          path: /tides/{station}
          inputParameters: {depth: {in: query, type: number}}
          operations:
            find: {method: GET, inputParameters: {day: {in: query}}}
            put: {method: PUT, inputParameters: {tide: {in: body}}}
  exposes:
    sea-rest:
      type: rest
      port: 8080
      resources:
        tides:
          path: /v1/tides/{station}
          operations:
            find: {method: GET, call: sea.find, with: {day: sea-rest.when}}
    sea-tools:
      type: mcp
      tools:
        find: {display: Find tides, call: sea.find}
        put: {call: sea.put}
"""


def compiled(folder: Path, text: str) -> Compilation:
    """A document of this text."""
    (folder / "sea.yaml").write_text(text)
    return compile_document(load(folder / "sea.yaml"))


def test_a_map_keyed_by_name_is_a_list_of_named_things(tmp_path: Path) -> None:
    """Route by route and tool by tool."""
    listed, keyed = compiled(tmp_path, LISTED), compiled(tmp_path, KEYED)
    assert not without_notes(keyed.diagnostics)
    assert not without_notes(listed.diagnostics)
    assert repr(keyed.plan.routes) == repr(listed.plan.routes)
    assert repr(keyed.plan.tools) == repr(listed.plan.tools)
    assert keyed.plan.title == listed.plan.title == "Sea"


def test_a_finding_in_a_map_stands_at_its_place(tmp_path: Path) -> None:
    """Its line and column are those of the file."""
    misspelled = KEYED.replace("method: PUT", "method: PTU").replace("call: sea.put", "call: sea.pult")
    found = {each.code: each.position for each in compiled(tmp_path, misspelled).diagnostics}
    lines = misspelled.split("\n")
    for code, word in (("unknown-value", "PTU"), ("unknown-call", "sea.pult")):
        line = lines[found[code].line - 1]
        assert line[found[code].column - 1 :].startswith(word)
