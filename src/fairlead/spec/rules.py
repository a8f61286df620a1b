"""Checks a document against the authored model: wrong types, missing keys, keys nobody knows.

All findings of one document come at once: what is wrong is blanked out after it was reported, so that the
checks which need a whole model still see everything else.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TypedDict, get_args

from pydantic import BaseModel, ValidationError

from fairlead.spec.diagnostics import Diagnostic, Severity, did_you_mean
from fairlead.spec.model import Document
from fairlead.spec.source import JsonValue, Path, Source

_NOUNS = {
    "capability": "a capability", "consumes": "a consumed API", "exposes": "an adapter", "resources": "a resource",
    "operations": "an operation", "tools": "a tool", "inputParameters": "an input parameter",
    "outputParameters": "an output parameter", "binds": "a bind", "authentication": "an authentication",
    "info": "the info", "hints": "a hint block",
}  # fmt: skip


# What tells people something, or has a default that serves as well.
_HARMLESS = frozenset({
    "address", "created", "default", "description", "display", "enum", "hints", "label", "modified", "port",
    "stakeholders", "tags", "transport",
})  # fmt: skip


class _Finding(TypedDict):
    type: str
    loc: tuple[str | int, ...]
    msg: str
    input: object
    ctx: dict[str, object]


def read_model(source: Source) -> tuple[Document | None, list[Diagnostic]]:
    """The authored model of a source, and every diagnostic about its shape.

    The model is None only when nothing of a document could be made out (no mapping, no `capability`).
    """
    if not isinstance(source.value, dict) or "capability" not in source.value:
        message = "this is no capability document: it has no `capability` key"
        return None, [Diagnostic(position=source.value_position(()), code="no-capability", message=message)]
    diagnostics = list(_unknown_keys(source, source.value, Document, ()))
    value: JsonValue = source.value
    first = True
    for _ in range(8):  # each round blanks at least one level of what is wrong
        try:
            return Document.model_validate(value), diagnostics
        except ValidationError as failure:
            findings: Sequence[_Finding] = failure.errors(include_url=False)  # type: ignore[assignment]
            paths = [(_source_path(value, finding["loc"]), finding) for finding in findings]
            if first:
                diagnostics += [_diagnostic(source, path, finding) for path, finding in paths]
            first = False
            value = copy.deepcopy(value)
            for path, finding in paths:
                _blank(value, path, missing=finding["type"] == "missing")
    return None, diagnostics


def _diagnostic(source: Source, path: Path, finding: _Finding) -> Diagnostic:
    key = _key(path)
    if finding["type"] == "missing":
        message = f"{_noun(path[:-1])} needs {key}"
        return Diagnostic(position=source.value_position(path[:-1]), code="missing-key", message=message)
    position, severity = source.value_position(path), Severity.WARNING if _is_harmless(path) else Severity.ERROR
    given = finding["input"]
    if finding["type"] in {"greater_than_equal", "less_than_equal"}:
        message = f"{key} is out of range: {_short(given)}"
        return Diagnostic(position=position, code="out-of-range", message=message, severity=severity)
    message = f"{key} must be {_expected(finding['type'])}, not {_kind(given)}"
    return Diagnostic(position=position, code="wrong-type", message=message, severity=severity)


def _is_harmless(path: Path) -> bool:
    """Whether a document runs as well without what stands there."""
    return path[:1] == ("info",) or any(part in _HARMLESS for part in path)


def _key(path: Path) -> str:
    if not path:
        return "the document"
    last = path[-1]
    return f"`{last}`" if isinstance(last, str) else f"item {last + 1} of `{path[-2]}`"


def _unknown_keys(source: Source, value: JsonValue, model: type[BaseModel], path: Path) -> Iterator[Diagnostic]:
    if not isinstance(value, dict):
        return
    fields = _nested_models(model)
    for key, child in value.items():
        here = (*path, key)
        if key not in fields:
            if not key.startswith("x-"):
                public = [name for name in fields if not name.startswith("x-")]
                message = f"{_noun(path)} has no key `{_short(key)}`{did_you_mean(key, public)}"
                yield Diagnostic(
                    position=source.key_position(here),
                    code="unknown-key",
                    message=message,
                    severity=Severity.WARNING,
                )
            continue
        nested = fields[key]
        if nested is None:
            continue
        items = enumerate(child) if isinstance(child, list) else [(None, child)]
        for index, item in items:
            yield from _unknown_keys(source, item, nested, here if index is None else (*here, index))


@lru_cache
def _nested_models(model: type[BaseModel]) -> dict[str, type[BaseModel] | None]:
    """The keys of a model, each with the model of its value or of its items."""

    def model_of(annotation: object) -> type[BaseModel] | None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation
        return next((found for part in get_args(annotation) if (found := model_of(part))), None)

    return {field.alias or name: model_of(field.annotation) for name, field in model.model_fields.items()}


def _source_path(value: JsonValue, location: Path) -> Path:
    """The part of a pydantic location that exists in the document (it also names union members)."""
    path: list[str | int] = []
    for index, part in enumerate(location):
        if not _has(value, part):
            if index == len(location) - 1 and isinstance(value, dict):
                path.append(part)
            continue
        value = _child(value, part)
        path.append(part)
    return tuple(path)


def _has(value: JsonValue, part: str | int) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _child(value: JsonValue, part: str | int) -> JsonValue:
    if isinstance(value, dict) and isinstance(part, str):
        return value[part]
    return value[part] if isinstance(value, list) and isinstance(part, int) else None


def _blank(value: JsonValue, path: Path, *, missing: bool) -> None:
    for part in path[:-1]:
        if not _has(value, part):  # what held it was blanked before
            return
        value = _child(value, part)
    last = path[-1] if path else ""
    if isinstance(value, dict) and isinstance(last, str):
        if missing:
            value[last] = {} if last == "capability" else "GET" if last == "method" else ""
        else:
            value.pop(last, None)
    elif isinstance(value, list) and isinstance(last, int) and last < len(value):
        value[last] = "" if value[last] == {} else {}  # the item of a list of texts, when it is no mapping's


def _noun(path: Path) -> str:
    names = [part for part in path if isinstance(part, str)]
    return _NOUNS.get(names[-1], f"`{names[-1]}`") if names else "the document"


def _expected(kind: str) -> str:
    words = {
        "string_type": "a text", "int_type": "a whole number", "int_parsing": "a whole number",
        "int_from_float": "a whole number", "bool_type": "true or false", "bool_parsing": "true or false",
        "list_type": "a list", "dict_type": "a mapping", "model_type": "a mapping",
        "model_attributes_type": "a mapping", "float_type": "a number", "float_parsing": "a number",
    }  # fmt: skip
    return words.get(kind, "something else")


def _kind(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f"`{_short(value)}`"


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
