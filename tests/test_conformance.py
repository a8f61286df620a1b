"""The MCP conformance suite, run against tools that a capability document makes; both revisions."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

import serving
from fairlead.expose.asgi import Receive, Scope, Send
from node_tools import installed, run_node
from outside import require_node_package

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "tests/conformance"
SUITE = "@modelcontextprotocol/conformance"
REVISIONS = ("2026-07-28", "2025-11-25")
NOT_APPLICABLE: dict[str, dict[str, str]] = yaml.safe_load((FOLDER / "not-applicable.yaml").read_text())
# The suite counts this one as passed, but only because an unknown tool is refused.
EMPTY_PASSES = {"input-required-result-validate-input"}
PIXEL = b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
SILENCE = b"UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA="
ANSWERS: dict[str, tuple[int, bytes, bytes]] = {
    "/text": (200, b"text/plain", b"This is a simple text response for testing."),
    "/image": (200, b"image/png", base64.b64decode(PIXEL)),
    "/audio": (200, b"audio/wav", base64.b64decode(SILENCE)),
    "/error": (500, b"application/json", b'{"message": "This tool intentionally returns an error for testing"}'),
}
Checks: TypeAlias = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Report:
    """What the suite found for a revision: the checks of every scenario."""

    revision: str
    scenarios: Mapping[str, Checks]

    @property
    def not_applicable(self) -> dict[str, str]:
        return NOT_APPLICABLE[self.revision]

    def applicable_checks(self, scenario: str) -> Checks:
        return [check for check in self.scenarios[scenario] if f"{scenario}:{check['id']}" not in self.not_applicable]

    @property
    def applicable(self) -> dict[str, Checks]:
        """The scenarios that apply, each with its checks that do."""
        return {name: self.applicable_checks(name) for name in self.scenarios if name not in self.not_applicable}


async def upstream(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers each path with one fixed body."""
    status, media_type, body = ANSWERS[scope["path"]]
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def mcp_url() -> Iterator[str]:
    """The tools of tests/conformance/conformance.yaml, served over HTTP."""
    document = FOLDER / "conformance.yaml"
    with serving.upstream(upstream) as address, serving.gateway(document, upstream=address) as gateway:
        yield gateway.mcp_url


@pytest.fixture(scope="module", params=REVISIONS)
def report(request: pytest.FixtureRequest, mcp_url: str, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A run of everything the suite has for a revision."""
    results = tmp_path_factory.mktemp("conformance")
    arguments = ("server", "--url", mcp_url, "--requirements", request.param, "--output-dir", str(results))
    done = run_node(installed(SUITE, "dist/index.js"), *arguments, home=results, seconds=240)
    named = {re.sub(r"^server-|-\d{4}-\d\d-\d\dT[\dZ-]+$", "", folder.name): folder for folder in results.iterdir()}
    assert named, done.stdout + done.stderr
    return Report(request.param, {name: json.loads((f / "checks.json").read_text()) for name, f in named.items()})


def test_the_whole_suite_was_run(report: Report) -> None:
    """Every server scenario of the revision ran, scored by the suite or not."""
    required = yaml.safe_load((require_node_package(SUITE) / f"requirements/{report.revision}.yaml").read_text())
    unscored = {entry["scenario"] for entry in required["not_scored"] if entry["leg"] == "server"}
    assert set(report.scenarios) == set(required["server"]) | unscored


def test_every_scenario_that_applies_passes(report: Report) -> None:
    """No check fails or warns, and each scenario has a success of its own beside the wire format's."""
    wrong = {
        f"{name}:{check['id']}": check.get("errorMessage", check["status"])
        for name, checks in report.applicable.items()
        for check in checks
        if check["status"] not in {"SUCCESS", "INFO", "SKIPPED"}
    }
    assert wrong == {}
    assert [name for name, checks in report.applicable.items() if not succeeds(checks)] == []


def test_nothing_is_excused_that_passes(report: Report) -> None:
    """not-applicable.yaml names only scenarios and checks that exist and do not pass, so it cannot hide a change."""
    excused = dict.fromkeys(report.not_applicable)
    existing = set(report.scenarios) | {
        f"{s}:{check['id']}" for s, checks in report.scenarios.items() for check in checks
    }
    assert [name for name in excused if name not in existing] == []
    passing = {name for name in excused if all(c["status"] == "SUCCESS" for c in checks_of(report, name))}
    assert passing <= EMPTY_PASSES


def test_the_documentation_shows_every_result(report: Report) -> None:
    """docs/conformance.md says which scenarios pass, and why the others do not apply."""
    documentation = (ROOT / "docs/conformance.md").read_text()
    assert section(report) in documentation


def succeeds(checks: Checks) -> bool:
    return any(check["status"] == "SUCCESS" and not check["id"].startswith("wire-schema") for check in checks)


def checks_of(report: Report, name: str) -> Checks:
    scenario, _, check = name.partition(":")
    return [found for found in report.scenarios[scenario] if check in {"", found["id"]}]


def section(report: Report) -> str:
    """The results of a revision in Markdown, what passes first."""
    others = sorted(name for name in report.scenarios if name in report.not_applicable)
    lines = [
        f"## {report.revision}",
        "",
        f"{len(report.applicable)} scenarios pass and {len(others)} do not apply.",
        "",
        "| Scenario | Result, or why it does not apply |",
        "|---|---|",
        *(f"| `{name}` | passes{exceptions(report, name)} |" for name in sorted(report.applicable)),
        *(f"| `{name}` | {report.not_applicable[name]} |" for name in others),
        "",
    ]
    return "\n".join(lines)


def exceptions(report: Report, scenario: str) -> str:
    """The checks of a scenario that do not apply, as sentences."""
    prefix = f"{scenario}:"
    excused = {name.removeprefix(prefix): why for name, why in report.not_applicable.items() if name.startswith(prefix)}
    return "".join(f". Not `{check}`: {why.rstrip('.')}" for check, why in sorted(excused.items()))
