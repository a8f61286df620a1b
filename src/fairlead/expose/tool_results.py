"""What a tool call answers, as plain values: the JSON, the next page, the way out of a result that is too large."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import orjson

from fairlead.engine.execute import Result
from fairlead.engine.pages import neighbours
from fairlead.errors import FairleadError
from fairlead.expose.problems import to_tool_text
from fairlead.plan.model import Arguments, Tool
from fairlead.spec.source import JsonValue


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is an image or a sound."""

    kind: Literal["image", "audio"]
    mime_type: str
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswer:
    """One answer of a tool, not yet in the words of a protocol revision."""

    texts: tuple[str, ...] = ()
    structured: dict[str, JsonValue] | None = None
    media: Media | None = None
    is_error: bool = False
    meta: Mapping[str, JsonValue] = field(default_factory=dict)


def answer_of(tool: Tool, arguments: Arguments, result: Result, budget: int) -> ToolAnswer:
    """The answer for an upstream's result; `budget` is the most bytes of JSON a model is given."""
    if tool.operation.call.raw_format != "json":
        return _other_media(tool, arguments, result, budget)
    if len(result.body) > budget:
        return _too_large(tool, arguments, len(result.body), budget)
    structured: dict[str, JsonValue] = result.value if isinstance(result.value, dict) else {"items": result.value}
    text = orjson.dumps(structured).decode()
    pages = _next_page(tool, arguments, result)
    if pages is None:
        return ToolAnswer(texts=(text,), structured=structured)
    hint = f"There is a next page. Call {tool.name} again with {_shown(pages)}"
    meta: dict[str, JsonValue] = {"fairlead/nextPage": {"name": tool.name, "arguments": pages}}
    return ToolAnswer(texts=(text, hint), structured=structured, meta=meta)


def error_answer(error: FairleadError) -> ToolAnswer:
    """The answer for an error, in words a model can act on."""
    return ToolAnswer(texts=(to_tool_text(error),), is_error=True)


def _next_page(tool: Tool, arguments: Arguments, result: Result) -> dict[str, JsonValue] | None:
    pagination = tool.operation.pagination
    if pagination is None:
        return None
    for neighbour in neighbours(pagination, arguments, result.value):
        if neighbour.relation == "next":
            return {tool.aliases.get(name, name): value for name, value in neighbour.arguments.items()}
    return None


def _too_large(tool: Tool, arguments: Arguments, size: int, budget: int) -> ToolAnswer:
    lines = [f"The answer is {size:,} bytes, more than the {budget:,} this tool may return; it was not returned."]
    pagination = tool.operation.pagination
    by_name = {parameter.name: parameter for parameter in tool.operation.parameters}
    page = by_name.get(pagination.size) if pagination and pagination.size else None
    if page is not None:
        given = arguments.get(page.name, page.default)
        length = given if isinstance(given, (int, float)) else None
        # The largest page that fits if entries are alike, a fifth smaller because they are not.
        fitting = int(length * budget * 0.8 / size) if length else 1
        if length is None or length > 1:
            narrowed = dict(arguments) | {page.name: max(1, fitting)}
            shown = {tool.aliases.get(name, name): value for name, value in narrowed.items()}
            lines.append(f"Call {tool.name} again with {_shown(shown)}, and follow its next pages.")
    unused = [tool.aliases.get(name, name) for name in by_name if name not in arguments and not _is_token(tool, name)]
    if unused:
        lines.append(f"{'Or n' if len(lines) > 1 else 'N'}arrow the call with {', '.join(unused)}.")
    return ToolAnswer(texts=("\n".join(lines),), is_error=True)


def _shown(arguments: Mapping[str, JsonValue]) -> str:
    # The standard library's writer takes whole numbers of any length, which a caller may have given.
    return json.dumps(arguments, ensure_ascii=False)


def _is_token(tool: Tool, name: str) -> bool:
    pagination = tool.operation.pagination
    return pagination is not None and (
        name == pagination.size or any(link.parameter == name for link in pagination.links)
    )


def _other_media(tool: Tool, arguments: Arguments, result: Result, budget: int) -> ToolAnswer:
    if len(result.body) > budget:
        return _too_large(tool, arguments, len(result.body), budget)
    mime_type = result.content_type.partition(";")[0].strip().lower()
    kind = mime_type.partition("/")[0]
    if kind in {"image", "audio"}:
        data = base64.b64encode(result.body).decode()
        return ToolAnswer(media=Media("image" if kind == "image" else "audio", mime_type, data))
    try:
        return ToolAnswer(texts=(result.body.decode(),))
    except UnicodeDecodeError:
        return ToolAnswer(
            texts=(f"The answer is {len(result.body):,} bytes of {mime_type or 'binary data'}, not text.",),
            is_error=True,
        )
