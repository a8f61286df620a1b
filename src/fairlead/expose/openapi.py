"""The OpenAPI 3.1 document of the REST adapter, made from the Plan."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import orjson

from fairlead.expose.presenting import Presenting
from fairlead.expose.problems import PROBLEM_MEDIA_TYPE
from fairlead.expose.rest_arguments import takes_body
from fairlead.plan.media_types import ANY_BYTES, MEDIA_TYPES
from fairlead.plan.methods import DESCRIBED
from fairlead.plan.model import Parameter, Plan, Route, Segment
from fairlead.plan.parameters import arguments_schema, parameter_schema
from fairlead.plan.safe_names import free_name, safe_name
from fairlead.spec.source import JsonValue

_LONGEST_NAME = 200
_HEADERS = {
    "X-RateLimit-Limit": "Calls the upstream allows in its window, as the upstream said.",
    "X-RateLimit-Remaining": "Calls that are left in the window, as the upstream said.",
    "X-RateLimit-Reset": "When the window ends, as the upstream said (Qovery: Unix time in seconds).",
    "Cache-Control": "How long the caller, and nobody between, may keep the answer, where it may.",
    "Age": "Seconds since the upstream gave the answer, where this server kept it.",
    "X-Fairlead-Source": "Who answered, `archive` or `api`, where it could have been either.",
    "ETag": "The version of the answer, where the upstream names one.",
    "X-Request-Id": "The id of the request in the records of this server: the caller's own, or one made here.",
    "Retry-After": "Seconds to wait before the next call, where that is known.",
    "WWW-Authenticate": "What this server asks its callers for, where it is this server that refused.",
    "Allow": "The methods of the path.",
}
_PAGE_HEADERS = {
    "Link": "The neighbouring pages, rel next and prev (RFC 8288).",
    "Fairlead-Notice": "That a paging link of the upstream leads nowhere, so that there may be more.",
}
_ANSWER_HEADERS = (
    "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Cache-Control", "Age", "ETag", "X-Request-Id",
    "X-Fairlead-Source",
)  # fmt: skip
# Status, name, meaning, and the header that belongs to it.
_PROBLEMS = (
    ("400", "BadRequest", "The arguments do not fit, or the upstream says so.", ""),
    (
        "401",
        "Unauthorized",
        "The caller did not show what this server asks for, or the upstream refused this server's own token.",
        "WWW-Authenticate",
    ),
    (
        "403",
        "Forbidden",
        "The upstream refused, or what was asked for does not exist; or the caller's token allows too little; or the "
        "Host or Origin is not ours.",
        "WWW-Authenticate",
    ),
    ("404", "NotFound", "The upstream has no such thing.", ""),
    ("405", "MethodNotAllowed", "The path has other methods.", "Allow"),
    ("429", "TooManyRequests", "The caller's own rate or the upstream's rate limit is used up.", "Retry-After"),
    ("502", "BadGateway", "The upstream cannot be reached or gave no usable answer.", ""),
    (
        "503",
        "Unavailable",
        "Too many calls or connections at once, or the upstream or the issuer of the caller's token is failing; "
        "nothing was sent to the upstream.",
        "Retry-After",
    ),
    ("504", "GatewayTimeout", "The upstream did not answer in time.", ""),
    ("default", "Problem", "Any other error of the upstream, or a request that is too large or too slow.", ""),
)
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


def openapi_document(plans: Sequence[Plan], *, version: str, told: Presenting | None = None) -> dict[str, JsonValue]:
    """The description of every route of the plans, in their order; `told` is what callers send."""
    first = plans[0]
    tags = {plan.namespace or plan.title: plan for plan in plans}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": first.title if len(plans) == 1 else f"{first.title} and {len(plans) - 1} more",
            "version": version,
            "description": "\n\n".join(plan.description or plan.title for plan in plans),
            "contact": {"name": first.provider or first.title},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": plan.description or plan.title} for name, plan in tags.items()],
        "paths": _paths(plans, told),
        "components": _components(told),
    }


def description_bytes(document: dict[str, JsonValue], *, indented: bool = False) -> bytes:
    """The description as JSON; defaults may hold whole numbers of any length."""
    try:
        return orjson.dumps(document, option=orjson.OPT_INDENT_2 if indented else 0)
    except orjson.JSONEncodeError:
        spaces, separators = (2, (",", ": ")) if indented else (None, (",", ":"))
        return json.dumps(document, ensure_ascii=False, indent=spaces, separators=separators).encode()


def _components(told: Presenting | None) -> dict[str, JsonValue]:
    components: dict[str, JsonValue] = {
        "schemas": {"Problem": _PROBLEM_SCHEMA},
        "headers": _described(_HEADERS),
        "responses": {name: _problem(meaning, header) for _, name, meaning, header in _PROBLEMS},
    }
    if told:
        components["securitySchemes"] = {"callers": dict(told.scheme)}
    return components


def _problem(meaning: str, header: str) -> JsonValue:
    return {
        "description": meaning,
        "headers": _header_references(["X-Request-Id", *filter(None, [header])]),
        "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _described(headers: Mapping[str, str]) -> dict[str, JsonValue]:
    return {name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()}


def _header_references(names: Iterable[str]) -> dict[str, JsonValue]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _paths(plans: Sequence[Plan], told: Presenting | None) -> dict[str, JsonValue]:
    """The path items; routes that differ in the names of placeholders share one, in the first one's spelling."""
    paths: dict[str, dict[str, JsonValue]] = {}
    firsts: dict[str, Route] = {}
    taken: set[str] = set()
    for plan in plans:
        for route in plan.routes:
            if route.method not in DESCRIBED:
                continue  # it is served, and OpenAPI has no word for it
            first = firsts.setdefault(route.shape[1], route)
            spelt = replace(route, segments=tuple(map(_spelt, route.segments, first.segments)))
            item = paths.setdefault(spelt.path, {})
            described = _operation(spelt, plan, _unique(route, taken))
            if told:
                described["security"] = [{"callers": list(told.scopes)}]
            item[route.method.lower()] = described
    return dict(paths)


def _spelt(segment: Segment, first: Segment) -> Segment:
    pairs = zip(segment.placeholders, first.placeholders, strict=True)
    return replace(segment, placeholders=tuple(replace(own, text=other.text) for own, other in pairs))


def _unique(route: Route, taken: set[str]) -> str:
    """An operationId: the document's name, made of characters that generators take, never twice."""
    name = free_name(safe_name(route.name, _LONGEST_NAME) or "operation", taken, _LONGEST_NAME)
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
        "parameters": [_parameter(route, item) for item in operation.parameters if _outside_body(route, item)],
        "responses": _responses(route),
    }
    body = _request_body(route)
    if body:
        described["requestBody"] = body
    return described


def _request_body(route: Route) -> dict[str, JsonValue]:
    parameters = route.operation.parameters
    whole = next((parameter for parameter in parameters if parameter.location == "body"), None)
    if whole is not None:
        if whole.format == "binary":
            return {"required": whole.required, "content": {ANY_BYTES: {"schema": {}}}}
        return {"required": whole.required, "content": {"application/json": {"schema": parameter_schema(whole)}}}
    fields = [parameter for parameter in parameters if parameter.location == "field"]
    if not fields or not takes_body(route):
        return {}
    content: dict[str, JsonValue] = {"application/json": {"schema": arguments_schema(fields)}}
    return {"required": any(field.required for field in fields), "content": content}


def _outside_body(route: Route, parameter: Parameter) -> bool:
    return parameter.location != "body" and not (parameter.location == "field" and takes_body(route))


def _parameter(route: Route, parameter: Parameter) -> JsonValue:
    in_path = next((each.text for each in route.placeholders if each.parameter == parameter.name), None)
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
    media = MEDIA_TYPES.get(operation.call.raw_format, ANY_BYTES)
    schema: JsonValue = dict(operation.response_schema) if operation.response_schema else {}
    paging = _described(_PAGE_HEADERS) if operation.pagination else {}
    responses: dict[str, JsonValue] = {
        "200": {
            "description": "The upstream's answer, untouched.",
            "content": {media: {"schema": schema}},
            "headers": _header_references(_ANSWER_HEADERS) | paging,
        }
    }
    if route.method == "GET":
        responses["304"] = {
            "description": "The caller has the answer: its `If-None-Match` holds the `ETag`.",
            "headers": _header_references(("Cache-Control", "ETag", "X-Request-Id")),
        }
    for status, name, _, _ in _PROBLEMS:
        responses[status] = {"$ref": f"#/components/responses/{name}"}
    return responses
