"""YAML text as plain values, with the position of every key and value.

Documents are untrusted: the size, depth and expansion of a text are bounded before anything is built from it,
tags other than the core ones are refused, and a key given twice is a diagnostic.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import TypeAlias

import yaml

from fairlead.spec.diagnostics import CodeName, Diagnostic, DocumentInvalid, Position

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
Path: TypeAlias = tuple[str | int, ...]

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 100_000
_LARGEST = 2**63

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")
_WORDS: Mapping[str, JsonValue] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_TAG = "tag:yaml.org,2002:"
_CORE_TAGS = frozenset(_TAG + name for name in ("map", "seq", "str", "int", "float", "bool", "null")) | {"!"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a text may cost to read.

    `located` keeps where every value stands, which a document needs and a large text of somebody else's does not; that
    one also keeps whole numbers of any length.
    """

    size: int = MAX_BYTES
    nodes: int = MAX_NODES
    depth: int = MAX_DEPTH
    located: bool = True


DOCUMENT_BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class Source:
    """What a YAML file says: plain values, and where each of them stands.

    `keys` and `values` map a path (`("capability", "consumes", 0)`) to the position of the key that leads
    there and of the value itself.
    """

    file: str
    text: str
    value: JsonValue
    keys: Mapping[Path, Position]
    values: Mapping[Path, Position]
    diagnostics: tuple[Diagnostic, ...] = ()

    def has(self, path: Path) -> bool:
        """Whether there is a value at `path`."""
        value = self.value
        try:
            for part in path:
                value = value[part]  # type: ignore[index]
        except (LookupError, TypeError):
            return False
        return True

    def key_position(self, path: Path) -> Position:
        """Where the key at `path` stands; the nearest parent's place when it is not in the file."""
        return self._nearest(self.keys, path)

    def value_position(self, path: Path) -> Position:
        """Where the value at `path` starts; the nearest parent's place when it is not in the file."""
        return self._nearest(self.values, path)

    def _nearest(self, positions: Mapping[Path, Position], path: Path) -> Position:
        if path in positions:
            return positions[path]
        while path:
            path = path[:-1]
            if path in self.keys:
                return self.keys[path]
            if path in self.values:
                return self.values[path]
        return Position(self.file, 1, 1)


def read_file(path: FilePath) -> Source:
    """Read and parse a file; a file that cannot be read is a diagnostic too."""
    name = str(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as failure:
        reason = failure.strerror or "unreadable"
        raise _refused(Position(name, 1, 1), "unreadable-file", f"the file cannot be read: {reason}") from failure
    return parse(data, name)


def parse(data: bytes, name: str, bounds: Bounds = DOCUMENT_BOUNDS) -> Source:
    """Parse one YAML document (core schema of YAML 1.2: dates stay strings, `yes` is a string).

    Raises DocumentInvalid for text that is no YAML or passes a limit. Duplicate keys are returned as
    diagnostics, so that the rest of the document can be checked in the same run.
    """
    if len(data) > bounds.size:
        raise _refused(Position(name, 1, 1), "too-large", f"the file is larger than {bounds.size // 1024 // 1024} MiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        line = data.count(b"\n", 0, failure.start) + 1
        column = failure.start - data.rfind(b"\n", 0, failure.start)
        raise _refused(Position(name, line, column), "not-utf8", "the file is not UTF-8 text") from failure
    builder = _Builder(name, bounds)
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.MarkedYAMLError as failure:
        mark = failure.problem_mark or failure.context_mark
        where = Position(name, mark.line + 1, mark.column + 1) if mark else Position(name, 1, 1)
        raise _refused(where, "yaml-syntax", failure.problem or "not YAML") from failure
    except yaml.YAMLError as failure:
        raise _refused(
            Position(name, 1, 1), "yaml-syntax", "the file holds a character YAML does not allow"
        ) from failure
    if builder.documents == 0:
        raise _refused(Position(name, 1, 1), "empty-document", "the file is empty")
    return Source(name, text, builder.root, builder.keys, builder.values, tuple(builder.diagnostics))


def _refused(position: Position, code: CodeName, message: str) -> DocumentInvalid:
    return DocumentInvalid([Diagnostic(position=position, code=code, message=message)])


@dataclass(slots=True)
class _Container:
    """A mapping or sequence that is still open while its events arrive."""

    path: Path
    value: dict[str, JsonValue] | list[JsonValue]
    anchor: str | None
    nodes_before: int
    height: int = 1
    key: str | None = None
    key_position: Position | None = None


@dataclass(frozen=True, slots=True)
class _Anchored:
    """What an anchor stands for: how many values once expanded, and how many levels."""

    value: JsonValue
    nodes: int
    height: int


@dataclass(slots=True)
class _Builder:
    """Builds values from parser events without recursion, so that depth costs no stack."""

    file: str
    bounds: Bounds
    root: JsonValue = None
    documents: int = 0
    nodes: int = 0
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    anchors: dict[str, _Anchored] = field(default_factory=dict)
    open: list[_Container] = field(default_factory=list)

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._open(event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise _refused(self._at(event), "several-documents", "a file holds one document; split it at `---`")

    def _at(self, event: yaml.Event) -> Position:
        mark = event.start_mark
        assert mark is not None  # only events made by hand have none
        return Position(self.file, mark.line + 1, mark.column + 1)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        holder = self.open[-1] if self.open else None
        if holder and isinstance(holder.value, dict) and holder.key is None:
            self._take_key(holder, event)
            return
        value = self._scalar_value(event)
        if self.bounds.located and isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            message = "a whole number has at most 64 bits here; write it as a text, in quotes"
            self.diagnostics.append(Diagnostic(position=self._at(event), code="out-of-range", message=message))
            value = 0
        self._count(event, 1)
        self._place(value, self._at(event))
        if event.anchor:
            self.anchors[event.anchor] = _Anchored(value, 1, 0)

    def _take_key(self, holder: _Container, event: yaml.ScalarEvent) -> None:
        key, where = event.value, self._at(event)
        if self.bounds.located and key in holder.value:
            first = self.keys[(*holder.path, key)]
            message = f"`{key}` is already given on line {first.line}; keep one of them"
            self.diagnostics.append(Diagnostic(position=where, code="duplicate-key", message=message))
        holder.key, holder.key_position = key, where

    def _scalar_value(self, event: yaml.ScalarEvent) -> JsonValue:
        self._check_tag(event)
        if event.tag in {"!", f"{_TAG}str"}:
            return event.value
        return plain_value(event.value) if event.tag or event.implicit[0] else event.value

    def _check_tag(self, event: yaml.ScalarEvent | yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        if event.tag and event.tag not in _CORE_TAGS:
            raise _refused(self._at(event), "yaml-tag", f"the tag `{event.tag}` is not accepted; remove it")

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        where = self._at(event)
        if len(self.open) >= self.bounds.depth:
            raise _refused(where, "too-deep", f"the document nests deeper than {self.bounds.depth} levels")
        self._check_tag(event)
        holder = self.open[-1] if self.open else None
        if holder and isinstance(holder.value, dict) and holder.key is None:
            raise _refused(where, "key-not-text", "a key must be a plain text, not a list or a mapping")
        nodes_before = self.nodes
        self._count(event, 1)
        value: dict[str, JsonValue] | list[JsonValue] = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self._place(value, where)
        self.open.append(_Container(path, value, event.anchor, nodes_before))

    def _close(self) -> None:
        closed = self.open.pop()
        if self.open:
            self.open[-1].height = max(self.open[-1].height, closed.height + 1)
        if closed.anchor:
            nodes = self.nodes - closed.nodes_before
            self.anchors[closed.anchor] = _Anchored(closed.value, nodes, closed.height)

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self.anchors:
            raise _refused(
                self._at(event),
                "unknown-alias",
                f"no finished anchor `&{event.anchor}` stands before `*{event.anchor}`",
            )
        holder = self.open[-1] if self.open else None
        if holder and isinstance(holder.value, dict) and holder.key is None:
            raise _refused(self._at(event), "key-not-text", "a key must be a plain text, not an alias")
        anchored = self.anchors[event.anchor]
        if len(self.open) + anchored.height > self.bounds.depth:
            raise _refused(self._at(event), "too-deep", f"the document nests deeper than {self.bounds.depth} levels")
        if holder:
            holder.height = max(holder.height, anchored.height + 1)
        self._count(event, anchored.nodes)
        self._place(anchored.value, self._at(event))

    def _count(self, event: yaml.Event, nodes: int) -> None:
        # An alias counts as everything it stands for: a bomb of aliases is refused before anyone expands it.
        self.nodes += nodes
        if self.nodes > self.bounds.nodes:
            message = f"the document expands to more than {self.bounds.nodes:,} values"
            raise _refused(self._at(event), "too-large", message)

    def _place(self, value: JsonValue, where: Position) -> Path:
        if not self.open:
            self.root = value
            self.values[()] = where
            return ()
        holder = self.open[-1]
        if isinstance(holder.value, list):
            last: str | int = len(holder.value)
            holder.value.append(value)
        else:
            assert holder.key is not None
            last, holder.key = holder.key, None
            is_first = last not in holder.value
            if is_first:
                holder.value[last] = value
            if is_first and self.bounds.located:
                self.keys[(*holder.path, last)] = holder.key_position or where
        if not self.bounds.located:
            return ()
        path = (*holder.path, last)
        self.values.setdefault(path, where)
        return path


def plain_value(text: str) -> JsonValue:
    """What a text without quotes means."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-.0123456789":
        if _INTEGER.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
            return number
    return text


def walk(value: JsonValue, path: Path = ()) -> Iterator[tuple[Path, JsonValue]]:
    """Every value below `value`, itself included, with its path."""
    yield path, value
    if isinstance(value, dict):
        for key, child in value.items():
            yield from walk(child, (*path, key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from walk(child, (*path, index))
