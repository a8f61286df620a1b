"""Values that the contract does not know: the upstream adds some every month, and all are kept as they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from fairlead.archive.contract import EVENT_TYPES, ORIGINS, SUB_TARGET_TYPES, TARGET_TYPES
from fairlead.archive.model import DIMENSIONS, Dimension, Prepared
from fairlead.archive.preparation import Incoming
from fairlead.telemetry.records import record

_KNOWN: Mapping[Dimension, frozenset[str]] = {
    "event_type": frozenset(EVENT_TYPES),
    "target_type": frozenset(TARGET_TYPES),
    "sub_target_type": frozenset(SUB_TARGET_TYPES),
    "origin": frozenset(ORIGINS),
}
_PLACES = tuple((DIMENSIONS.index(field), field) for field in _KNOWN)
_MOST = 1_000
_LONGEST = 100
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Unseen:
    """Which values came that the contract does not know; events are made ready in several threads."""

    def __init__(self) -> None:
        # A set takes a value whole, so that no thread needs a lock; nobody goes through them.
        self._found: Mapping[Dimension, set[str]] = {field: set() for field in _KNOWN}

    def noting(self, prepare: Callable[[Incoming], Prepared]) -> Callable[[Incoming], Prepared]:
        """The same preparation, which notes what it has not seen before."""

        def noted(incoming: Incoming) -> Prepared:
            prepared = prepare(incoming)
            for place, field in _PLACES:
                value = prepared.values[place]
                if value is not None and value not in _KNOWN[field]:
                    self._note(field, value[:_LONGEST])
            return prepared

        return noted

    def counts(self) -> Mapping[str, int]:
        """How many such values each field had."""
        return {field: len(found) for field, found in self._found.items()}

    def _note(self, field: Dimension, value: str) -> None:
        found = self._found[field]
        if value not in found and len(found) < _MOST:
            found.add(value)
            # What is no name could be anything, and records are kept.
            shown = value if _NAME.fullmatch(value) else "(no name)"
            record("value not known", level="info", field=field, value=shown)
