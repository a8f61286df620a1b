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

from command import fairlead
from fairlead.expose.presenting import presenting
from golden_files import assert_golden
from guarded_documents import BASIC, BEARER, HEADER_KEY, OAUTH, QUERY_KEY, guarded_plan
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


@pytest.mark.parametrize(
    ("authentication", "scopes"),
    [(BEARER, []), (BASIC, []), (QUERY_KEY, []), (HEADER_KEY, []), (OAUTH, ["tides:read"])],
)
def test_what_callers_show_is_described(tmp_path: Path, authentication: str, scopes: list[str]) -> None:
    """Every operation asks for it, in words that generators and linters take."""
    plan = guarded_plan(tmp_path, rest=authentication)
    told = presenting(plan.rest_authentication, token_required=False)
    assert told is not None
    described = json.loads(fairlead("openapi", plan.file).out)
    assert described["components"]["securitySchemes"] == {"callers": told.scheme}
    assert described["paths"]["/v1/tides"]["get"]["security"] == [{"callers": scopes}]
    assert not [finding for finding in spectral(described, tmp_path) if finding["severity"] == 0]


def test_calls_that_may_be_deferred_are_described(description: dict[str, Any]) -> None:
    """Whoever generates a client sees that it may have to wait, and for how long."""
    operation = description["paths"]["/v1/organization/{organizationid}/events"]["get"]
    responses = description["components"]["responses"]
    for status, name in (("429", "TooManyRequests"), ("503", "Unavailable")):
        assert operation["responses"][status] == {"$ref": f"#/components/responses/{name}"}
        assert "Retry-After" in responses[name]["headers"]
    assert {"ETag", "Age", "Cache-Control", "X-Request-Id"} <= set(operation["responses"]["200"]["headers"])
    assert "content" not in operation["responses"]["304"]


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
