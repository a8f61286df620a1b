"""What a tool call answers, as plain values: the JSON, the next page, the way out of a result that is too large."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fairlead.engine.execute import Result
from fairlead.engine.pages import DeadEnd, Neighbours, page_arguments
from fairlead.errors import FairleadError
from fairlead.expose.problems import to_tool_text
from fairlead.plan.model import Arguments, Tool
from fairlead.spec.source import JsonValue

NEXT_PAGE = "fairlead/nextPage"
"""Where the `_meta` of a result has the exact call of the next page."""
# The SDKs' clients refuse a whole message beyond some 190 levels, and its text carries the same bytes.
_DEEPEST = 150


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is an image or a sound."""

    kind: Literal["image", "audio"]
    mime_type: str
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswer:
    """One answer of a tool, not yet in the words of a protocol revision; `json` is the text of an object."""

    texts: tuple[str, ...] = ()
    json: bytes | None = None
    media: Media | None = None
    is_error: bool = False
    meta: Mapping[str, JsonValue] = field(default_factory=dict)


def answer_of(tool: Tool, arguments: Arguments, result: Result, around: Neighbours, result_budget: int) -> ToolAnswer:
    """The answer for an upstream's result and the pages around it, of at most `result_budget` bytes."""
    if not result.body:
        return ToolAnswer(texts=(f"The upstream answered {result.status} with no content.",))
    if not result.is_json:
        return _other_media(tool, arguments, result, result_budget)
    if len(result.body) > result_budget:
        return _too_large(tool, arguments, len(result.body), result_budget)
    # Clients and models take an object only; its bytes stay the upstream's.
    whole = result.body if isinstance(result.value, dict) else b'{"items":%b}' % result.body
    texts = [whole.decode()]
    texts += [_beyond(tool, arguments, end) for end in around.dead_ends if end.relation == "next"]
    page = next((page for page in around.pages if page.relation == "next"), None)
    meta: dict[str, JsonValue] = {}
    if page is not None and tool.operation.pagination is not None:
        given = page_arguments(tool.operation.pagination, arguments, page)
        call = {tool.aliases.get(name, name): value for name, value in given.items()}
        texts.append(f"There is a next page. Call {tool.name} again with {_shown(call)}")
        meta[NEXT_PAGE] = {"name": tool.name, "arguments": call}
    return ToolAnswer(texts=tuple(texts), json=None if _is_deep(whole, result.value) else whole, meta=meta)


def _is_deep(text: bytes, value: JsonValue) -> bool:
    """Whether a value is nested deeper than clients take; few brackets in its text say no at once."""
    if text.count(b"{") + text.count(b"[") <= _DEEPEST:
        return False
    level: list[JsonValue] = [[value]]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _children(outer) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _children(value: JsonValue) -> Iterable[JsonValue]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def error_answer(error: FairleadError, hints: Sequence[str] = ()) -> ToolAnswer:
    """The answer for an error, in words a model can act on."""
    return ToolAnswer(texts=("\n".join((to_tool_text(error), *hints)),), is_error=True)


def _beyond(tool: Tool, arguments: Arguments, dead_end: DeadEnd) -> str:
    """What to do about a next page that cannot be reached."""
    notice = f"{dead_end.notice[0].upper()}{dead_end.notice[1:]}."
    pagination = tool.operation.pagination
    size = pagination.size if pagination else None
    taken = size is not None and any(parameter.name == size for parameter in tool.operation.parameters)
    ways = [f"with another {tool.aliases.get(size, size)}"] if size and taken else []
    unused = _unused(tool, arguments)
    if unused:
        ways.append(f"narrower, with {', '.join(unused)}")
    return f"{notice} Call {tool.name} again {', or '.join(ways)}." if ways else notice


def _too_large(tool: Tool, arguments: Arguments, size: int, result_budget: int) -> ToolAnswer:
    lines = [
        f"The answer is {size:,} bytes, more than the {result_budget:,} this tool may return; it was not returned."
    ]
    pagination = tool.operation.pagination
    by_name = {parameter.name: parameter for parameter in tool.operation.parameters}
    page = by_name.get(pagination.size) if pagination and pagination.size else None
    if page is not None:
        given = arguments.get(page.name, page.default)
        length = given if isinstance(given, (int, float)) else None
        # The largest page that fits if entries are alike, a fifth smaller because they are not.
        fitting = int(length * result_budget * 0.8 / size) if length else 1
        if length is None or length > 1:
            narrowed = dict(arguments) | {page.name: max(1, fitting)}
            shown = {tool.aliases.get(name, name): value for name, value in narrowed.items()}
            lines.append(f"Call {tool.name} again with {_shown(shown)}, and follow its next pages.")
    unused = _unused(tool, arguments)
    if unused:
        lines.append(f"{'Or n' if len(lines) > 1 else 'N'}arrow the call with {', '.join(unused)}.")
    return ToolAnswer(texts=("\n".join(lines),), is_error=True)


def _unused(tool: Tool, arguments: Arguments) -> list[str]:
    """The filters a call has not used, as the model knows them."""
    names = [parameter.name for parameter in tool.operation.parameters if parameter.name not in arguments]
    return [tool.aliases.get(name, name) for name in names if not _is_token(tool, name)]


def _shown(arguments: Mapping[str, JsonValue]) -> str:
    # The standard library's writer takes whole numbers of any length, which a caller may have given.
    return json.dumps(arguments, ensure_ascii=False)


def _is_token(tool: Tool, name: str) -> bool:
    pagination = tool.operation.pagination
    return pagination is not None and (
        name == pagination.size or any(link.parameter == name for link in pagination.links)
    )


def _other_media(tool: Tool, arguments: Arguments, result: Result, result_budget: int) -> ToolAnswer:
    if len(result.body) > result_budget:
        return _too_large(tool, arguments, len(result.body), result_budget)
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
