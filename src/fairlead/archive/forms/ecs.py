"""An event in the Elastic Common Schema (ECS), version 8.17.

What the schema has a field for is there, everything else under `qovery`, as it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from fairlead.archive.events import Event
from fairlead.archive.forms.instants import EPOCH, utc
from fairlead.archive.forms.meaning import Act, Meaning, Subject, meaning
from fairlead.archive.forms.ndjson import one_line
from fairlead.archive.forms.remainder import as_texts, as_values, remainder
from fairlead.spec.source import JsonValue

VERSION = "8.17.0"

RESOURCES: Mapping[Act, tuple[str, tuple[str, ...]]] = {
    Act.CREATE: ("configuration", ("creation",)),
    Act.READ: ("configuration", ("access",)),
    Act.UPDATE: ("configuration", ("change",)),
    Act.DELETE: ("configuration", ("deletion",)),
    Act.ACCEPT: ("configuration", ("change",)),
    Act.QUEUE: ("process", ("info",)),
    Act.START: ("process", ("start",)),
    Act.END: ("process", ("end",)),
    Act.ENTER: ("session", ("start",)),
    Act.CALL: ("api", ("access",)),
    Act.REFUSE: ("api", ("denied",)),
    Act.UNKNOWN: ("configuration", ("info",)),
}
"""`event.category` and `event.type` for what is done to resources."""

_RECORDED = {
    Act.CREATE: "creation",
    Act.READ: "info",
    Act.UPDATE: "change",
    Act.DELETE: "deletion",
    Act.ACCEPT: "change",
}
_ABOUT = {Subject.CREDENTIAL: "admin", Subject.PRIVILEGE: "user", Subject.ACCOUNT: "user", Subject.INVITATION: "user"}

IDENTITIES: Mapping[tuple[Subject, Act], tuple[str, tuple[str, ...]]] = {
    (subject, act): ("iam", (about, kind)) for subject, about in _ABOUT.items() for act, kind in _RECORDED.items()
}
"""`event.category` and `event.type` for what is done to who may do what."""

PLACED = frozenset({"id", "event_type", "triggered_by", "user_agent", "project_id", "project_name"})
"""The fields that have a place of their own."""


def categorized(means: Meaning) -> tuple[str, tuple[str, ...]]:
    """The `event.category` and the `event.type` for what an event means."""
    return IDENTITIES.get((means.subject, means.act)) or RESOURCES[means.act]


def ecs(raw: bytes, event: Event, organization_id: str) -> dict[str, JsonValue]:
    """An event as an ECS document, its remaining fields as values."""
    return _document(event, organization_id) | {"qovery": as_values(remainder(raw, PLACED))}


def ecs_json(raw: bytes, event: Event, organization_id: str, *, original: bool = False) -> bytes:
    """An event as the JSON of an ECS document on one line, its remaining fields with every digit they have.

    With `original` the event itself is in `event.original`, as text.
    """
    document = _document(event, organization_id)
    if original and isinstance(document["event"], dict):
        document["event"]["original"] = raw.decode("utf-8", "replace")
    return one_line(orjson.dumps(document | {"qovery": as_texts(remainder(raw, PLACED))}))


def _document(event: Event, organization_id: str) -> dict[str, JsonValue]:
    document: dict[str, JsonValue] = {
        # The schema requires an instant; what was sent is in qovery.timestamp.
        "@timestamp": utc(event.timestamp) or EPOCH,
        "ecs": {"version": VERSION},
        "event": _event(event),
        "organization": {"id": organization_id},
    }
    if event.triggered_by:
        document["user"] = {"name": event.triggered_by}
        document["related"] = {"user": [event.triggered_by]}
    if event.user_agent:
        document["user_agent"] = {"original": event.user_agent}
    if project := _present(id=event.project_id, name=event.project_name):
        document["cloud"] = {"project": project}
    return document


def _event(event: Event) -> dict[str, JsonValue]:
    means = meaning(event.event_type, event.target_type, event.sub_target_type)
    category, types = categorized(means)
    always: dict[str, JsonValue] = {
        "kind": "event",
        "category": [category],
        "type": [*types],
        "outcome": str(means.outcome),
        "dataset": "qovery.events",
    }
    return always | _present(id=event.id, action=event.event_type)


def _present(**fields: str | None) -> dict[str, JsonValue]:
    return {key: value for key, value in fields.items() if value}
