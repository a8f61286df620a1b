"""Spells the parts of a Swagger 2.0 description as OpenAPI 3 does, so that one reader reads both."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead.openapi.references import References
from fairlead.openapi.shapes import listed, mapping, text
from fairlead.spec.source import JsonValue

_SCHEMA_WORDS = (
    "type", "format", "items", "default", "enum", "pattern",
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
)  # fmt: skip
_STYLES = {"csv": "form", "ssv": "spaceDelimited", "tsv": "tabs", "pipes": "pipeDelimited", "multi": "form"}
_URLENCODED, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
_JSON = "application/json"


def as_openapi(
    operation: dict[str, JsonValue], parameters: list[dict[str, JsonValue]], root: dict[str, JsonValue],
    references: References,
) -> tuple[dict[str, JsonValue], list[dict[str, JsonValue]]]:  # fmt: skip
    """An operation and its parameters in the words of OpenAPI 3; `parameters` have their references followed."""
    media = [text(each) for each in listed(operation.get("consumes", root.get("consumes")))]
    body = next((each for each in parameters if each.get("in") == "body"), None)
    fields = [each for each in parameters if each.get("in") == "formData"]
    spelled = dict(operation)
    if body is not None:
        spelled["requestBody"] = _body(body, media)
    elif fields:
        spelled["requestBody"] = _form(fields, media)
    produces = [text(each) for each in listed(operation.get("produces", root.get("produces")))] or [_JSON]
    responses = mapping(operation.get("responses"))
    spelled["responses"] = {code: _response(references.mapping(each), produces) for code, each in responses.items()}
    return spelled, list(_outside(parameters))


def _outside(parameters: list[dict[str, JsonValue]]) -> Iterator[dict[str, JsonValue]]:
    for each in parameters:
        if text(each.get("in")) in {"body", "formData"}:
            continue
        style = text(each.get("collectionFormat")) or "csv"
        multi = style == "multi"
        spelled = {key: value for key, value in each.items() if key not in _SCHEMA_WORDS}
        spelled |= {"schema": _schema(each), "explode": multi}
        if each.get("in") == "query" or style not in {"csv", "multi"}:
            spelled["style"] = _STYLES.get(style, style)
        yield spelled


def _schema(parameter: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {key: parameter[key] for key in _SCHEMA_WORDS if key in parameter}


def _body(body: dict[str, JsonValue], media: list[str]) -> dict[str, JsonValue]:
    schema = body.get("schema")
    content: dict[str, JsonValue] = {each: {"schema": schema} for each in media or [_JSON]}
    name = {"x-body-name": body["name"]} if isinstance(body.get("name"), str) else {}
    return {"required": body.get("required"), "description": body.get("description"), "content": content, **name}


def _form(fields: list[dict[str, JsonValue]], media: list[str]) -> dict[str, JsonValue]:
    properties: dict[str, JsonValue] = {}
    required: list[JsonValue] = []
    for each in fields:
        properties[text(each.get("name"))] = _schema(each) | {"description": each.get("description")}
        if each.get("required") is True:
            required.append(text(each.get("name")))
    has_file = any(each.get("type") == "file" for each in fields)
    chosen = _MULTIPART if has_file or (_MULTIPART in media and _URLENCODED not in media) else _URLENCODED
    schema: JsonValue = {"type": "object", "properties": properties, "required": required}
    return {"required": bool(required), "content": {chosen: {"schema": schema}}}


def _response(response: dict[str, JsonValue], produces: list[str]) -> dict[str, JsonValue]:
    if "schema" not in response:
        return {key: response[key] for key in ("description",) if key in response}
    return {"content": {each: {"schema": response["schema"]} for each in produces}}
