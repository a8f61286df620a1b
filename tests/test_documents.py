"""Loading and checking documents: what `fairlead check` tells an author."""

from __future__ import annotations

import json
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command import fairlead
from fairlead.plan.compile import compile_document
from fairlead.spec.diagnostics import DocumentInvalid, Severity, has_errors
from fairlead.spec.load import load
from fairlead.spec.source import parse
from golden_files import assert_golden

HERE = Path(__file__).resolve().parent


def test_every_problem_of_a_document_comes_at_once(tmp_path: Path) -> None:
    """One run shows unknown keys, wrong values, broken references and duplicates, each with line, column and remedy."""
    (tmp_path / "broken.yaml").write_bytes((HERE / "documents/broken.yaml").read_bytes())
    done = fairlead("check", "broken.yaml", cwd=tmp_path)
    assert done.code == 1
    assert_golden("broken.txt", done.err)


def test_the_shipped_document_has_nothing_to_complain_about() -> None:
    """The flagship runs without a warning; what its author left to the rules is counted."""
    done = fairlead("check")
    assert (done.code, done.err) == (0, "")
    assert done.out == "1 document can run: 2 operations, 2 REST routes, 2 MCP tools; 6 notes (--notes shows them).\n"


def test_the_shipped_document_is_the_published_one(seed: Path, shared: Path) -> None:
    """Corrections live in the overlay; the document stays as its author wrote it."""
    assert seed.read_bytes() == (shared / "seed" / seed.name).read_bytes()


def test_the_document_runs_without_its_overlay_too(seed: Path, tmp_path: Path) -> None:
    """Inference alone makes the organization id a required parameter of both adapters."""
    bare = tmp_path / "bare.yaml"
    bare.write_bytes(seed.read_bytes())
    plan = compile_document(load(bare)).plan
    assert [operation.parameters[0].name for operation in plan.operations] == ["organizationId"] * 2
    assert all(operation.parameters[0].required for operation in plan.operations)
    assert {operation.parameters[0].rule for operation in plan.operations} == {"undeclared-placeholder"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "empty-document"),
        (b"\xff\xfe\x00", "not-utf8"),
        (b"a: [1, 2", "yaml-syntax"),
        (b"a: b: c", "yaml-syntax"),
        (b"a: \x07", "yaml-syntax"),
        (b"a: 1\n---\nb: 2", "several-documents"),
        (b"a: !!python/object/apply:os.system [id]", "yaml-tag"),
        (b"? [a, b]\n: c", "key-not-text"),
        (b"a: *nowhere", "unknown-alias"),
        (b"a: &a [*a]", "unknown-alias"),
        (b"[" * 100_000, "too-deep"),
        (b"x" * (9 * 1024 * 1024), "too-large"),
    ],
)
def test_hostile_yaml_is_refused_with_its_place(text: bytes, code: str) -> None:
    """Nothing untrusted is expanded, executed or recursed into."""
    with pytest.raises(DocumentInvalid) as refused:
        parse(text, "hostile.yaml")
    assert [diagnostic.code for diagnostic in refused.value.diagnostics] == [code]
    assert refused.value.diagnostics[0].position.line >= 1


def test_a_bomb_of_aliases_is_refused_before_it_expands() -> None:
    """Nine levels of nine aliases would be 387 million values."""
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    names = "abcdefghij"
    for previous, name in pairwise(names):
        lines.append(f"{name}: &{name} [{', '.join([f'*{previous}'] * 9)}]")
    started = time.process_time()
    with pytest.raises(DocumentInvalid) as refused:
        parse("\n".join(lines).encode(), "bomb.yaml")
    assert refused.value.diagnostics[0].code == "too-large"
    assert time.process_time() - started < 1


def test_depth_is_bounded_through_aliases_too() -> None:
    """Sixty anchors, each fifty levels deep around the one before, would be three thousand levels."""
    lines = ["a0: &a0 " + "[" * 50 + "]" * 50]
    lines += [f"a{n}: &a{n} {'[' * 50}*a{n - 1}{']' * 50}" for n in range(1, 60)]
    with pytest.raises(DocumentInvalid) as refused:
        parse("\n".join(lines).encode(), "deep.yaml")
    assert refused.value.diagnostics[0].code == "too-deep"


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("capability:\n  consumes:\n  -\n  - foo\n", {"wrong-type"}),
        (
            "capability: {consumes: [{namespace: x, resources: [{path: /a, operations: [{name: o, inputParameters: "
            "[~, 1]}]}]}]}",
            {"wrong-type"},
        ),
        ("capability: 5", {"wrong-type"}),
        ("capability:\n  exposes: {a: 1}", {"wrong-type"}),
        ("capability: {}\nsize: 100000000000000000000", {"out-of-range", "unknown-key"}),
    ],
)
def test_wrong_shapes_of_every_kind_are_diagnostics(tmp_path: Path, text: str, codes: set[str]) -> None:
    """Whatever stands where, `check` names it."""
    file = tmp_path / "odd.yaml"
    file.write_text(text)
    found = {diagnostic.code for diagnostic in compile_document(load(file)).diagnostics}
    assert codes <= found


def test_an_overlay_removes_what_it_selects_and_nothing_else(seed: Path, tmp_path: Path) -> None:
    """Thirteen inputs, of which one stays: places shift while others are removed."""
    document, overlay = tmp_path / "x.yaml", tmp_path / "x.overlay.yaml"
    document.write_bytes(seed.read_bytes())
    operation = "$.capability.consumes[0].resources[0].operations[0]"
    overlay.write_text(f"actions:\n- target: {operation}.inputParameters[?@.name != 'origin']\n  remove: true\n")
    loaded = load(document)
    inputs = loaded.document.capability.consumes[0].resources[0].operations[0].input_parameters
    assert [parameter.name for parameter in inputs] == ["origin"]


@pytest.mark.parametrize(
    "action",
    [
        "{target: $, remove: true}",
        "{target: $, update: 5}",
        "{target: '$[?@.x > 1e400]', update: {}}",
        "{target: 5}",
        "5",
    ],
)
def test_an_action_that_cannot_be_carried_out_is_told(seed: Path, tmp_path: Path, action: str) -> None:
    """At its place in the overlay; the document runs without it."""
    document, overlay = tmp_path / "x.yaml", tmp_path / "x.overlay.yaml"
    document.write_bytes(seed.read_bytes())
    overlay.write_text(f"actions:\n- {action}\n")
    assert {d.code for d in load(document).diagnostics} <= {"overlay-action", "overlay-target"}
    assert load(document).diagnostics


def test_an_overlay_may_remove_everything_below_the_root(seed: Path, tmp_path: Path) -> None:
    """Children before parents, so that each is still there when its turn comes."""
    document, overlay = tmp_path / "x.yaml", tmp_path / "x.overlay.yaml"
    document.write_bytes(seed.read_bytes())
    overlay.write_text("actions:\n- {target: '$..*', remove: true}\n")
    with pytest.raises(DocumentInvalid) as refused:
        load(document)
    assert refused.value.diagnostics[0].code == "no-capability"


def test_a_key_given_twice_is_told_with_both_lines() -> None:
    """The first one counts; the second is named with the line of the first."""
    source = parse(b"a: 1\nb: 2\na: 3\n", "twice.yaml")
    assert source.value == {"a": 1, "b": 2}
    assert [str(d) for d in source.diagnostics] == [
        "twice.yaml:3:1 duplicate-key: `a` is already given on line 1; keep one of them"
    ]


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_either_parse_or_are_refused(data: bytes) -> None:
    """No input of `check` is a traceback."""
    try:
        parse(data, "any.yaml")
    except DocumentInvalid as refused:
        assert refused.diagnostics  # noqa: PT017 - both outcomes are right


def test_an_overlay_that_selects_nothing_is_a_warning(seed: Path, tmp_path: Path) -> None:
    """A correction that no longer applies is told, at its place in the overlay."""
    document, overlay = tmp_path / "x.yaml", tmp_path / "x.overlay.yaml"
    document.write_bytes(seed.read_bytes())
    overlay.write_text(
        "overlay: 1.0.0\nactions:\n- target: $.capability.nothing\n  update: {a: 1}\n- target: $[\n  update: 1\n"
    )
    diagnostics = load(document).diagnostics
    assert [(d.position.file, d.position.line, d.code) for d in diagnostics] == [
        (str(overlay), 3, "overlay-target"),
        (str(overlay), 5, "overlay-action"),
    ]


def test_a_wrong_value_in_an_overlay_is_told_at_its_place_there(seed: Path, tmp_path: Path) -> None:
    """The author of the overlay is sent to the overlay, not to the document."""
    document, overlay = tmp_path / "x.yaml", tmp_path / "mine.yaml"
    document.write_bytes(seed.read_bytes())
    overlay.write_text("overlay: 1.0.0\nactions:\n- target: $.capability.exposes[0]\n  update:\n    port: many\n")
    found = load(document, overlay).diagnostics
    assert [f"{d.position.line}:{d.position.column} {d.code}" for d in found if d.position.file == str(overlay)] == [
        "5:11 wrong-type"
    ]


def test_published_documents_compile_or_say_why_not(shared: Path) -> None:
    """No published document makes the compiler fail, and most run today."""
    runnable, total = 0, 0
    for file in sorted((shared / "catalog").rglob("*.y*ml")):
        total += 1
        try:
            runnable += not has_errors(compile_document(load(file)).diagnostics)
        except DocumentInvalid as refused:
            assert refused.diagnostics  # noqa: PT017 - both outcomes are right
    assert total > 600
    assert runnable >= 590


def test_a_finding_is_shown_with_its_line_and_a_caret(tmp_path: Path) -> None:
    """Below the column, however long the line is and whatever it holds; a line that may hold a secret is left out."""
    (tmp_path / "a.yaml").write_text(
        f"capability: {{exposes: [{{type: rest, \u202e{'x' * 400}: x, prot: 1}}]}}\nbinds: 1\n"
    )
    err = fairlead("check", "a.yaml", cwd=tmp_path).err
    pairs = pairwise(err.splitlines())
    assert any(line[caret.index("^") :].startswith("prot: 1") for line, caret in pairs if caret.endswith("^"))
    assert "\u202e" not in err
    assert max(map(len, err.splitlines())) < 600
    (tmp_path / "b.yaml").write_text("capability: {consumes: [{tokne: 1, password: hunter2, namespace: a}]}\n")
    assert "hunter2" not in fairlead("check", "b.yaml", cwd=tmp_path).err


def test_a_report_for_programs_names_every_finding(tmp_path: Path) -> None:
    """As JSON, and as SARIF for code hosts; the exit status is the same."""
    (tmp_path / "broken.yaml").write_bytes((HERE / "documents/broken.yaml").read_bytes())
    listed = fairlead("check", "broken.yaml", "--format", "json", cwd=tmp_path)
    sarif = fairlead("check", "broken.yaml", "--format", "sarif", cwd=tmp_path)
    found = json.loads(listed.out)
    assert (listed.code, sarif.code, listed.err, sarif.err) == (1, 1, "", "")
    assert found[0].keys() == {"file", "line", "column", "severity", "code", "message", "remedy", "documentation"}
    (run,) = json.loads(sarif.out)["runs"]
    assert [result["ruleId"] for result in run["results"]] == [each["code"] for each in found]
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {each["code"] for each in found}


def test_a_strict_check_takes_warnings_for_errors(tmp_path: Path) -> None:
    """What runs by inference passes otherwise."""
    (tmp_path / "a.yaml").write_text(
        "capability: {consumes: [{namespace: a, resources: [{path: /x, operations: [{name: x}]}]}]}"
    )
    assert fairlead("check", "a.yaml", cwd=tmp_path).code == 0
    assert fairlead("check", "a.yaml", "--strict", cwd=tmp_path).code == 1


def test_an_operation_that_cannot_be_run_is_left_out_alone_and_told(tmp_path: Path) -> None:
    """Whoever serves the document sees it at the start."""
    text = """
    capability:
      consumes: [{namespace: a, baseUri: https://a.example, resources: [{path: /x, operations: [{name: x}]}]}]
      exposes:
      - type: rest
        resources:
        - {path: /v1/x, operations: [{method: GET, call: a.x}, {method: PUT, call: b.x}, {method: PATCH, steps: []}]}
    """
    (tmp_path / "a.yaml").write_text(text)
    done = fairlead("openapi", "a.yaml", cwd=tmp_path)
    assert done.code == 0
    assert list(json.loads(done.out)["paths"]["/v1/x"]) == ["get"]
    assert [line.split()[2] for line in done.err.splitlines()] == ["unknown-call:", "unsupported-steps:"]


FOLDER = {
    "sea.yaml": """
capability:
  consumes: [{import: tides, location: ./shared/tides.yaml}]
  exposes: [{type: mcp, tools: [{name: list-tides, call: tides.list}]}]
""",
    "shared/tides.yaml": """
capability:
  consumes:
  - {namespace: tides, baseUri: https://sea.example, resources: [{path: /tides, operations: [{name: list}]}]}
""",
    "shared/bare.yaml": "consumes: [{namespace: bare, baseUri: https://bare.example}]",
    "compose.yaml": "services: {web: {image: web}}",
    "skills.yaml": "capability: {exposes: [{type: skill}]}",
    "empty.yml": "",
}


def test_a_folder_is_served_without_what_is_no_document_of_its_own(tmp_path: Path) -> None:
    """Files of another kind and documents that expose nothing are told and left out; imported ones are not told."""
    for name, text in FOLDER.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    checked = fairlead("check", tmp_path)
    assert checked.code == 0, checked.err
    assert checked.out.startswith("1 document can run: 1 operation, 0 REST routes, 1 MCP tool")
    listed = json.loads(fairlead("check", tmp_path, "--format", "json").out)
    told = {(Path(found["file"]).name, found["code"]) for found in listed}
    assert told == {
        ("bare.yaml", "no-capability"), ("compose.yaml", "no-capability"), ("empty.yml", "empty-document"),
        ("skills.yaml", "nothing-exposed"), ("skills.yaml", "unserved-adapter"),
    }  # fmt: skip
    alone = fairlead("check", tmp_path / "compose.yaml")
    assert (alone.code, " no-capability: " in alone.err) == (1, True)
    (tmp_path / "sea.yaml").unlink()
    (tmp_path / "shared" / "tides.yaml").unlink()
    nothing = fairlead("openapi", tmp_path)
    assert (nothing.code, "no document to serve" in nothing.err) == (4, True)


SLIPS = """
info: {label: {of: tides}, tags: water, created: [2026]}
capability:
  consumes:
  - namespace: sea
    baseUri: https://sea.example
    resources:
    - path: /tides
      description: [high, low]
      operations:
      - {name: find, method: list, outputRawFormat: JSONL, inputParameters: [{name: a, in: Query-String, enum: high}]}
      - {name: write, method: POST, inputParameters: [{name: b, in: form-data}, {name: c, in: Headers}]}
      - {name: lost, method: GET, inputParameters: [{name: d, in: nowhere}]}
      - {name: odd, method: GTE}
  - namespace: sky
    baseUri: https://sky.example
    authentication: {type: bearer}
    resources: [{path: /clouds, operations: [{name: clouds, method: GET}]}]
  exposes:
  - type: rest
    port: '{{PORT}}'
    resources:
    - {path: /v1/tides, operations: [{method: POST, call: sea.write}, {method: TGE, call: sea.find}]}
  - type: mcp
    tools:
    - {name: find tides!, call: sea.find, hints: safe}
    - {name: find-tides, call: sea.write}
    - {name: lost, call: sea.lost}
    - {name: odd, call: sea.odd}
    - {name: clouds, call: sky.clouds}
"""


def test_a_slip_costs_what_it_is_about_and_no_more(tmp_path: Path) -> None:
    """Wrong types where nothing depends on them, odd spellings, names that are taken: told, and the rest is served."""
    (tmp_path / "sea.yaml").write_text(SLIPS)
    done = fairlead("check", "sea.yaml", cwd=tmp_path)
    assert (done.code, done.out.partition(";")[0]) == (0, "1 document can run: 2 operations, 1 REST route, 2 MCP tools")
    compiled = compile_document(load(tmp_path / "sea.yaml"))
    assert [tool.name for tool in compiled.plan.tools] == ["find-tides", "find-tides-2"]
    find, write = (tool.operation for tool in compiled.plan.tools)
    assert (find.call.method, [each.location for each in find.parameters]) == ("LIST", ["query"])
    assert [each.location for each in write.parameters] == ["field", "header"]
    told = Counter(found.code for found in compiled.diagnostics if found.severity is Severity.WARNING)
    assert told == {
        "wrong-type": 7, "unsupported-location": 1, "unknown-value": 2, "missing-key": 1, "bad-tool-name": 1,
        "duplicate-tool": 1, "refused-call": 3,
    }  # fmt: skip
