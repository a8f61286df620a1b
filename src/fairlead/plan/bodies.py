"""What an upstream call has for a body, and the inputs that fill it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from fairlead.plan.findings import Findings
from fairlead.plan.inference import Declared, is_file
from fairlead.plan.methods import WITH_BODY
from fairlead.plan.model import Argument, Body, BodyKind, BodyTemplate, Constant
from fairlead.plan.scope import Scope, read_template, sole_argument
from fairlead.plan.templates import Template
from fairlead.plan.variables import environment_of
from fairlead.spec.diagnostics import did_you_mean
from fairlead.spec.model import ConsumedOperation
from fairlead.spec.source import JsonValue, Path

_KINDS: dict[str, BodyKind] = {
    "json": "json", "text": "text", "xml": "xml", "raw": "raw", "form": "form", "formurlencoded": "form",
    "multipart": "multipart", "multipartform": "multipart",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ReadBody:
    """The body of an operation, and its inputs with those that the body adds; `refused` when it cannot be run."""

    body: Body | None
    inputs: tuple[Declared, ...]
    refused: bool = False


def read_body(
    operation: ConsumedOperation, inputs: Sequence[Declared], scope: Scope, at: Path, findings: Findings
) -> ReadBody:
    """The body that an operation's `body` block, or else its inputs, make.

    A `body` block's variables are optional inputs of any type, unless an input of their name is declared.
    """
    if operation.body is not None:
        return _authored(operation, inputs, scope, at, findings)
    entities = [item for item in inputs if item.location == "body"]
    form = [item for item in inputs if item.form]
    if form:
        files = tuple(item.name for item in form if _is_file(item))
        kind: BodyKind = "multipart" if files else "form"
        findings.inferred(at, "form-body", operation.name, f"the `in: formData` inputs are the fields of a {kind} body")
        return ReadBody(Body(kind=kind, files=files), _as_fields(inputs))
    if len(entities) > 1:
        findings.inferred(at, "body-fields", operation.name, "the `in: body` inputs are the fields of a JSON object")
        return ReadBody(Body(kind="json"), _as_fields(inputs))
    if not entities and operation.method in WITH_BODY:
        name = next(name for name in ("body", "requestBody", "request_body") if not _has(inputs, name))
        findings.inferred(at, "undeclared-body", operation.name, f"`{name}` is optional and sent as the JSON body")
        added = Declared(
            name=name,
            location="body",
            type="any",
            description="The JSON body, sent as it is.",
            rule="undeclared-body",
        )
        return ReadBody(Body(kind="json"), (*inputs, added))
    kind = "bytes" if any(_is_file(item) for item in entities) else "json"
    return ReadBody(Body(kind=kind) if entities else None, tuple(inputs))


def _authored(
    operation: ConsumedOperation, inputs: Sequence[Declared], scope: Scope, at: Path, findings: Findings
) -> ReadBody:
    spelled, data = _block(cast("JsonValue", operation.body))
    kind = _KINDS.get(spelled.replace("-", "").replace("_", "").lower())
    if kind is None:
        message = f"a body of type `{spelled}` is not supported, so `{operation.name}` is not run"
        findings.warning((*at, "body"), "unsupported-body", message + did_you_mean(spelled, _KINDS))
        return ReadBody(None, tuple(inputs), refused=True)
    if kind in {"text", "xml", "raw"} and isinstance(data, dict | list):
        kind = "json"  # what has parts cannot be written as anything else
    template = _template(data, scope)
    names = dict.fromkeys(name for name in variables_of(template) if not environment_of([name]))
    kept = []
    for item in inputs:
        if item.name in names and item.location in {"body", "field", "query"}:
            kept.append(replace(item, location="field"))
        elif item.location not in {"body", "field"}:
            kept.append(item)
        else:
            message = f"the `body` block has no place for the input `{item.name}`, so it is not sent"
            findings.warning(at, "unplaced-input", message)
    added = [_variable(name) for name in names if not _has(kept, name)]
    return ReadBody(Body(kind=kind, template=template), (*kept, *added))


def with_credential(read: ReadBody, name: str, at: Path, findings: Findings) -> ReadBody:
    """The body of an operation whose credential is one more field of it."""
    if read.body is None:
        return replace(read, body=Body(kind="json"))
    has_fields = isinstance(read.body.template, Mapping | None)
    if read.body.kind in {"json", "form", "multipart"} and has_fields:
        return read
    message = f"its body has no fields that the credential could be one of, so `{name}` is not run"
    findings.warning((*at, "body"), "unsupported-authentication", message)
    return replace(read, refused=True)


def _variable(name: str) -> Declared:
    return Declared(name=name, location="field", type="any", rule="body-variable")


def _block(body: JsonValue) -> tuple[str, JsonValue]:
    """The type and the data of a `body`; without both keys it is its own data."""
    if isinstance(body, dict) and "data" in body and set(body) <= {"type", "data"}:
        return str(body.get("type", "json")), body["data"]
    return ("raw" if isinstance(body, str) else "json"), body


def _template(data: JsonValue, scope: Scope) -> BodyTemplate:
    if isinstance(data, dict):
        return {key: _template(value, scope) for key, value in data.items()}
    if isinstance(data, list):
        return tuple(_template(item, scope) for item in data)
    if not isinstance(data, str) or "{{" not in data:
        return Constant(data)
    template = read_template(data, scope)
    argument = sole_argument(template)
    if argument is not None:
        return Argument(argument)
    return template if template.variables else Constant(data)


def variables_of(template: BodyTemplate) -> Iterator[str]:
    """The inputs a template needs, in order."""
    if isinstance(template, Argument):
        yield template.name
    elif isinstance(template, Template):
        yield from template.variables
    elif isinstance(template, tuple):
        for part in template:
            yield from variables_of(part)
    elif not isinstance(template, Constant):
        for part in template.values():
            yield from variables_of(part)


def _as_fields(inputs: Iterable[Declared]) -> tuple[Declared, ...]:
    return tuple(replace(item, location="field") if item.location == "body" else item for item in inputs)


def _has(inputs: Iterable[Declared], name: str) -> bool:
    return any(item.name == name for item in inputs)


def _is_file(item: Declared) -> bool:
    return item.authored is not None and is_file(item.authored)
