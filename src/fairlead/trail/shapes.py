"""Events as a reader with little room wants them: what happened, to what, by whom; the rest on demand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo

import orjson

from fairlead.archive.contract import NANOS_PER_SECOND, instant_text
from fairlead.archive.diff import Difference
from fairlead.archive.events import Event, read_event
from fairlead.archive.model import Archived
from fairlead.spec.source import JsonValue

MOST_CHARACTERS = 160
"""Of a name or a value; whoever needs more asks for the one event."""
_MOST_BYTES = 320

_SHORT: tuple[str, ...] = (
    "timestamp",
    "event_type",
    "target_type",
    "sub_target_type",
    "target_name",
    "target_id",
    "project_name",
    "environment_name",
    "triggered_by",
    "origin",
)


def short(found: Archived) -> dict[str, JsonValue]:
    """An event in a few lines; what it does not have is left out."""
    event = read_event(found.raw)
    shown: dict[str, JsonValue] = {"id": cut(found.id)}
    for name in _SHORT:
        value = getattr(event, name)
        if value is not None:
            shown[name] = cut(value)
    return shown


def whole(event: Event) -> dict[str, JsonValue]:
    """All fields of an event but what it changed, which is shown as differences."""
    fields = event._asdict()
    return {name: value for name, value in fields.items() if name not in {"change", "original_change"}}


def difference(found: Difference) -> dict[str, JsonValue]:
    """One difference; values are JSON texts."""
    texts = {"before": found.before, "after": found.after, "note": found.note or None}
    return {"path": found.path, "kind": found.kind, **{n: text for n, text in texts.items() if text is not None}}


def shortened(row: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The same with every long text cut."""
    return {name: cut(value) if isinstance(value, str) else value for name, value in row.items()}


def instant(nanos: int | None) -> str | None:
    """An instant as text, in UTC; None for none."""
    return None if nanos is None else instant_text(nanos // 1_000)


def local(nanos: int, zone: tzinfo) -> str:
    """An instant as text, in a time zone."""
    return datetime.fromtimestamp(seconds(nanos), zone).isoformat().replace("+00:00", "Z")


def seconds(nanos: int) -> int:
    """Nanoseconds as whole seconds."""
    return nanos // NANOS_PER_SECOND


def cut(text: str) -> str:
    """A text that is not too long, spelled as JSON either; what is left out is counted."""
    kept = text[:MOST_CHARACTERS]
    while len(orjson.dumps(kept)) > _MOST_BYTES:
        kept = kept[: len(kept) * 3 // 4]
    return text if kept == text else f"{kept}… ({len(text) - len(kept):,} more characters)"
