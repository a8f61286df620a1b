"""What models are given: tools that every client takes, in one order, and answers of a bounded size."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import serving
from fairlead.cli.choice import Choice
from fairlead.cli.documents import runnable_plans
from fairlead.plan.compile import compile_document
from fairlead.plan.model import Plan, Tool
from fairlead.plan.parameters import arguments_schema
from fairlead.spec.diagnostics import DocumentInvalid
from fairlead.spec.load import load
from small_documents import small_plan
from stand_in import stand_in
from test_mcp import post, texts

BUDGET = 100_000  # bytes of JSON, which are about 25,000 tokens
NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
KEYWORDS = {"type", "properties", "additionalProperties", "required"}
OF_A_PROPERTY = {
    "type", "items", "minLength", "format", "pattern", "minimum", "maximum", "default", "enum", "examples",
    "description",
}  # fmt: skip


def published(shared: Path) -> Iterator[Plan]:
    """The plans of all published documents of which something can be made."""
    for file in sorted((shared / "catalog").rglob("*.y*ml")):
        try:
            yield compile_document(load(file)).plan
        except DocumentInvalid:
            continue


def assert_portable(tool: Tool) -> None:
    """A name MCP allows, and a schema of the subset that model APIs take."""
    schema = arguments_schema(tool.operation.parameters, tool.aliases)
    assert NAME.fullmatch(tool.name)
    assert schema["type"] == "object"
    assert schema.keys() <= KEYWORDS
    properties = schema["properties"]
    assert isinstance(properties, dict)
    for name, described in properties.items():
        assert re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", name)
        assert isinstance(described, dict)
        assert described.keys() <= OF_A_PROPERTY
        assert isinstance(described.get("type", ""), str)
        assert described.get("items", {}) == {}


def test_the_tools_of_every_published_document_are_portable(shared: Path) -> None:
    """Root object, no reference, no composition, no list of types; each name is one that clients take."""
    tools = [tool for plan in published(shared) for tool in plan.tools]
    assert len(tools) > 3_000
    for tool in tools:
        assert_portable(tool)


def test_a_name_that_some_models_refuse_is_told(tmp_path: Path) -> None:
    """MCP allows 128 characters, most models 64: the author's name is kept, and `check` says so."""
    small_plan(tmp_path, "[]")
    document = tmp_path / "tides.yaml"
    document.write_text(document.read_text().replace("{name: tides, call", f"{{name: {'t' * 65}, call"))
    compiled = compile_document(load(document))
    assert [tool.name for tool in compiled.plan.tools] == ["t" * 65]
    assert "long-tool-name" in [found.code for found in compiled.diagnostics]


def test_tools_are_listed_in_the_order_of_their_documents(seed: Path, tmp_path: Path) -> None:
    """Always the same, so that a model's cache of them holds."""
    small_plan(tmp_path, "[]")
    plans = runnable_plans(Choice(documents=(tmp_path / "tides.yaml", seed)))
    written = [tool.name for plan in plans for tool in plan.tools]
    with stand_in() as up, serving.gateway(plans=plans, upstream=up.url) as running:
        answers = [post(running.mcp_url, "tools/list")["result"] for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert [tool["name"] for tool in answers[0]["tools"]] == written  # type: ignore[index]
    assert max(map(len, written)) <= 48


@pytest.mark.parametrize("size", [BUDGET - 1, BUDGET, BUDGET + 1, 50 * BUDGET])
def test_no_answer_of_a_tool_is_larger_than_its_budget(tmp_path: Path, size: int) -> None:
    """What does not fit is not cut but refused, in a sentence that says how to ask for less."""
    plan = small_plan(tmp_path, "[{name: size, in: query, type: integer}]")
    body = b'{"events": ["%b"]}' % (b"x" * (size - 16))
    assert len(body) == size
    with stand_in(body=body) as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        result = post(running.mcp_url, "tools/call", name="tides", arguments={})["result"]
    whole = texts(result)[0]  # type: ignore[arg-type]
    assert len(whole) <= BUDGET
    assert (json.loads(whole) == json.loads(body)) if size <= BUDGET else "narrow the call with size" in whole.lower()
    assert result["isError"] is (size > BUDGET)  # type: ignore[index]
