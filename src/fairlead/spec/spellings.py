"""Reads maps keyed by name as lists of named things: the specification spells them both ways (dialect rule 14)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import get_args, get_origin

from pydantic import BaseModel

from fairlead.spec.diagnostics import Position
from fairlead.spec.model import Document
from fairlead.spec.source import JsonValue, Path, Source

_BY_NAMESPACE = frozenset({"binds", "consumes", "exposes"})


def as_lists(source: Source) -> Source:
    """The source with every map of named things as a list of them, each with its name; positions stay true."""
    renamed: dict[Path, int] = {}
    value = _listed(source.value, Document, (), renamed)
    if not renamed:
        return source
    # What a map's key says is the name of the item, so that is where the item begins.
    starts = {path: source.keys[path] for path in renamed if path in source.keys}
    return replace(
        source,
        value=value,
        keys=_moved(source.keys, renamed),
        values=_moved({**source.values, **starts}, renamed),
    )


def _listed(value: JsonValue, model: type[BaseModel], path: Path, renamed: dict[Path, int]) -> JsonValue:
    if not isinstance(value, dict):
        return value
    lists, nested = _fields(model)
    changed: dict[str, JsonValue] = {}
    for key, child in value.items():
        here = (*path, key)
        if key in nested:
            changed[key] = _listed(child, nested[key], here, renamed)
        elif key not in lists:
            changed[key] = child
        elif isinstance(child, list):
            changed[key] = [_listed(item, lists[key], (*here, at), renamed) for at, item in enumerate(child)]
        elif (
            isinstance(child, dict) and child and all(item is None or isinstance(item, dict) for item in child.values())
        ):
            identity = "namespace" if key in _BY_NAMESPACE else "name"
            items: list[JsonValue] = []
            for at, (name, item) in enumerate(child.items()):
                renamed[(*here, name)] = at
                own = _listed(item or {}, lists[key], (*here, name), renamed)
                items.append({identity: name, **own} if isinstance(own, dict) else own)
            changed[key] = items
        else:
            changed[key] = child
    return changed


@lru_cache
def _fields(model: type[BaseModel]) -> tuple[dict[str, type[BaseModel]], dict[str, type[BaseModel]]]:
    """The keys that hold lists of models, and those that hold one model."""
    lists: dict[str, type[BaseModel]] = {}
    nested: dict[str, type[BaseModel]] = {}
    for name, field in model.model_fields.items():
        parts = (field.annotation, *get_args(field.annotation))
        for part in parts:
            if isinstance(part, type) and issubclass(part, BaseModel) and get_origin(field.annotation) is not list:
                nested[field.alias or name] = part
        items = get_args(field.annotation) if get_origin(field.annotation) is list else ()
        if items and isinstance(items[0], type) and issubclass(items[0], BaseModel):
            lists[field.alias or name] = items[0]
    return lists, nested


def _moved(positions: Mapping[Path, Position], renamed: Mapping[Path, int]) -> dict[Path, Position]:
    moved = {}
    for path, position in positions.items():
        new = tuple(renamed.get(path[: depth + 1], part) for depth, part in enumerate(path))
        moved[new] = position
    return moved
