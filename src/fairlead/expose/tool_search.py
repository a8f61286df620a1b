"""Three tools in place of many: one finds a tool, one describes it, one calls it.

A list of hundreds of tools costs a model more than its task, and many clients cut it or refuse it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from fairlead.engine.arguments import ArgumentCheck, parameters_check
from fairlead.errors import ArgumentFault, FairleadError, InvalidArguments
from fairlead.expose.tool_list import ListedTool
from fairlead.expose.tool_results import NEXT_PAGE, ToolAnswer, error_answer
from fairlead.expose.tools import CallTool
from fairlead.plan.model import Parameter, Semantics
from fairlead.plan.parameters import arguments_schema
from fairlead.spec.diagnostics import did_you_mean
from fairlead.spec.json_text import json_text
from fairlead.spec.source import JsonValue

INSTRUCTIONS = (
    "The tools are found rather than listed: `search_tools` finds some by words, `describe_tool` shows the arguments "
    "of one, and `call_tool` calls it."
)
_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MOST_WORDS = 32
_DEFAULT_LIMIT, _MOST_FOUND = 10, 50
_LONGEST_SUMMARY = 200
_READS = Semantics(read_only=True, destructive=False, idempotent=True)
_NAME = Parameter(
    name="name", type="string", location="body", required=True,
    description="The name of a tool, as `search_tools` says it.",
)  # fmt: skip
_QUERY = Parameter(
    name="query", type="string", location="body", required=True,
    description="What the tool is to do, in a few words, such as `list invoices`.",
)  # fmt: skip
_LIMIT = Parameter(
    name="limit", type="integer", location="body", required=False, minimum=1, maximum=_MOST_FOUND,
    default=_DEFAULT_LIMIT, description="How many tools to show at most.",
)  # fmt: skip
_ARGUMENTS = Parameter(
    name="arguments", type="object", location="body", required=False,
    description="The arguments of that tool, as `describe_tool` shows them.",
)  # fmt: skip
_PARAMETERS = {"search_tools": (_QUERY, _LIMIT), "describe_tool": (_NAME,), "call_tool": (_NAME, _ARGUMENTS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSearch:
    """The tools behind the three, by name, and the words they are found by."""

    tools: Mapping[str, ListedTool]
    calls: Mapping[str, CallTool]
    words: sqlite3.Connection
    checks: Mapping[str, ArgumentCheck]

    async def search(self, given: Mapping[str, JsonValue], _revision: str) -> ToolAnswer:
        """The tools whose names, descriptions and parameters have the words of a query, the best first."""
        try:
            arguments = self.checks["search_tools"].check(given)
        except FairleadError as error:
            return error_answer(error)
        limit = arguments.get("limit", _DEFAULT_LIMIT)
        found = self._found(str(arguments["query"]))
        shown: list[JsonValue] = [
            _summary(self.tools[name]) for name in found[: limit if isinstance(limit, int) else None]
        ]
        answer: dict[str, JsonValue] = {"tools": shown, "found": len(found), "of": len(self.tools)}
        if not found:
            answer["hint"] = "No tool has these words; try others, or fewer."
        elif len(found) > len(shown):
            answer["hint"] = "There are more; add words that say which."
        return _json_answer(answer)

    async def describe(self, given: Mapping[str, JsonValue], _revision: str) -> ToolAnswer:
        """One tool as `tools/list` would have it."""
        try:
            return _json_answer(self._named(self.checks["describe_tool"].check(given)["name"]).as_json())
        except FairleadError as error:
            return error_answer(error)

    async def call(self, given: Mapping[str, JsonValue], revision: str) -> ToolAnswer:
        """What the tool answers to these arguments."""
        try:
            arguments = self.checks["call_tool"].check(given)
            tool = self._named(arguments["name"])
        except FairleadError as error:
            return error_answer(error)
        own = arguments.get("arguments", {})
        return _through(tool.name, await self.calls[tool.name](own if isinstance(own, dict) else {}, revision))

    def _named(self, name: JsonValue) -> ListedTool:
        tool = self.tools.get(str(name))
        if tool is None:
            hint = did_you_mean(str(name), self.tools) or "; `search_tools` finds one"
            raise InvalidArguments((ArgumentFault("name", f"is no tool{hint}"),))
        return tool

    def _found(self, query: str) -> list[str]:
        words = _WORD.findall(_apart(query))[:_MOST_WORDS]
        if not words:
            return list(self.tools)
        # Every word is in quotes, so that none of them is an operator.
        asked = " OR ".join(f'"{word}"*' for word in words)
        ranked = "SELECT name FROM tools WHERE tools MATCH ? ORDER BY bm25(tools, 0, 10, 4, 1), rowid"
        return [name for (name,) in self.words.execute(ranked, (asked,))]


def tool_search(tools: Sequence[ListedTool], calls: Mapping[str, CallTool]) -> dict[str, CallTool]:
    """What runs each of the three tools that stand for these."""
    behind = ToolSearch(
        tools={tool.name: tool for tool in tools},
        calls=calls,
        words=_indexed(tools),
        checks={name: parameters_check(name, parameters) for name, parameters in _PARAMETERS.items()},
    )
    return {"search_tools": behind.search, "describe_tool": behind.describe, "call_tool": behind.call}


def search_tools(tools: Sequence[ListedTool]) -> list[ListedTool]:
    """The three tools that stand for these, as clients see them."""
    every = [tool.semantics for tool in tools]
    calling = Semantics(
        read_only=all(each.read_only for each in every),
        destructive=any(each.destructive for each in every),
        idempotent=all(each.idempotent for each in every),
    )
    said = (
        ("search_tools", "Search tools", f"Find some of the {len(tools)} tools of this server by words.", _READS),
        ("describe_tool", "Describe a tool", "Show what a tool does and which arguments it takes.", _READS),
        ("call_tool", "Call a tool", "Call a tool that was found, with its own arguments.", calling),
    )
    return [
        ListedTool(
            name=name,
            title=title,
            description=description,
            schema=arguments_schema(_PARAMETERS[name]),
            semantics=semantics,
            open_world=name == "call_tool",
        )
        for name, title, description, semantics in said
    ]


def _indexed(tools: Sequence[ListedTool]) -> sqlite3.Connection:
    words = sqlite3.connect(":memory:", check_same_thread=False)
    words.execute(
        "CREATE VIRTUAL TABLE tools USING fts5"
        "(name UNINDEXED, called, described, parameters, tokenize = 'porter unicode61')"
    )
    rows = (
        (tool.name, _apart(f"{tool.name} {tool.title}"), tool.description, _parameter_words(tool)) for tool in tools
    )
    words.executemany("INSERT INTO tools VALUES (?, ?, ?, ?)", rows)
    return words


def _parameter_words(tool: ListedTool) -> str:
    properties = tool.schema["properties"]
    return _apart(" ".join(properties)) if isinstance(properties, dict) else ""


def _apart(text: str) -> str:
    """A text with the words of `eventType` and `event_type` apart."""
    return _HUMP.sub(" ", text).replace("_", " ")


def _summary(tool: ListedTool) -> JsonValue:
    first = tool.description.strip().partition("\n")[0]
    return {"name": tool.name, "summary": first[:_LONGEST_SUMMARY], "required": tool.schema.get("required", [])}


def _through(name: str, answer: ToolAnswer) -> ToolAnswer:
    """The answer of a tool whose advice to call it again goes through `call_tool`, as clients have no other way."""
    # The first text of a success is the upstream's.
    kept = 0 if answer.is_error else 1
    advice = (text.replace(f"Call {name} again", f"Let `call_tool` call {name} again") for text in answer.texts[kept:])
    meta = dict(answer.meta)
    if NEXT_PAGE in meta:
        meta[NEXT_PAGE] = {"name": "call_tool", "arguments": meta[NEXT_PAGE]}
    return replace(answer, texts=(*answer.texts[:kept], *advice), meta=meta)


def _json_answer(value: dict[str, JsonValue]) -> ToolAnswer:
    text = json_text(value)
    return ToolAnswer(texts=(text,), json=text.encode())
