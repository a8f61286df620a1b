"""The OpenAPI 3.1 document of the REST adapter, made from the Plan."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

import orjson

from fairlead.expose.problems import PROBLEM_MEDIA_TYPE
from fairlead.plan.model import Parameter, Plan, Route, Segment
from fairlead.plan.parameters import parameter_schema
from fairlead.spec.source import JsonValue

_MEDIA_TYPES = {
    "json": "application/json", "xml": "application/xml", "csv": "text/csv", "html": "text/html",
    "text": "text/plain", "markdown": "text/markdown", "yaml": "application/yaml",
}  # fmt: skip
_RATE_HEADERS = {
    "X-RateLimit-Limit": "Calls the upstream allows in its window, as the upstream said.",
    "X-RateLimit-Remaining": "Calls that are left in the window, as the upstream said.",
    "X-RateLimit-Reset": "When the window ends, as the upstream said (Qovery: Unix time in seconds).",
}
_PROBLEM_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "description": "An RFC 9457 problem.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "description": "Where this kind is explained."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened this time."},
        "remedy": {"type": "string", "description": "What to do next."},
        "errors": {
            "type": "array",
            "description": "Every argument at fault.",
            "items": {
                "type": "object",
                "required": ["parameter", "detail"],
                "properties": {"parameter": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "upstream": {
            "type": "object",
            "description": "What the upstream answered.",
            "required": ["status", "detail"],
            "properties": {"status": {"type": "integer"}, "detail": {"type": "string"}},
        },
    },
}


def openapi_document(plans: Sequence[Plan], *, version: str, token_required: bool = False) -> dict[str, JsonValue]:
    """The description of every route of the plans, in their order."""
    first = plans[0]
    tags = {plan.namespace or plan.title: plan for plan in plans}
    document: dict[str, JsonValue] = {
        "openapi": "3.1.0",
        "info": {
            "title": first.title if len(plans) == 1 else f"{first.title} and {len(plans) - 1} more",
            "version": version,
            "description": "\n\n".join(plan.description or plan.title for plan in plans),
            "contact": {"name": first.provider or first.title},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": plan.description or plan.title} for name, plan in tags.items()],
        "paths": _paths(plans),
        "components": _components(token_required=token_required),
    }
    if token_required:
        document["security"] = [{"token": []}]
    return document


def description_bytes(document: dict[str, JsonValue], *, indented: bool = False) -> bytes:
    """The description as JSON; defaults may hold whole numbers of any length."""
    try:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 if indented else 0)
    except orjson.JSONEncodeError:
        spaces, separators = (2, (",", ": ")) if indented else (None, (",", ":"))
        return json.dumps(document, ensure_ascii=False, indent=spaces, separators=separators).encode()


def _components(*, token_required: bool) -> dict[str, JsonValue]:
    components: dict[str, JsonValue] = {"schemas": {"Problem": _PROBLEM_SCHEMA}}
    if token_required:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return components


def _paths(plans: Sequence[Plan]) -> dict[str, JsonValue]:
    """The path items; routes that differ in the names of placeholders share one, in the first one's spelling."""
    paths: dict[str, dict[str, JsonValue]] = {}
    firsts: dict[str, Route] = {}
    taken: set[str] = set()
    for plan in plans:
        for route in plan.routes:
            first = firsts.setdefault(route.shape[1], route)
            spelt = replace(route, segments=tuple(map(_spelt, route.segments, first.segments)))
            item = paths.setdefault(spelt.path, {})
            item[route.method.lower()] = _operation(spelt, plan, _unique(route, taken))
    return dict(paths)


def _spelt(segment: Segment, first: Segment) -> Segment:
    return replace(segment, text=first.text)


def _unique(route: Route, taken: set[str]) -> str:
    """An operationId: the document's name, made of characters that generators take, never twice."""
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", route.name).strip("-") or "operation"
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    taken.add(name)
    return name


def _operation(route: Route, plan: Plan, name: str) -> dict[str, JsonValue]:
    operation = route.operation
    description = route.description or operation.description or name
    described: dict[str, JsonValue] = {
        "operationId": name,
        "summary": description.partition("\n")[0][:120],
        "description": description,
        "tags": [plan.namespace or plan.title],
        "parameters": [_parameter(route, parameter) for parameter in operation.parameters if _outside_body(parameter)],
        "responses": _responses(route),
    }
    body = next((parameter for parameter in operation.parameters if parameter.location == "body"), None)
    if body is not None:
        schema = parameter_schema(body)
        described["requestBody"] = {
            "required": body.required,
            "content": {"application/json": {"schema": schema}},
        }
    return described


def _outside_body(parameter: Parameter) -> bool:
    return parameter.location != "body"


def _parameter(route: Route, parameter: Parameter) -> JsonValue:
    in_path = next((segment.text for segment in route.segments if segment.parameter == parameter.name), None)
    location = "path" if in_path else "header" if parameter.location == "header" else "query"
    described: dict[str, JsonValue] = {
        "name": in_path or parameter.name,
        "in": location,
        "required": parameter.required,
        "description": parameter.description or parameter.name,
        "schema": parameter_schema(parameter),
    }
    if parameter.type == "array":
        described |= {"style": "form", "explode": True}
    if parameter.type == "object":
        described["content"] = {"application/json": {"schema": described.pop("schema")}}
    return described


def _responses(route: Route) -> dict[str, JsonValue]:
    operation = route.operation
    media = _MEDIA_TYPES.get(operation.call.raw_format, "application/octet-stream")
    schema: JsonValue = dict(operation.response_schema) if operation.response_schema else {}
    success: dict[str, JsonValue] = {
        "description": "The upstream's answer, untouched.",
        "content": {media: {"schema": schema}},
        "headers": _headers(_success_headers(route)),
    }
    kept = {
        "400": "The arguments do not fit, or the upstream says so.",
        "401": "The upstream refused this server's token, or this server needs its own.",
        "403": "The upstream refused, or what was asked for does not exist; or the Host or Origin is not ours.",
        "404": "The upstream has no such thing.",
        "405": "The path has other methods.",
        "429": "The upstream's rate limit is reached.",
        "502": "The upstream cannot be reached or gave no usable answer.",
        "504": "The upstream did not answer in time.",
    }
    responses: dict[str, JsonValue] = {"200": success}
    for status, meaning in kept.items():
        responses[status] = {
            "description": meaning,
            "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    responses["default"] = {
        "description": "Any other error of the upstream, or a request that is too large or too slow.",
        "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return responses


def _success_headers(route: Route) -> Iterable[tuple[str, str]]:
    yield from _RATE_HEADERS.items()
    if route.operation.pagination:
        yield "Link", "The neighbouring pages, rel next and prev (RFC 8288)."
        yield "Fairlead-Notice", "That a paging link of the upstream leads nowhere, so that there may be more."


def _headers(described: Iterable[tuple[str, str]]) -> dict[str, JsonValue]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in described}
