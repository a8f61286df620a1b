"""How tools are announced to MCP clients, and what the announcement costs a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fairlead.plan.model import Semantics, Tool
from fairlead.plan.parameters import arguments_schema
from fairlead.spec.json_text import json_text
from fairlead.spec.source import JsonValue

# What JSON takes with the tokenizers of today's models, give or take a quarter.
_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTool:
    """A tool as clients see it; `schema` is that of its arguments."""

    name: str
    title: str
    description: str
    schema: Mapping[str, JsonValue] = field(hash=False)
    semantics: Semantics
    open_world: bool

    def as_json(self) -> dict[str, JsonValue]:
        """The tool in the words of `tools/list`."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "inputSchema": dict(self.schema),
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.semantics.read_only,
                "destructiveHint": self.semantics.destructive,
                "idempotentHint": self.semantics.idempotent,
                "openWorldHint": self.open_world,
            },
        }


def listed_tool(tool: Tool) -> ListedTool:
    """The announcement of a tool."""
    return ListedTool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        schema=arguments_schema(tool.operation.parameters, tool.aliases),
        semantics=tool.semantics,
        open_world=tool.open_world,
    )


def token_cost(tools: Iterable[ListedTool]) -> int:
    """About how many tokens of a model's context the list takes."""
    return sum(len(json_text(tool.as_json())) for tool in tools) // _BYTES_PER_TOKEN
