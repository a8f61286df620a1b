"""Reads a REST request's arguments: the path, the query, headers and the body, converted by declared type."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

import orjson

from fairlead.engine.arguments import unknown_arguments, wrong_type
from fairlead.engine.texts import data_url
from fairlead.errors import ArgumentFault, RequestMalformed
from fairlead.expose.http import Request
from fairlead.plan.conversion import list_value, typed_value
from fairlead.plan.methods import WITH_BODY
from fairlead.plan.model import Parameter, Route
from fairlead.spec.json_text import is_json, read_json
from fairlead.spec.source import JsonValue

_MOST_FIELDS = 1_000
# Nothing to decode: what most queries are, and what the standard library takes three times as long for.
_PLAIN_QUERY = re.compile(rb"[A-Za-z0-9=&._~:-]*")


@dataclass(frozen=True, slots=True)
class ArgumentReader:
    """Where each parameter of a route is read from; made once for each route."""

    path: tuple[Parameter, ...]
    repeated: bool
    """Whether a parameter stands in the path more than once."""
    query: Mapping[str, Parameter]
    headers: tuple[tuple[bytes, Parameter], ...]
    body: Parameter | None
    fields: Mapping[str, Parameter]

    def read(self, request: Request, path_values: Sequence[str]) -> tuple[dict[str, JsonValue], list[ArgumentFault]]:
        """The arguments of a request, and the faults of those that cannot be read; or RequestMalformed."""
        arguments: dict[str, JsonValue] = {}
        faults: list[ArgumentFault] = []
        for parameter, text in zip(self.path, path_values, strict=True):
            convert(parameter, [text], arguments, faults)
        if self.repeated:
            faults += _differing(self.path, path_values)
        if request.query:
            self._read_query(request.query, arguments, faults)
        for name, parameter in self.headers:
            value = request.header(name)
            if value is not None:
                convert(parameter, [value.decode("latin-1")], arguments, faults)
        if request.body:
            self._read_body(request, arguments, faults)
        return arguments, faults

    def _read_query(self, query: bytes, arguments: dict[str, JsonValue], faults: list[ArgumentFault]) -> None:
        given: dict[str, list[str]] = {}
        for name, text in _pairs(query):
            given.setdefault(name, []).append(text)
        unknown = [name for name in given if name not in self.query]
        told = iter(unknown_arguments(unknown, self.query) if unknown else ())
        for name, texts in given.items():
            if name in self.query:
                convert(self.query[name], texts, arguments, faults)
            else:
                faults.append(next(told))

    def _read_body(self, request: Request, arguments: dict[str, JsonValue], faults: list[ArgumentFault]) -> None:
        if self.body is None and not self.fields:
            raise RequestMalformed("This operation takes no body.", remedy="Send its arguments in the query.")
        content_type = (request.header(b"content-type") or b"").decode("latin-1").strip()
        if self.body is not None and self.body.format == "binary":
            arguments[self.body.name] = data_url(content_type, request.body)
            return
        media_type = content_type.partition(";")[0].strip()
        if media_type and not is_json(media_type):
            shown = ascii(media_type[:60]).strip("'")
            raise RequestMalformed(
                f"The body is `{shown}`, and this operation takes JSON.",
                remedy="Send JSON, with `content-type: application/json`.",
            )
        try:
            value = read_json(request.body)
        except orjson.JSONDecodeError as failure:
            raise RequestMalformed(f"The body is not JSON: {failure}.") from None
        if self.body is not None:
            arguments[self.body.name] = value
        elif isinstance(value, dict):
            faults += unknown_arguments([name for name in value if name not in self.fields], self.fields)
            arguments |= {name: item for name, item in value.items() if name in self.fields}
        else:
            raise RequestMalformed("The body is not a JSON object.", remedy="Name each argument in it.")


def argument_reader(route: Route) -> ArgumentReader:
    """The reader of a route."""
    operation = route.operation
    in_path = [placeholder.parameter for placeholder in route.placeholders]
    others = [parameter for parameter in operation.parameters if parameter.name not in in_path]
    # Not from a cookie: a browser sends those of every server on this host.
    in_query = {"query", "path", "host", "cookie"} | (set() if takes_body(route) else {"field"})
    return ArgumentReader(
        path=tuple(operation.parameter(name) for name in in_path),
        repeated=len(set(in_path)) < len(in_path),
        query={parameter.name: parameter for parameter in others if parameter.location in in_query},
        headers=tuple((p.name.lower().encode(), p) for p in others if p.location == "header"),
        body=next((parameter for parameter in others if parameter.location == "body"), None),
        fields={parameter.name: parameter for parameter in others if parameter.location == "field"},
    )


def _differing(parameters: Sequence[Parameter], texts: Sequence[str]) -> list[ArgumentFault]:
    """The faults of parameters that stand in a path several times, with different values."""
    first: dict[str, str] = {}
    pairs = [(parameter.name, text) for parameter, text in zip(parameters, texts, strict=True)]
    differing = [name for name, text in pairs if first.setdefault(name, text) != text]
    return [ArgumentFault(name, "has different values in the path") for name in dict.fromkeys(differing)]


def takes_body(route: Route) -> bool:
    """Whether callers give the fields of a body in one; few clients send one with a GET."""
    return route.method in WITH_BODY


def _pairs(query: bytes) -> list[tuple[str, str]]:
    if _PLAIN_QUERY.fullmatch(query):
        parts = query.decode().split("&", _MOST_FIELDS)
        if len(parts) <= _MOST_FIELDS:
            return [(name, text) for name, _, text in [part.partition("=") for part in parts] if name or text]
    try:
        return parse_qsl(query.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError:
        raise RequestMalformed("The query is not UTF-8 once it is decoded.") from None
    except ValueError:
        raise RequestMalformed(f"The query has more than {_MOST_FIELDS} fields.") from None


def convert(
    parameter: Parameter, texts: Sequence[str], arguments: dict[str, JsonValue], faults: list[ArgumentFault]
) -> None:
    """Convert the texts given for one parameter; put the value among the arguments, or a fault among the faults."""
    if parameter.type == "array":
        arguments[parameter.name] = list_value(texts)
        return
    if len(texts) > 1:
        faults.append(ArgumentFault(parameter.name, f"is given {len(texts)} times; give it once"))
        return
    try:
        arguments[parameter.name] = typed_value(parameter, texts[0])
    except ValueError:
        faults.append(wrong_type(parameter, texts[0]))
