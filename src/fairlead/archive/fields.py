"""One value of an event, chosen by a path such as `change.ports[0].port`, exactly as it was written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from fairlead.archive.contract import EVENT_KEYS
from fairlead.archive.events import raw_fields, string_of
from fairlead.archive.json_tree import Branch, Tree, plain, read_tree, text_of
from fairlead.archive.model import Archived

OF_THE_ARCHIVE = ("number", "position", "revision", "superseded", "organization", "fetched_at")
"""What the archive says of an event beside the upstream's own fields."""

_STEP = re.compile(r'\.?([\w-]+)|\[(-?[0-9]{1,9})\]|\[("(?:[^"\\]|\\.)*")\]')
_FIELD = re.compile(r'\s*\.?([\w-]+(?:\.[\w-]+|\[-?[0-9]{1,9}\]|\["(?:[^"\\]|\\.)*"\])*)\s*(?:,|\Z)')
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Field:
    """A path into an event: the names and places of its steps, and how it was written."""

    text: str
    steps: tuple[str | int, ...]

    @property
    def is_fixed(self) -> bool:
        """Whether every event has such a field, though it may be null."""
        return len(self.steps) == 1 and self.steps[0] in (*EVENT_KEYS, *OF_THE_ARCHIVE)


def fields_of(text: str) -> tuple[Field, ...]:
    """The paths of a list with commas between them; ValueError, naming what cannot be read.

    A step is `.name`, `[0]`, `[-1]` or `["a name with. dots"]`. The first is a field of an event in snake or camel
    case; `target.name` is `target_name`.
    """
    found: list[Field] = []
    at = 0
    while at < len(text):
        match = _FIELD.match(text, at)
        if match is None:
            raise ValueError(text[at:].strip() or text)
        found.append(Field(match[1], _steps(match[1])))
        at = match.end()
    if not found:
        raise ValueError(text)
    return tuple(found)


def _steps(text: str) -> tuple[str | int, ...]:
    steps = tuple(name or (int(index) if index else plain(quoted)) for name, index, quoted in _STEP.findall(text))
    head, *rest = steps
    if rest and isinstance(rest[0], str) and f"{head}_{rest[0]}" in EVENT_KEYS:
        return (f"{head}_{rest[0]}", *rest[1:])
    snake = _HUMP.sub("_", str(head)).lower()
    return (snake, *rest) if snake in EVENT_KEYS else steps


def value_at(archived: Archived, field: Field) -> str | None:
    """The JSON text of a field, exactly as it was written; None when the event has none.

    Inside `change` and `original_change`, which are texts of JSON, the path goes on.
    """
    head, *rest = field.steps
    literal = _first(archived, str(head))
    if literal is None or not rest:
        return literal
    text = string_of(literal.encode()) if literal.startswith('"') else literal
    tree = read_tree(text)
    for step in rest:
        tree = None if tree is None else _member(tree, step)
    return None if tree is None else text_of(text, tree)


def _first(archived: Archived, name: str) -> str | None:
    if name in OF_THE_ARCHIVE:
        return json.dumps(getattr(archived, name))
    found = raw_fields(archived.raw).get(name)
    if name == "id" and found in (None, b"null", b'""'):
        return json.dumps(archived.id)
    return None if found is None else found.decode("utf-8", "replace")


def _member(tree: Tree, step: str | int) -> Tree | None:
    members = tree.members if isinstance(tree, Branch) else None
    if isinstance(step, str):
        return members.get(step) if isinstance(members, dict) else None
    if not isinstance(members, list) or not -len(members) <= step < len(members):
        return None
    return members[step]


def shown(literal: str | None) -> str:
    """A JSON text as a person reads it: a string without its quotes, nothing for null and what is absent."""
    if literal is None or literal == "null":
        return ""
    return string_of(literal.encode()) if literal.startswith('"') else literal
