"""What `fairlead check` says of each kind of mistake: a bad document and the exact answer, for every code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema_rs
import pytest
from click.testing import CliRunner, Result

from command import fairlead
from fairlead.cli.check import check
from fairlead.spec.diagnostic_codes import CODES
from fairlead.spec.diagnostics import CodeName, Severity
from golden_files import FOLDER, assert_golden
from sarif import SCHEMA

PAIRS = FOLDER / "diagnostics"
TOLD = sorted(CODES)
MADE = ("not-utf8", "unreadable-file")
"""What no file of a checkout can be."""


def _put(code: str, folder: Path) -> None:
    """Write the document of a code, and its overlay if it has one."""
    file = folder / f"{code}.yaml"
    if code == "not-utf8":
        file.write_bytes("info: {label: Gezeiten des Hafens Büsum}\n".encode("latin-1"))
    elif code == "unreadable-file":
        file.symlink_to("gone.yaml")
    else:
        for source in PAIRS.glob(f"{code}.*yaml"):
            shutil.copy(source, folder)


def _checked(*arguments: str) -> Result:
    done = CliRunner().invoke(check, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize("code", TOLD)
def test_each_kind_of_mistake_is_told_with_its_place_and_a_remedy(
    code: CodeName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, line and column, the line with a caret, and what to do; beside it the document that is answered so."""
    monkeypatch.chdir(tmp_path)
    _put(code, tmp_path)
    notes = ["--notes"] if CODES[code].severity is Severity.NOTE else []
    done = _checked(f"{code}.yaml", *notes)
    assert f" {code}: " in done.output
    assert f"       = {CODES[code].remedy}\n" in done.output
    assert_golden(f"diagnostics/{code}.txt", done.output)
    assert done.exit_code == (0 if " can run: " in done.output else 1)


def test_every_code_has_its_pair_and_every_pair_its_code() -> None:
    """A new code comes with a document that shows it; `MADE` is the only exception."""
    names = {file.name.partition(".")[0] for file in PAIRS.glob("*.yaml")}
    assert names | set(MADE) == set(TOLD)
    assert {file.stem for file in PAIRS.glob("*.txt")} == set(TOLD)


def test_programs_are_told_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON and as SARIF: every finding, notes too, each with its remedy and where it is documented."""
    monkeypatch.chdir(tmp_path)
    for code in TOLD:
        _put(code, tmp_path)
    files = [f"{code}.yaml" for code in TOLD]
    listed, sarif = _checked(*files, "--format", "json"), _checked(*files, "--format", "sarif")
    assert (listed.exit_code, sarif.exit_code, listed.stderr, sarif.stderr) == (1, 1, "", "")
    assert_golden("diagnostics.json", listed.stdout)
    assert_golden("diagnostics.sarif", sarif.stdout)
    found, log = json.loads(listed.stdout), json.loads(sarif.stdout)
    own = [(each["code"], each["severity"]) for each in found if each["file"] == f"{each['code']}.yaml"]
    own += [(each["code"], each["severity"]) for each in found if each["file"] == f"{each['code']}.overlay.yaml"]
    assert {(code, CODES[code].severity) for code in TOLD} <= set(own)
    jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True).validate(log)
    (run,) = log["runs"]
    assert [(each["ruleId"], each["level"]) for each in run["results"]] == [(e["code"], e["severity"]) for e in found]
    assert sorted(rule["id"] for rule in run["tool"]["driver"]["rules"]) == TOLD


def test_what_to_do_is_told_once_for_each_code(tmp_path: Path) -> None:
    """Fifty findings of one code are one remedy."""
    keys = "\n".join(f"  berth-{number}: taken" for number in range(50))
    (tmp_path / "berths.yaml").write_text(f"info:\n{keys}\ncapability: {{}}\n")
    err = fairlead("check", "berths.yaml", cwd=tmp_path).err
    assert err.count(" warning unknown-key: ") == 50
    assert err.count(f"= {CODES['unknown-key'].remedy}") == 1


def test_a_document_that_runs_by_inference_passes_with_notes(tmp_path: Path) -> None:
    """They are counted, shown with `--notes`, and errors with `--strict`; whoever runs the document hears nothing."""
    shutil.copy(PAIRS / "inherited.yaml", tmp_path / "tides.yaml")
    plain = fairlead("check", "tides.yaml", cwd=tmp_path)
    assert (plain.code, plain.err) == (0, "")
    assert plain.out.endswith("; 1 note (--notes shows them).\n")
    shown = fairlead("check", "tides.yaml", "--notes", cwd=tmp_path)
    assert (shown.code, shown.out) == (0, plain.out.replace(" (--notes shows them)", ""))
    assert shown.err.startswith("tides.yaml:18:9 note inherited: ")
    strict = fairlead("check", "tides.yaml", "--strict", cwd=tmp_path)
    assert (strict.code, strict.out) == (1, "")
    assert strict.err.startswith("tides.yaml:18:9 inherited: ")
    for command in ("openapi", "explain"):
        done = fairlead(command, "tides.yaml", cwd=tmp_path)
        assert (done.code, done.err) == (0, "")
    shutil.copy(PAIRS / "unknown-parameter.yaml", tmp_path / "errors.yaml")
    shutil.copy(PAIRS / "unknown-parameter.overlay.yaml", tmp_path / "errors.overlay.yaml")
    refused = fairlead("openapi", "errors.yaml", cwd=tmp_path)
    assert [line.split()[1] for line in refused.err.splitlines()] == ["unknown-parameter:"]


def test_what_is_warned_of_is_no_note_as_well(tmp_path: Path) -> None:
    """A guess by position and a variable without a bind are told once, as warnings."""
    for code in ("placeholder-position", "unbound-variable"):
        shutil.copy(PAIRS / f"{code}.yaml", tmp_path)
        found = json.loads(fairlead("check", f"{code}.yaml", "--format", "json", cwd=tmp_path).out)
        assert "warning" in {each["severity"] for each in found if each["code"] == code}
        assert "note" not in {each["severity"] for each in found if each["code"] == code}


def test_what_an_author_wrote_is_no_note(tmp_path: Path) -> None:
    """A host label that is declared, a variable of a bind, an operation that leaves nothing to its callers."""
    (tmp_path / "tides.yaml").write_text(
        """
        binds: [{namespace: env, keys: {SKY: SKY_ADDRESS}}]
        capability:
          consumes:
          - namespace: sea
            baseUri: https://{harbour}.sea.example
            inputParameters: [{name: harbour, in: path}]
            resources: [{path: /tides, operations: [{name: tides}]}]
          - namespace: sky
            baseUri: '{{SKY}}'
            headers: {Accept-Language: en}
            resources: [{path: /clouds, operations: [{name: clouds, inputParameters: [{name: unit, in: query}]}]}]
          exposes:
          - type: mcp
            tools:
            - {name: tides, call: sea.tides, inputParameters: [{name: harbour}]}
            - {name: clouds, call: sky.clouds, with: {unit: metric}}
        """
    )
    done = fairlead("check", "tides.yaml", "--strict", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
