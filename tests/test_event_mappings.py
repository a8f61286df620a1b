"""Events in the vocabularies of other systems, OCSF and ECS: nothing is lost and nothing is invented."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.archive.contract import EVENT_KEYS, EVENT_TYPES, SUB_TARGET_TYPES, TARGET_TYPES
from fairlead.archive.diff import IDENTIFYING, NOISE
from fairlead.archive.events import Event, read_event
from fairlead.archive.forms import ecs as elastic
from fairlead.archive.forms import meaning as meanings
from fairlead.archive.forms import ocsf as open_schema
from fairlead.archive.forms.ecs import categorized, ecs, ecs_json
from fairlead.archive.forms.meaning import Act, Outcome, Subject, meaning
from fairlead.archive.forms.ocsf import classified, ocsf, ocsf_json
from fairlead.archive.forms.syslog import PARAMETERS
from fairlead.archive.forms.syslog import SEVERITIES as SYSLOG_SEVERITIES
from fairlead.sandbox.options import SandboxOptions
from fairlead.sandbox.rendering import event_at, look
from fairlead.sandbox.world import world
from golden_files import assert_golden, assert_written

ROOT = Path(__file__).resolve().parent.parent
ORGANIZATION = "0b5f8e56-6f7f-4c1b-8ad3-1d0e0c0ffee0"
TEXTS = st.sampled_from(
    ["", "x", "<b>", "\x1b[2J", "a\nb", "=1", "é\u2028", "{}", '{"role_name":"Admin"}', "[" * 3_000]
)
OTHERS = st.none() | st.integers() | st.sampled_from([[], {"a": [1.5]}, True, "extra"])
TYPES = {
    "event_type": st.sampled_from([*EVENT_TYPES, "QUANTUM_DEPLOYED"]),
    "target_type": st.sampled_from([*TARGET_TYPES, "NEW"]),
    "sub_target_type": st.sampled_from([*SUB_TARGET_TYPES, "NEW"]),
}
EVENTS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys((*EVENT_KEYS, "environment_type"), TEXTS | OTHERS)
    | {k: v | OTHERS for k, v in TYPES.items()},
)

REQUIRED = {
    6003: {"actor", "api", "src_endpoint"},
    3004: {"entity"},
    3005: {"user", "privileges"},
    3001: {"user"},
}
REQUIRED_EVERYWHERE = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
ACTIVITIES = {6003: {1, 2, 3, 4, 99}, 3004: {1, 2, 3, 4, 99}, 3005: {1, 2, 99}, 3001: {1, 6, 99}}
EXPECTED_TYPES = {
    "configuration": {"access", "change", "creation", "deletion", "info"},
    "iam": {"admin", "change", "creation", "deletion", "group", "info", "user"},
    "process": {"access", "change", "end", "info", "start"},
    "session": {"start", "end", "info"},
    "api": {"access", "admin", "allowed", "change", "creation", "deletion", "denied", "end", "info", "start", "user"},
}


def _event(fields: dict[str, Any]) -> tuple[bytes, Event]:
    raw = json.dumps(fields).encode()
    return raw, read_event(raw)


def _given_back(document: dict[str, Any]) -> dict[str, Any]:
    """The fields of the event that an OCSF document was made of."""
    metadata = document["metadata"]
    target = (
        next(iter(document.get("resources", [])), {}) if document["class_uid"] == 6003 else document.get("entity", {})
    )
    named = target or document.get("user", {})
    back = {
        "id": metadata.get("uid"),
        "timestamp": metadata.get("original_time"),
        "event_type": metadata.get("event_code"),
        "triggered_by": document["actor"].get("user", {}).get("name"),
        "origin": document["actor"]["app_name"],
        "user_agent": document.get("http_request", {}).get("user_agent"),
        "target_id": target.get("uid"),
        "target_name": named.get("name"),
    }
    return back | document["unmapped"]


@given(EVENTS)
@settings(max_examples=300, deadline=None)
def test_an_ocsf_document_has_what_its_class_requires_and_gives_the_event_back(fields: dict[str, Any]) -> None:
    """Every field is where the schema has a place for it, or in `unmapped`; no address and no user's id is there."""
    raw, event = _event(fields)
    document: dict[str, Any] = ocsf(raw, event, ORGANIZATION)
    assert document.keys() >= REQUIRED_EVERYWHERE | REQUIRED[document["class_uid"]]
    assert document["type_uid"] == document["class_uid"] * 100 + document["activity_id"]
    assert document["activity_id"] in ACTIVITIES[document["class_uid"]]
    assert document["category_uid"] == document["class_uid"] // 1000
    assert document["metadata"]["version"] == "1.5.0"
    assert document["actor"].get("user", {}).keys() <= {"name"}
    assert document["src_endpoint"].keys() == {"svc_name"}
    assert json.loads(ocsf_json(raw, event, ORGANIZATION)) == document
    back = _given_back(document)
    assert {key: back[key] for key in fields} == fields
    assert {key for key in EVENT_KEYS if key not in fields and key in document["unmapped"]} == set()


@given(EVENTS)
@settings(max_examples=200, deadline=None)
def test_an_ecs_document_gives_the_event_back(fields: dict[str, Any]) -> None:
    """Every field is where the schema has a place for it, or under `qovery`."""
    raw, event = _event(fields)
    document: dict[str, Any] = ecs(raw, event, ORGANIZATION)
    assert json.loads(ecs_json(raw, event, ORGANIZATION)) == document
    assert document["organization"] == {"id": ORGANIZATION}
    assert document["@timestamp"] == "1970-01-01T00:00:00Z"
    back = {
        "id": document["event"].get("id"),
        "event_type": document["event"].get("action"),
        "triggered_by": document.get("user", {}).get("name"),
        "user_agent": document.get("user_agent", {}).get("original"),
        "project_id": document.get("cloud", {}).get("project", {}).get("id"),
        "project_name": document.get("cloud", {}).get("project", {}).get("name"),
    } | document["qovery"]
    assert {key: back[key] for key in fields} == fields
    kept: dict[str, Any] = json.loads(ecs_json(raw, event, ORGANIZATION, original=True))
    assert json.loads(kept["event"]["original"]) == fields


def test_every_combination_of_types_has_a_class_a_category_and_a_severity() -> None:
    """57 event types, 16 target types, 40 sub-target types and none; each allowed by both schemas."""
    assert meanings.EVENT_TYPES.keys() == set(EVENT_TYPES)
    assert (len(EVENT_TYPES), len(TARGET_TYPES), len(SUB_TARGET_TYPES)) == (57, 16, 40)
    assert meanings.SUB_TARGET_TYPES.keys() <= set(SUB_TARGET_TYPES)
    assert meanings.TARGET_TYPES.keys() <= set(TARGET_TYPES)
    for types in product(EVENT_TYPES, (*TARGET_TYPES, None), (*SUB_TARGET_TYPES, None)):
        _assert_mapped(meaning.__wrapped__(*types))
    seen = {meaning(*types) for types in product(EVENT_TYPES, TARGET_TYPES, SUB_TARGET_TYPES)}
    assert {classified(each).ocsf_class.uid for each in seen} == {3001, 3004, 3005, 6003}


def _assert_mapped(means: meanings.Meaning) -> None:
    kind = classified(means)
    assert kind.activity_id in ACTIVITIES[kind.ocsf_class.uid]
    category, types = categorized(means)
    assert set(types) <= EXPECTED_TYPES[category]
    assert open_schema.SEVERITIES[means.severity]
    assert open_schema.STATUSES[means.outcome]
    assert SYSLOG_SEVERITIES[means.severity]
    assert means.act is not Act.UNKNOWN


@pytest.mark.parametrize(
    ("types", "type_uid", "outcome"),
    [
        (("UPDATE", "CONTAINER", "VARIABLE"), 600303, "unknown"),
        (("DEPLOYED", "CONTAINER", None), 600399, "success"),
        (("DELETE_FAILED", "ENVIRONMENT", None), 600399, "failure"),
        (("CREATE", "ORGANIZATION", "API_TOKEN"), 300401, "unknown"),
        (("UPDATE", "MEMBERS_AND_ROLES", "CUSTOM_ROLE"), 300403, "unknown"),
        (("CREATE", "MEMBERS_AND_ROLES", "INVITATION"), 300199, "unknown"),
        (("ACCEPT", "MEMBERS_AND_ROLES", "INVITATION"), 300101, "unknown"),
        (("DELETE", "MEMBERS_AND_ROLES", None), 300106, "unknown"),
        (("DELETE", "MEMBERS_AND_ROLES", "MEMBER_ROLE"), 300502, "unknown"),
        (("MCP", "ORGANIZATION", "TOOL_CALL"), 600399, "unknown"),
        (("POLICY_FAILED", "ORGANIZATION", "POLICY_API_TOKEN"), 600399, "failure"),
        (("QUANTUM_DEPLOYED", "SPACESHIP", "WARP"), 600399, "unknown"),
        (("QUANTUM_DEPLOY_FAILED", "SPACESHIP", "WARP"), 600399, "failure"),
        ((None, None, None), 600399, "unknown"),
        (("CREATE", "SPACESHIP", "WARP"), 600301, "unknown"),
    ],
)
def test_an_event_is_classified(types: tuple[str | None, str | None, str | None], type_uid: int, outcome: str) -> None:
    """A change of configuration, a deployment, access, and what nobody has seen yet."""
    means = meaning(*types)
    assert (classified(means).type_uid, means.outcome) == (type_uid, outcome)


def test_numbers_of_unknown_fields_keep_every_digit() -> None:
    """The bytes of a document hold a field's bytes."""
    raw = b'{"id": "1", "score": 1.10, "big":123456789012345678901234567890, "deep":\n{"a":\r\n1e400}, "bad": "\xff"}'
    for made in (ocsf_json, ecs_json):
        text = made(raw, read_event(raw), ORGANIZATION)
        assert b'"score":1.10,"big":123456789012345678901234567890,"deep":{"a":  1e400},"bad":"\xef\xbf\xbd"' in text
        assert b"\n" not in text
        text.decode()
    halves = b'{"id":"\\ud800","\\udfff":1,"x":{"y":"\\ud83e"},"z":"\\ud83e\\udd80"}'
    for made in (ocsf_json, ecs_json):
        assert orjson.loads(made(halves, read_event(halves), ORGANIZATION))


def test_what_cannot_be_a_value_is_its_text() -> None:
    """A field of thousands of nested arrays breaks neither form."""
    raw = b'{"id":"1","deep":%b%b}' % (b"[" * 700, b"]" * 700)
    document: dict[str, Any] = ocsf(raw, read_event(raw), ORGANIZATION)
    assert document["metadata"]["uid"] == "1"
    for fields in (b"[]", b"5", b'{"id"', b""):
        assert json.loads(ocsf_json(fields, read_event(fields), ORGANIZATION))["unmapped"] == {}


def test_instants_are_exact() -> None:
    """OCSF counts milliseconds and keeps the text; ECS keeps nine digits, in UTC."""
    raw, event = _event({"timestamp": "2026-01-23t10:25:41.123456789+01:00"})
    assert ocsf(raw, event, ORGANIZATION)["time"] == 1_769_160_341_123
    document: dict[str, Any] = ecs(raw, event, ORGANIZATION)
    assert document["@timestamp"] == "2026-01-23T09:25:41.123456789Z"
    assert document["qovery"]["timestamp"] == event.timestamp


def test_events_of_an_organization_in_both_schemas() -> None:
    """One event of each kind, as a SIEM receives it."""
    history, style = world(1, 1_000, 1_795_000_000_000_000), look(SandboxOptions())
    chosen: dict[tuple[int, Outcome], bytes] = {}
    invented = {
        "id": "e1",
        "timestamp": "2026-01-23T09:25:41.123456Z",
        "target_type": "MEMBERS_AND_ROLES",
        "target_name": "zoe",
    }
    access = invented | {"event_type": "UPDATE", "sub_target_type": "MEMBER_ROLE", "change": '{"role_name":"Admin"}'}
    account = invented | {"event_type": "ACCEPT", "sub_target_type": "INVITATION", "environment_type": "PRODUCTION"}
    events = [event_at(history, k, style) for k in range(1_000)] + [
        json.dumps(each).encode() for each in (access, account)
    ]
    for raw in events:
        event = read_event(raw)
        means = meaning(event.event_type, event.target_type, event.sub_target_type)
        chosen.setdefault((classified(means).type_uid, means.outcome), raw)
    for name, made in (("ocsf", ocsf), ("ecs", ecs)):
        documents = [made(chosen[key], read_event(chosen[key]), ORGANIZATION) for key in sorted(chosen)]
        assert_golden(f"events-{name}.json", json.dumps(documents, indent=1, ensure_ascii=False) + "\n")


def _types(wanted: tuple[Act, Outcome]) -> str:
    return " ".join(f"`{event_type}`" for event_type in EVENT_TYPES if meanings.EVENT_TYPES[event_type] == wanted)


def _table(*head: str, rows: list[tuple[object, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def _acts() -> str:
    said = list(dict.fromkeys(meanings.EVENT_TYPES.values()))
    rows: list[tuple[object, ...]] = []
    for act, outcome in said:
        severity = meanings.SEVERITIES.get((act, outcome), meanings.Severity.INFORMATIONAL)
        number = f"{severity} ({open_schema.SEVERITIES[severity][0]}, {SYSLOG_SEVERITIES[severity]})"
        rows.append((act, outcome, number, _types((act, outcome))))
    return _table("act", "outcome", "severity (OCSF, syslog)", "event types", rows=rows)


def _subjects() -> str:
    rows: list[tuple[object, ...]] = []
    for subject in Subject:
        kinds = [
            f"`{kind}`" for kind, of in (meanings.TARGET_TYPES | meanings.SUB_TARGET_TYPES).items() if of is subject
        ]  # type: ignore[operator]
        rows.append((subject, " ".join(kinds) or "all others"))
    return _table("subject", "target types and sub-target types", rows=rows)


def _classes() -> str:
    rows: list[tuple[object, ...]] = []
    for subject, (kind, activities) in open_schema.CLASSES.items():
        named = ", ".join(f"{act} → {number} {kind.activities[number]}" for act, number in activities.items())
        rows.append((subject, f"{kind.name} {kind.uid}", named, "99 Other"))
    return _table("subject", "class", "activity for", "every other act", rows=rows)


def _categories() -> str:
    rows: list[tuple[object, ...]] = []
    for act in Act:
        category, types = elastic.RESOURCES[act]
        resource = f"`{category}`: " + " ".join(f"`{each}`" for each in types)
        identity = elastic.IDENTITIES.get((Subject.CREDENTIAL, act))
        about = f"`iam`: `admin` or `user`, `{identity[1][1]}`" if identity else "(none)"
        rows.append((act, resource, about))
    return _table("act", "on a resource", "on another subject", rows=rows)


def test_the_documentation_has_the_tables_that_decide() -> None:
    """docs/exports.md holds the data of the mappings, written from it."""
    page = ROOT / "docs/exports.md"
    tables = {
        "acts": _acts(),
        "subjects": _subjects(),
        "ocsf": _classes(),
        "ecs": _categories(),
        "syslog": "".join(f"`{name}` " for name in PARAMETERS).strip() + "\n",
        "diff": f"`{'`, `'.join(sorted(NOISE))}`; `{'`, `'.join(IDENTIFYING)}`\n",
    }
    text = page.read_text()
    for name, table in tables.items():
        assert text.count(f"<!-- {name} -->\n") == 1
        text = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m, t=table: m[1] + t + m[2], text, flags=re.DOTALL
        )
    assert_written(page, text)
