"""The inputs of a consumed operation in the words of OpenAPI: parameters with their true places, and the body."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fairlead.openapi.bodies import EXTENSION, NAME
from fairlead.openapi.wire import SENT, usable_name
from fairlead.plan.consumed import ConsumedEntry
from fairlead.plan.inference import Declared, parameter_of
from fairlead.plan.model import Argument, Body, BodyTemplate, Constant
from fairlead.plan.parameters import parameter_schema
from fairlead.plan.scope import Scope, read_supply
from fairlead.plan.templates import Template
from fairlead.plan.variables import environment_of
from fairlead.spec.source import JsonValue

_MEDIA_TYPES = {
    "json": "application/json", "form": "application/x-www-form-urlencoded", "multipart": "multipart/form-data",
    "text": "text/plain", "xml": "application/xml", "raw": "application/octet-stream",
    "bytes": "application/octet-stream",
}  # fmt: skip
# A description is for others, and what an author wrote into a document may be a key.
_MAY_BE_SECRET = re.compile(r"(?i)key|token|secret|passw|auth|credential|session")


def operation_parts(entry: ConsumedEntry, told: list[str]) -> dict[str, JsonValue]:
    """The parameters and the body of an operation; what cannot be described is told."""
    parts: dict[str, JsonValue] = {}
    outside = [item for item in entry.inputs if item.location in {"path", "query", "header", "cookie"}]
    parameters: list[JsonValue] = [made for item in outside if (made := _parameter(item, told)) is not None]
    if parameters:
        parts["parameters"] = parameters
    if entry.body is not None:
        parts["requestBody"] = _request_body(entry.body, entry.inputs)
    return parts


def _parameter(item: Declared, told: list[str]) -> JsonValue:
    stated = item.authored.location if item.authored else None
    if stated == "environment":
        told.append(f"the input `{item.name}` is a variable of the environment, and no parameter")
        return None
    if not usable_name(item.name):
        told.append(f"an input has the name `{item.name[:60]}`, which none can have")
        return None
    place = item.location
    described: dict[str, JsonValue] = {"name": item.name, "in": place}
    if item.required or place == "path":
        described["required"] = True
    if item.description:
        described["description"] = item.description
    if place == "header" and item.name.lower() == "accept":
        described[SENT] = True
    schema = _schema(item)
    fixed = _fixed(item)
    if fixed is not None:
        described["required"] = True
        schema["const"] = fixed
    if item.type == "object" or (item.type == "array" and place != "query"):
        return {**described, "content": {_MEDIA_TYPES["json"]: {"schema": schema}}}
    if item.type == "array":
        described |= {"style": "form", "explode": True}
    return {**described, "schema": schema}


def _fixed(item: Declared) -> str | int | float | None:
    """The only value an input can have, unless it may be a key."""
    value = item.authored.value if item.authored else None
    if value is None or _MAY_BE_SECRET.search(item.name):
        return None
    supply = read_supply(value, Scope())  # type: ignore[arg-type]
    if isinstance(supply, Constant) and isinstance(supply.value, str | int | float):
        return supply.value
    return None


def _schema(item: Declared) -> dict[str, JsonValue]:
    return parameter_schema(parameter_of(item.name, item, item.location, item.rule))


def _request_body(body: Body, inputs: Iterable[Declared]) -> JsonValue:
    media = _MEDIA_TYPES[body.kind]
    if body.template is not None:
        block: JsonValue = {"type": body.kind, "data": _spelled(body.template)}
        return {"content": {media: {"schema": {}}}, EXTENSION: {"block": block}}
    whole = next((item for item in inputs if item.location == "body"), None)
    if whole is not None:
        head: dict[str, JsonValue] = {"required": whole.required} if whole.required else {}
        if whole.description:
            head["description"] = whole.description
        if whole.name != "body":
            head[NAME] = whole.name
        return {**head, "content": {media: {"schema": _schema(whole)}}}
    fields = [item for item in inputs if item.location == "field"]
    properties: dict[str, JsonValue] = {item.name: _field_schema(item) for item in fields}
    required: list[JsonValue] = [item.name for item in fields if item.required]
    schema: dict[str, JsonValue] = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    described: dict[str, JsonValue] = {"content": {media: {"schema": schema}}}
    if required:
        described["required"] = True
    return described | ({EXTENSION: {"fields": True}} if body.kind == "json" else {})


def _field_schema(item: Declared) -> dict[str, JsonValue]:
    schema = _schema(item)
    return schema | ({"description": item.description} if item.description else {})


def _spelled(template: BodyTemplate) -> JsonValue:
    """A body template as a document spells it, its variables under the names callers use."""
    if isinstance(template, Constant):
        return template.value
    if isinstance(template, Argument):
        return f"{{{{{template.name}}}}}"
    if isinstance(template, Template):
        own = environment_of(template.variables)
        return template.render(lambda name: f"{{{{{_variable(name) if name[1:] in own else name}}}}}")
    if isinstance(template, tuple):
        return [_spelled(part) for part in template]
    return {key: _spelled(part) for key, part in template.items()}


def _variable(name: str) -> str:
    """A variable of the environment, or a key of a file, as a document spells it."""
    return f"env.{name.rpartition('#')[2].removeprefix(chr(0))}"
