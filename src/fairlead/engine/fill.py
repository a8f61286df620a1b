"""Fills an upstream call with arguments: a plain function from arguments to a request, nothing sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

import orjson

from fairlead.errors import ArgumentFault, InvalidArguments
from fairlead.plan.model import Argument, Arguments, Constant, Supply, UpstreamCall, UpstreamInput
from fairlead.spec.source import JsonValue
from fairlead.upstream.auth import Credential
from fairlead.upstream.request import UpstreamRequest

_ACCEPT = {"json": "application/json", "xml": "application/xml", "csv": "text/csv", "html": "text/html"}
_HEADER_TEXT = re.compile(r"[\x20-\x7e]*")
# What the client, the connection or the credential decides; a caller's argument never replaces it.
RESERVED_HEADERS = frozenset({
    "authorization", "connection", "content-length", "content-type", "cookie", "expect", "host", "keep-alive",
    "proxy-authorization", "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


class _Absent:
    """The mark of an argument that was not given."""


_ABSENT: Final = _Absent()


def fill_request(call: UpstreamCall, base: str, credential: Credential, arguments: Arguments) -> UpstreamRequest:
    """The request for one call; absent arguments are not sent.

    Raises InvalidArguments for a value that cannot stand where it belongs (a dot segment in a path, a line
    break in a header).
    """
    path: dict[str, str] = {}
    query: list[str] = []
    headers = [("Accept", _ACCEPT.get(call.raw_format, "*/*"))]
    headers += [(name, secret.reveal()) for name, secret in credential.headers]
    body: bytes | None = None
    for item in call.inputs:
        value = _supplied(item.supply, arguments)
        if isinstance(value, _Absent):
            continue
        if item.location == "query":
            query += _query_pairs(item.name, value)
        elif item.location == "path":
            path[item.name] = text_of(value)
        elif item.location == "header":
            headers += _header(item, value, headers)
        else:
            body = _json_body(item.name, value)
            headers.append(("Content-Type", "application/json"))
    query += [f"{quote(name, safe='')}={quote(secret.reveal(), safe='')}" for name, secret in credential.query]
    url = f"{base}{_path(call, path)}"
    if query:
        url += ("&" if "?" in url else "?") + "&".join(query)
    return UpstreamRequest(call.method, url, tuple(headers), body)


def _supplied(supply: Supply, arguments: Arguments) -> JsonValue | _Absent:
    if isinstance(supply, Argument):
        return arguments.get(supply.name, _ABSENT)
    if isinstance(supply, Constant):
        return supply.value
    return supply.render(lambda name: text_of(arguments.get(name)))


def _path(call: UpstreamCall, values: dict[str, str]) -> str:
    try:
        return call.path.fill(values)
    except ValueError as failure:
        name = next((n for n, v in values.items() if set(v) <= {"."}), next(iter(values), "path"))
        raise InvalidArguments((ArgumentFault(name, str(failure)),)) from None


def _query_pairs(name: str, value: JsonValue) -> Iterable[str]:
    key = quote(name, safe="$")
    values = value if isinstance(value, list) else [value]
    return [f"{key}={quote(text_of(item), safe='')}" for item in values]


def _header(item: UpstreamInput, value: JsonValue, present: list[tuple[str, str]]) -> list[tuple[str, str]]:
    name, text = item.name, text_of(value)
    if not _HEADER_TEXT.fullmatch(text):
        raise InvalidArguments((ArgumentFault(name, "holds a character that a header cannot carry"),))
    taken = {header.lower() for header, _ in present[1:]}
    if name.lower() == "accept":
        present[0] = ("Accept", text)
        return []
    if name.lower() in RESERVED_HEADERS or name.lower() in taken:
        return []
    return [(name, text.strip())]


def _json_body(name: str, value: JsonValue) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        fault = ArgumentFault(name, "holds a number or a text that JSON cannot carry to the upstream")
        raise InvalidArguments((fault,)) from None


def text_of(value: JsonValue) -> str:
    """How a value is written where only text can stand: `true`, `5` for 5.0, JSON for what has parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, (int, float)):
        return repr(value)
    return orjson.dumps(value).decode()
