"""Answers `tools/call` of the 2026-07-28 revision without the SDK, whose models cost more than the call itself.

Only a request without a doubt is taken here; whatever is malformed, older or unusual is the SDK's to answer. The
answers are the SDK's, member by member, which tests hold them to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from fairlead.expose.http import Headers, Request, Response
from fairlead.expose.tool_results import ToolAnswer
from fairlead.expose.tools import CallTool
from fairlead.spec.json_text import exact_value, json_text
from fairlead.spec.source import JsonValue
from fairlead.telemetry.requests import begin, current

REVISION = "2026-07-28"
_PREFIX = "io.modelcontextprotocol/"
_VERSION, _CAPABILITIES, _CLIENT = f"{_PREFIX}protocolVersion", f"{_PREFIX}clientCapabilities", f"{_PREFIX}clientInfo"
_ENVELOPE = frozenset({"jsonrpc", "id", "method", "params"})
_PARAMS = frozenset({"name", "arguments", "_meta"})
_META = frozenset({_VERSION, _CAPABILITIES, _CLIENT, "progressToken", "traceparent", "tracestate"})
_ACCEPT = frozenset({b"application/json", b"text/event-stream"})
_CLIENT_TEXTS = frozenset({"name", "version", "title"})
_ROUTING = (b"mcp-protocol-version", b"mcp-method", b"mcp-name", b"accept", b"content-type")
_JSON = (("content-type", "application/json"),)


class PlainCall(NamedTuple):
    """A tool call that needs no more than its name and arguments."""

    id: str | int
    name: str
    arguments: Mapping[str, JsonValue]
    meta: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class PlainCalls:
    """The tools that are called without the SDK; `server_info` is what every result says of this server."""

    tools: Mapping[str, CallTool]
    server_info: Mapping[str, JsonValue]

    async def answer(self, request: Request) -> Response | None:
        """The answer to a plain call of a tool that exists; None leaves the request to the SDK."""
        call = plain_call(request)
        tool = self.tools.get(call.name) if call else None
        if call is None or tool is None:
            return None
        identity = current()
        if identity is not None and "traceparent" in call.meta:
            begin(identity.told_by(call.meta))
        result = self._result(await tool(call.arguments, REVISION))
        return Response(200, _JSON, orjson.dumps({"jsonrpc": "2.0", "id": call.id, "result": result}))

    def _result(self, answer: ToolAnswer) -> dict[str, object]:
        content: list[JsonValue] = [{"type": "text", "text": text} for text in answer.texts]
        if answer.media:
            content.append({"type": answer.media.kind, "data": answer.media.data, "mimeType": answer.media.mime_type})
        result: dict[str, object] = {"content": content, "isError": answer.is_error, "resultType": "complete"}
        if answer.json is not None:
            result["structuredContent"] = orjson.Fragment(answer.json)  # the upstream's bytes, parsed once already
        # A cursor may be a whole number of any length, which orjson does not write.
        result["_meta"] = orjson.Fragment(json_text({**answer.meta, **self.server_info}))
        return result


def plain_calls(tools: Mapping[str, CallTool], *, name: str, title: str, version: str) -> PlainCalls:
    """The plain calls of a server's tools."""
    return PlainCalls(tools, {f"{_PREFIX}serverInfo": {"name": name, "title": title, "version": version}})


def plain_call(request: Request) -> PlainCall | None:
    """The call a request makes; None for one that is anything but a plain tool call of this revision."""
    name = _named(request.headers)
    if name is None:
        return None
    try:
        message = orjson.loads(request.body)
        params, meta = message["params"], message["params"]["_meta"]
        plain = (
            message["jsonrpc"] == "2.0"
            and message["method"] == "tools/call"
            and type(message["id"]) in (str, int)
            and params["name"] == name
            and type(params["arguments"]) is dict
            and meta[_VERSION] == REVISION
            and _known_capabilities(meta[_CAPABILITIES])
            and _known_client(meta.get(_CLIENT))
            and type(meta.get("progressToken", "")) in (str, int)
            and message.keys() <= _ENVELOPE
            and params.keys() <= _PARAMS
            and meta.keys() <= _META
        )
    except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
        return None
    if not plain:
        return None
    exact: Any = exact_value(request.body, message)
    return PlainCall(message["id"], name, exact["params"]["arguments"], meta)


def _named(headers: Headers) -> str | None:
    """The tool the headers name; None when they do not route a plain call, each header exactly once."""
    routing: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _ROUTING:
            if name in routing:
                return None
            routing[name] = value
        elif name.startswith(b"mcp-param-"):
            return None
    accept = {kind.strip() for kind in routing.get(b"accept", b"").split(b",")}
    if (
        routing.get(b"mcp-protocol-version") != REVISION.encode()
        or routing.get(b"mcp-method") != b"tools/call"
        or routing.get(b"content-type") != b"application/json"
        or not accept >= _ACCEPT
    ):
        return None
    tool = routing.get(b"mcp-name", b"").decode("latin-1")
    # Anything else may be an encoded name: a header has no other way to carry it.
    return tool if tool.isascii() and not tool.startswith("=?") else None


def _known_capabilities(value: JsonValue) -> bool:
    return isinstance(value, dict) and all(isinstance(each, dict) and not each for each in value.values())


def _known_client(value: JsonValue) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, dict)
        and {"name", "version"} <= value.keys() <= _CLIENT_TEXTS
        and all(isinstance(text, str) for text in value.values())
    )
