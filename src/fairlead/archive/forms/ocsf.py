"""An event in the Open Cybersecurity Schema Framework (OCSF), version 1.5.0.

The schema's required attributes are always there, and nothing is invented: no address, no user's id. What the schema
has no place for is in `unmapped`, as it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import orjson

from fairlead.archive.events import Event
from fairlead.archive.forms.instants import millis_of
from fairlead.archive.forms.meaning import Act, Meaning, Outcome, Severity, Subject, meaning
from fairlead.archive.forms.ndjson import one_line
from fairlead.archive.forms.remainder import as_texts, as_values, remainder
from fairlead.spec.source import JsonValue

VERSION = "1.5.0"
OTHER = 99
UNKNOWN = "unknown"
"""Stands where the schema requires a name and the event has none."""


class OcsfClass(NamedTuple):
    """A class of the schema, with the captions of the activities that we use."""

    uid: int
    name: str
    category_uid: int
    category_name: str
    activities: Mapping[int, str]


API_ACTIVITY = OcsfClass(
    6003, "API Activity", 6, "Application Activity", {1: "Create", 2: "Read", 3: "Update", 4: "Delete"}
)
ENTITY_MANAGEMENT = OcsfClass(
    3004, "Entity Management", 3, "Identity & Access Management", {1: "Create", 2: "Read", 3: "Update", 4: "Delete"}
)
USER_ACCESS = OcsfClass(
    3005, "User Access Management", 3, "Identity & Access Management", {1: "Assign Privileges", 2: "Revoke Privileges"}
)
ACCOUNT_CHANGE = OcsfClass(3001, "Account Change", 3, "Identity & Access Management", {1: "Create", 6: "Delete"})

_RECORDED = {Act.CREATE: 1, Act.READ: 2, Act.UPDATE: 3, Act.DELETE: 4}

CLASSES: Mapping[Subject, tuple[OcsfClass, Mapping[Act, int]]] = {
    Subject.RESOURCE: (API_ACTIVITY, _RECORDED),
    Subject.CREDENTIAL: (ENTITY_MANAGEMENT, _RECORDED),
    Subject.PRIVILEGE: (USER_ACCESS, {Act.CREATE: 1, Act.UPDATE: 1, Act.ACCEPT: 1, Act.DELETE: 2}),
    Subject.ACCOUNT: (ACCOUNT_CHANGE, {Act.CREATE: 1, Act.ACCEPT: 1, Act.DELETE: 6}),
    Subject.INVITATION: (ACCOUNT_CHANGE, {Act.ACCEPT: 1}),
}
"""The class for what was acted on, and its activity for each act; every other act is 99, Other."""

STATUSES: Mapping[Outcome, tuple[int, str]] = {
    Outcome.UNKNOWN: (0, "Unknown"),
    Outcome.SUCCESS: (1, "Success"),
    Outcome.FAILURE: (2, "Failure"),
}

SEVERITIES: Mapping[Severity, tuple[int, str]] = {
    Severity.UNKNOWN: (0, "Unknown"),
    Severity.INFORMATIONAL: (1, "Informational"),
    Severity.LOW: (2, "Low"),
    Severity.MEDIUM: (3, "Medium"),
}

_EVERYWHERE = frozenset({"id", "timestamp", "event_type", "triggered_by", "origin", "user_agent"})
_WITH_ID = _EVERYWHERE | {"target_id", "target_name"}
PLACED: Mapping[int, frozenset[str]] = {
    API_ACTIVITY.uid: _WITH_ID,
    ENTITY_MANAGEMENT.uid: _WITH_ID,
    USER_ACCESS.uid: _EVERYWHERE | {"target_name"},
    ACCOUNT_CHANGE.uid: _EVERYWHERE | {"target_name"},
}
"""The fields that have a place in a class; the target of an access event is no user's id, so it stays unmapped."""


class Classified(NamedTuple):
    """The class and the activity that stand for an event."""

    ocsf_class: OcsfClass
    activity_id: int

    @property
    def type_uid(self) -> int:
        """What names the class and the activity together."""
        return self.ocsf_class.uid * 100 + self.activity_id


class _RoleName(msgspec.Struct):
    role_name: str | None = None


_role_name = msgspec.json.Decoder(_RoleName)


def classified(means: Meaning) -> Classified:
    """The class and the activity for what an event means."""
    ocsf_class, activities = CLASSES[means.subject]
    return Classified(ocsf_class, activities.get(means.act, OTHER))


def ocsf(raw: bytes, event: Event, organization_id: str) -> dict[str, JsonValue]:
    """An event as an OCSF document, its remaining fields as values."""
    kind, document = _document(event, organization_id)
    return document | {"unmapped": as_values(remainder(raw, PLACED[kind.uid]))}


def ocsf_json(raw: bytes, event: Event, organization_id: str) -> bytes:
    """An event as the JSON of an OCSF document on one line, its remaining fields with every digit they have."""
    kind, document = _document(event, organization_id)
    return one_line(orjson.dumps(document | {"unmapped": as_texts(remainder(raw, PLACED[kind.uid]))}))


def _document(event: Event, organization_id: str) -> tuple[OcsfClass, dict[str, JsonValue]]:
    means = meaning(event.event_type, event.target_type, event.sub_target_type)
    document = _classification(event, means) | {
        "time": millis_of(event.timestamp) or 0,
        "metadata": _metadata(event, organization_id),
        "actor": _actor(event),
        "src_endpoint": {"svc_name": event.origin or UNKNOWN},
    }
    if event.user_agent:
        document["http_request"] = {"user_agent": event.user_agent}
    kind = classified(means).ocsf_class
    return kind, document | _own_attributes(kind, event, organization_id)


def _classification(event: Event, means: Meaning) -> dict[str, JsonValue]:
    kind = classified(means)
    status_id, status = STATUSES[means.outcome]
    severity_id, severity = SEVERITIES[means.severity]
    # An activity of 99 is named by its source.
    activity = kind.ocsf_class.activities.get(kind.activity_id)
    return {
        "category_uid": kind.ocsf_class.category_uid,
        "category_name": kind.ocsf_class.category_name,
        "class_uid": kind.ocsf_class.uid,
        "class_name": kind.ocsf_class.name,
        "activity_id": kind.activity_id,
        "activity_name": activity or event.event_type or UNKNOWN,
        "type_uid": kind.type_uid,
        "type_name": f"{kind.ocsf_class.name}: {activity or 'Other'}",
        "severity_id": severity_id,
        "severity": severity,
        "status_id": status_id,
        "status": status,
    }


def _metadata(event: Event, organization_id: str) -> dict[str, JsonValue]:
    always: dict[str, JsonValue] = {
        "version": VERSION,
        "product": {"name": "Qovery", "vendor_name": "Qovery"},
        "log_name": "organization events",
        "tenant_uid": organization_id,
    }
    return always | _present(uid=event.id, event_code=event.event_type, original_time=event.timestamp)


def _actor(event: Event) -> dict[str, JsonValue]:
    """Who did it is a display name and no more; through what is the caller's own claim."""
    user: dict[str, JsonValue] = {"user": {"name": event.triggered_by}} if event.triggered_by else {}
    return user | {"app_name": event.origin or UNKNOWN}


def _own_attributes(kind: OcsfClass, event: Event, organization_id: str) -> dict[str, JsonValue]:
    """What a class has of its own."""
    if kind is API_ACTIVITY:
        return _api(event)
    if kind is ENTITY_MANAGEMENT:
        return {"entity": (_target(event) or {"name": UNKNOWN}) | _type(event) | {"type_id": OTHER}}
    user: dict[str, JsonValue] = {"name": event.target_name or UNKNOWN}
    if kind is ACCOUNT_CHANGE:
        return {"user": user}
    resource: dict[str, JsonValue] = {"uid": organization_id, "type": "ORGANIZATION"}
    return {"user": user, "privileges": _privileges(event.change), "resources": [resource]}


def _api(event: Event) -> dict[str, JsonValue]:
    api: dict[str, JsonValue] = {"operation": event.event_type or UNKNOWN, "service": {"name": "Qovery"}}
    target = _target(event)
    return {"api": api, "resources": [target | _type(event)]} if target else {"api": api}


def _target(event: Event) -> dict[str, JsonValue]:
    return _present(uid=event.target_id, name=event.target_name)


def _type(event: Event) -> dict[str, JsonValue]:
    """A sub-target has no id and no name of its own, so the type of what stands there names both."""
    types = [part for part in (event.target_type, event.sub_target_type) if part]
    return {"type": "/".join(types)} if types else {}


def _privileges(change: str | None) -> list[JsonValue]:
    """The role that the change names; none where it names none."""
    try:
        role = _role_name.decode(change or "{}").role_name
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return [role] if role else []


def _present(**fields: str | None) -> dict[str, JsonValue]:
    return {key: value for key, value in fields.items() if value}
