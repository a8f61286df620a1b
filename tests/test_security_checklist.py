"""docs/security.md says what is so: every line has its row, and every test it names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = (HERE.parent / "docs/security.md").read_text()
LINES = [*range(1, 37), *range(38, 44)]
NAMED = re.compile(r"`(test_\w+\.py)::(\w+)`")
RISKS = [
    "Token Mismanagement & Secret Exposure", "Privilege Escalation via Scope Creep", "Tool Poisoning",
    "Software Supply Chain Attacks & Dependency Tampering", "Command Injection & Execution",
    "Prompt Injection via Contextual Payloads", "Insufficient Authentication & Authorization",
    "Lack of Audit and Telemetry", "Shadow MCP Servers", "Context Injection & Over-Sharing",
]  # fmt: skip


def rows(first: str) -> list[list[str]]:
    """The rows whose first cell looks like this, without their outer bars."""
    found = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:1] == "|"]
    return [cells for cells in found if re.fullmatch(first, cells[0])]


def names_in(file: str) -> set[str]:
    """The names of the tests in a file."""
    tree = ast.parse((HERE / file).read_text())
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def test_every_line_of_the_checklist_has_an_answer() -> None:
    """In its order; each names a test, or says why there is none yet."""
    answers = rows(r"\d+")
    assert [int(number) for number, *_ in answers] == LINES
    for number, ask, done, tests in answers:
        assert ask, number
        assert NAMED.search(tests) or done.startswith("not yet"), number


def test_every_test_that_is_named_exists() -> None:
    """A test that is renamed takes its row along."""
    named = NAMED.findall(PAGE)
    assert len(named) > 90
    assert PAGE.count(".py::") == len(named)
    known = {file: names_in(file) for file in {file for file, _ in named}}
    assert [f"{file}::{test}" for file, test in named if test not in known[file]] == []


def test_every_risk_has_what_we_do_and_what_stays_yours() -> None:
    """The OWASP MCP Top 10 of 2025, by number and name."""
    audited = rows(r"MCP\d\d .*")
    for number, (name, (risk, ours, yours)) in enumerate(zip(RISKS, audited, strict=True), start=1):
        assert risk.startswith(f"MCP{number:02} {name}")
        assert ours
        assert yours


def test_the_checklist_asks_nothing_that_has_no_row(shared: Path) -> None:
    """The lines of the shared checklist, but for the run of a whole day, are the lines of the page."""
    text = (shared / "facts/security-checklist.md").read_text()
    asked = [int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]
    assert set(asked) - {37} == set(LINES)
