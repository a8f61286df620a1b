"""Puts the consumed APIs that a document imports from other files in place of the imports (dialect R30)."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path as FilePath

from fairlead.spec.diagnostics import Diagnostic, DocumentInvalid, Severity
from fairlead.spec.neighbours import neighbour
from fairlead.spec.source import MAX_NODES, JsonValue, Path, Source, read_file, walk
from fairlead.spec.spellings import as_lists

ALSO = "x-fairlead-also-named"
_CONSUMES: Path = ("capability", "consumes")


def resolve_imports(source: Source, document: FilePath) -> Source:
    """The source with every `{import: NAME, location: FILE}` of its consumed APIs replaced by that API.

    Files are found from the document's folder, in it or beside it, never elsewhere. An API whose own namespace is
    another one than it is imported by has both names. What cannot be imported becomes an API without operations, and a
    warning.
    """
    items = _at(source.value, _CONSUMES)
    if not isinstance(items, list) or not any(_is_import(item) for item in items):
        return source
    return _Imports(source, document).resolved(items)


def imported_files(source: Source, document: FilePath) -> tuple[FilePath, ...]:
    """The files that a document imports from, whether they are there or not."""
    items = _at(source.value, _CONSUMES)
    found = []
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and _is_import(item):
            with contextlib.suppress(ValueError):
                found.append(neighbour(document.parent, _location(item)))
    return tuple(found)


def _location(item: Mapping[str, JsonValue]) -> str:
    return str(item.get("location") or item.get("from") or "")


class _Imports:
    """The values and positions of a document while APIs are put into it."""

    def __init__(self, source: Source, document: FilePath) -> None:
        self.source = source
        self.folder = document.parent
        self.value = copy.deepcopy(source.value)
        self.keys = dict(source.keys)
        self.values = dict(source.values)
        self.diagnostics = list(source.diagnostics)
        self.placed = 0

    def resolved(self, items: list[JsonValue]) -> Source:
        """The whole source again."""
        for index, item in enumerate(items):
            if isinstance(item, dict) and _is_import(item):
                path = (*_CONSUMES, index)
                try:
                    self._put(path, item)
                except ValueError as failure:
                    holder = _at(self.value, _CONSUMES)
                    holder[index] = {"namespace": str(item.get("as") or item.get("import") or "")}  # type: ignore[index]
                    self._warn(path, str(failure))
        return replace(
            self.source,
            value=self.value,
            keys=self.keys,
            values=self.values,
            diagnostics=tuple(self.diagnostics),
        )

    def _put(self, path: Path, item: dict[str, JsonValue]) -> None:
        name, alias = str(item.get("import") or ""), str(item.get("as") or "")
        shared = self._file(_location(item))
        origin = _api(shared, name)
        api = copy.deepcopy(_at(shared.value, origin))
        assert isinstance(api, dict)
        own = str(api.get("namespace") or "")
        api["namespace"] = alias or own or name
        api[ALSO] = [other for other in dict.fromkeys((name, own)) if other and other != api["namespace"]]
        holder = _at(self.value, path[:-1])
        holder[path[-1]] = api  # type: ignore[index]
        self._place(path, api, shared, origin)
        binds, imported = self.value.setdefault("binds", []), _at(shared.value, ("binds",))  # type: ignore[union-attr]
        for index, bind in enumerate(imported if isinstance(imported, list) and isinstance(binds, list) else ()):
            binds.append(copy.deepcopy(bind))  # type: ignore[union-attr]
            self._place(("binds", len(binds) - 1), bind, shared, ("binds", index))  # type: ignore[arg-type]

    def _file(self, location: str) -> Source:
        file = neighbour(self.folder, location)
        if not file.is_file():
            raise ValueError(f"there is no file `{location[:80]}`, so what it holds is not served")
        try:
            return as_lists(read_file(file))
        except DocumentInvalid as failure:
            raise ValueError(f"`{location[:80]}` cannot be read: {failure.diagnostics[0].message}") from None

    def _place(self, path: Path, value: JsonValue, shared: Source, origin: Path) -> None:
        for below, _ in walk(value):
            self.placed += 1
            if self.placed > MAX_NODES:
                raise ValueError(f"the imports bring more than {MAX_NODES:,} values")
            self.keys[(*path, *below)] = shared.key_position((*origin, *below))
            self.values[(*path, *below)] = shared.value_position((*origin, *below))

    def _warn(self, path: Path, message: str) -> None:
        position = self.source.value_position(path)
        self.diagnostics.append(
            Diagnostic(position=position, code="missing-import", message=message, severity=Severity.WARNING)
        )


def _api(shared: Source, name: str) -> Path:
    """Where the API of this namespace stands in a file; the only one is it, whatever it is called."""
    found = list(_apis(shared.value))
    named = [path for path, api in found if api.get("namespace") == name]
    if not named and len(found) == 1:
        named = [found[0][0]]
    if not named:
        raise ValueError(f"`{shared.file}` consumes no API `{name}`")
    return named[0]


def _apis(value: JsonValue) -> Iterator[tuple[Path, dict[str, JsonValue]]]:
    for place in (_CONSUMES, ("consumes",)):
        items = _at(value, place)
        for index, item in enumerate(items if isinstance(items, list) else ()):
            if isinstance(item, dict) and not _is_import(item):
                yield (*place, index), item


def _at(value: JsonValue, path: Path) -> JsonValue:
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            return None
    return value


def _is_import(item: JsonValue) -> bool:
    return isinstance(item, dict) and "import" in item and ("location" in item or "from" in item)
