"""The OpenAPI document: as others' linters and fuzzers see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest

from golden_files import assert_golden
from node_tools import installed, run_node
from outside import NODE_FOLDER
from serving import Gateway

TESTS = Path(__file__).resolve().parent


@pytest.fixture(scope="session")
def description(gateway: Gateway) -> dict[str, Any]:
    """The document the gateway serves."""
    answer = httpx2.get(f"{gateway.rest_url}/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    served: dict[str, Any] = answer.json()
    return served


def test_the_description_changes_on_purpose_only(description: dict[str, Any]) -> None:
    """Whoever generated a client sees what changes as a diff."""
    assert description["openapi"].startswith("3.1.")
    assert_golden("openapi.json", json.dumps(description, indent=2, ensure_ascii=False) + "\n")


def test_spectral_has_nothing_to_say(description: dict[str, Any], tmp_path: Path) -> None:
    """The rule set `spectral:oas` has no error, warning, information or hint."""
    assert spectral(description, tmp_path) == []


def test_spectral_would_say_something(description: dict[str, Any], tmp_path: Path) -> None:
    """The silence above is earned: a description with faults is found out."""
    faulty = description | {"servers": [], "info": {"title": "Faulty"}}
    codes = {finding["code"] for finding in spectral(faulty, tmp_path)}
    assert {"oas3-api-servers", "info-contact", "oas3-schema"} <= codes


def test_schemathesis_finds_nothing(gateway: Gateway, tmp_path: Path) -> None:
    """Every check on examples, coverage and fuzzed calls: the gateway does what its description says."""
    command = [
        Path(sys.executable).with_name("schemathesis"),
        f"--config-file={TESTS / 'schemathesis.toml'}",
        "run",
        f"{gateway.rest_url}/openapi.json",
    ]
    environment = os.environ | {"PYTHONPATH": str(TESTS), "ORGANIZATION_ID": gateway.organization_id, "NO_COLOR": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Examples" in done.stdout
    assert "Coverage" in done.stdout
    assert "Fuzzing" in done.stdout


def spectral(document: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """The findings of Spectral."""
    file, found = folder / "openapi.json", folder / "found.json"
    file.write_text(json.dumps(document))
    script = installed("@stoplight/spectral-cli", "dist/index.js")
    rules = f"--ruleset={NODE_FOLDER / 'spectral.yaml'}"
    options = (rules, "--format=json", f"--output={found}", "--display-only-failures=false")
    done = run_node(script, "lint", str(file), *options, home=folder)
    assert found.is_file(), done.stdout + done.stderr
    findings: list[dict[str, Any]] = json.loads(found.read_text())
    return findings
