"""Overlays: corrections beside a document, in the form of the OpenAPI Overlay Specification 1.0.

`X.overlay.yaml` beside `X.yaml` is found by itself. An action selects values by JSONPath (RFC 9535) and merges
`update` into them, or removes them; a value it brings keeps its position in the overlay file.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path as FilePath

from fairlead.spec.diagnostics import Diagnostic, Position, Severity
from fairlead.spec.source import MAX_NODES, JsonValue, Path, Source, walk
from fairlead.spec.targets import find


def overlay_beside(document: FilePath) -> FilePath | None:
    """The overlay that belongs to a document by its name, if there is one."""
    candidate = document.with_name(f"{document.stem}.overlay{document.suffix}")
    try:
        return candidate if candidate.is_file() else None
    except OSError:
        return None


def apply_overlay(source: Source, overlay: Source) -> Source:
    """The source with the overlay's actions applied in order; faults of the overlay join the diagnostics."""
    diagnostics = [*source.diagnostics, *overlay.diagnostics]
    merged = _Merge(copy.deepcopy(source.value), dict(source.keys), dict(source.values))
    actions = overlay.value.get("actions") if isinstance(overlay.value, dict) else None
    if not isinstance(actions, list):
        diagnostics.append(_fault(overlay, (), "an overlay needs a list of `actions`"))
        actions = []
    visits = count()
    for index, action in enumerate(actions):
        path: Path = ("actions", index)
        try:
            targets = _targets(merged.value, action, visits)
            for target in targets:
                merged.act(target, action, overlay, (*path, "update"))
        except ValueError as failure:
            diagnostics.append(_fault(overlay, path, str(failure)))
            continue
        if not targets:
            position = overlay.value_position((*path, "target"))
            message = "the target selects nothing in the document"
            diagnostics.append(
                Diagnostic(position=position, code="overlay-target", message=message, severity=Severity.WARNING)
            )
    return replace(source, value=merged.value, keys=merged.keys, values=merged.values, diagnostics=tuple(diagnostics))


def _targets(value: JsonValue, action: JsonValue, visits: Iterator[int]) -> list[Path]:
    target = action.get("target") if isinstance(action, dict) else None
    if not isinstance(action, dict) or not isinstance(target, str):
        raise ValueError("an action needs a `target`, written as a JSONPath")
    if "update" not in action and action.get("remove") is not True:
        raise ValueError("an action needs `update` or `remove: true`")
    paths = find(value, target, visits)
    if () in paths and (action.get("remove") is True or not isinstance(action["update"], dict)):
        raise ValueError("the whole document can only be updated with a mapping, not removed or replaced")
    if action.get("remove") is True:
        # From the end and from within, so that the places of what is still to be removed stay what they were.
        paths.sort(key=lambda path: [(isinstance(part, int), part) for part in path], reverse=True)
    return paths


def _fault(overlay: Source, path: Path, message: str) -> Diagnostic:
    return Diagnostic(position=overlay.value_position(path), code="overlay-action", message=message)


class _Merge:
    """A document's values and positions while actions change them."""

    def __init__(self, value: JsonValue, keys: dict[Path, Position], values: dict[Path, Position]) -> None:
        self.value = value
        self.keys = keys
        self.values = values
        self.placed = 0

    def act(self, target: Path, action: JsonValue, overlay: Source, update_path: Path) -> None:
        """Carry out one action on one selected value."""
        assert isinstance(action, dict)
        if action.get("remove") is True:
            self._remove(target)
            return
        found = self._at(target)
        update = action["update"]
        if isinstance(found, dict) and isinstance(update, dict):
            self._merge(found, update, target, overlay, update_path)
        elif isinstance(found, list):
            self._append(found, update, target, overlay, update_path)
        else:
            self._put(target, update, overlay, update_path)

    def _at(self, path: Path) -> JsonValue:
        value = self.value
        for part in path:
            value = value[part]  # type: ignore[index]
        return value

    def _remove(self, target: Path) -> None:
        holder = self._at(target[:-1])
        if isinstance(holder, (dict, list)):
            del holder[target[-1]]  # type: ignore[arg-type]
        if isinstance(holder, dict):
            self.keys.pop(target, None)

    def _merge(
        self,
        into: dict[str, JsonValue],
        update: dict[str, JsonValue],
        path: Path,
        overlay: Source,
        origin: Path,
    ) -> None:
        for key, value in update.items():
            present = into.get(key)
            here, there = (*path, key), (*origin, key)
            if isinstance(present, dict) and isinstance(value, dict):
                self._merge(present, value, here, overlay, there)
            elif isinstance(present, list) and isinstance(value, list):
                self._append(present, value, here, overlay, there)
            else:
                self._put(here, value, overlay, there)

    def _append(self, into: list[JsonValue], update: JsonValue, path: Path, overlay: Source, origin: Path) -> None:
        items = update if isinstance(update, list) else [update]
        for index, item in enumerate(items):
            into.append(None)
            there = (*origin, index) if isinstance(update, list) else origin
            self._put((*path, len(into) - 1), item, overlay, there)

    def _put(self, path: Path, value: JsonValue, overlay: Source, origin: Path) -> None:
        if path:
            if self.placed >= MAX_NODES:
                raise ValueError(f"the overlay brings more than {MAX_NODES:,} values")
            holder = self._at(path[:-1])
            holder[path[-1]] = copy.deepcopy(value)  # type: ignore[index]
        for below, _ in walk(value):
            self.placed += 1
            self.keys[(*path, *below)] = overlay.key_position((*origin, *below))
            self.values[(*path, *below)] = overlay.value_position((*origin, *below))
