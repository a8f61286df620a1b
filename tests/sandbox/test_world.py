"""The organization: the same every time, of any size at once, and believable."""

import hashlib
import json
import re
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from fairlead.archive import contract

from .conftest import NOON, Running, Start

GOLDEN = Path(__file__).parent.parent / "golden" / "sandbox-events.sha256"
Events = list[dict[str, Any]]


@pytest.fixture(scope="module")
def believable(start: Start) -> Events:
    """The default organization's 10,000 events, newest first."""
    return start(events=10_000, seed=1).walk(pageSize=100)


def test_default_organization_is_the_golden_one(believable: Events) -> None:
    """The same seed, count and now give the same bytes, on every machine and in every release."""
    lines = b"".join(orjson.dumps(event) + b"\n" for event in believable)
    assert hashlib.sha256(lines).hexdigest() == GOLDEN.read_text().strip()


def test_only_timestamps_depend_on_the_time_of_start(start: Start) -> None:
    """Started three days later, event k is still event k; only its instants moved."""
    now, later = (start(events=300, now=NOON + days * 86_400).walk(pageSize=100) for days in (0, 3))
    timeless = [name for name in contract.EVENT_KEYS if name not in ("timestamp", "change", "original_change")]
    assert [[e[k] for k in timeless] for e in now] == [[e[k] for k in timeless] for e in later]
    assert now[0]["timestamp"] != later[0]["timestamp"]


def test_another_seed_is_another_organization(start: Start, believable: Events) -> None:
    """No id is shared between seeds."""
    other = start(events=300, seed=2).walk(pageSize=100)
    assert not {e["id"] for e in other} & {e["id"] for e in believable}


def test_newest_event_lies_just_before_the_start(start: Start) -> None:
    """Whatever the size, a fresh sandbox has fresh events."""
    for events in (1, 10_000, 10_000_000):
        newest = start(events=events).page(pageSize=1)["events"][0]["timestamp"]
        assert 0 < NOON - datetime.fromisoformat(newest).timestamp() < 61


def test_ten_million_events_page_and_window_at_once(start: Start) -> None:
    """A huge history needs no preparation, neither for its newest page nor for a window far back."""
    huge = start(events=10_000_000)
    assert len(huge.page(pageSize=100)["events"]) == 100
    back = int(NOON) - 300 * 86_400
    window = huge.walk(pageSize=100, fromTimestamp=back, toTimestamp=back + 600)
    assert window
    assert all(back <= datetime.fromisoformat(e["timestamp"]).timestamp() < back + 600 for e in window)


def test_events_have_every_key_in_order_and_nulls_are_said(believable: Events, start: Start) -> None:
    """Keys come in the upstream's order, null where nothing applies, left out only when told."""
    assert {tuple(e) for e in believable} == {contract.EVENT_KEYS}
    short = start(events=300, omit_nulls=True).walk(pageSize=100)
    assert not any(value is None for event in short for value in event.values())
    assert any("original_change" not in event for event in short)


def test_mix_is_mostly_deployment_lifecycle(believable: Events) -> None:
    """Four in five events are runs, every origin occurs, and some runs fail."""
    kinds = Counter(e["event_type"] for e in believable)
    crud = {"CREATE", "UPDATE", "DELETE", "CLONE", "ACCEPT", "SHELL", "PORT_FORWARD", "REMOTE_DEBUG", "MCP"}
    lifecycle = sum(n for kind, n in kinds.items() if kind not in crud) / len(believable)
    assert 0.75 < lifecycle < 0.87
    assert {e["origin"] for e in believable} == set(contract.ORIGINS)
    assert len(kinds) > 35
    failed = sum(n for kind, n in kinds.items() if kind.endswith("_FAILED"))
    assert 0.03 < failed / (failed + kinds["DEPLOYED"] + kinds["DELETED"] + kinds["STOPPED"]) < 0.1


def test_every_value_is_one_the_contract_knows(believable: Events) -> None:
    """The default vocabulary is August 2026."""
    assert {e["event_type"] for e in believable} <= set(contract.EVENT_TYPES)
    assert {e["target_type"] for e in believable} <= set(contract.TARGET_TYPES)
    assert {e["sub_target_type"] for e in believable} <= {*contract.SUB_TARGET_TYPES, None}


def test_run_is_queued_then_triggered_then_has_an_outcome(believable: Events) -> None:
    """QUEUED precedes TRIGGER by about a second, and the outcome follows, for one target and one actor."""
    runs: dict[tuple[str, str], Events] = defaultdict(list)
    for event in reversed(believable):
        change = json.loads(event["change"])
        if "execution_id" in change:
            runs[change["execution_id"], event["target_id"]].append(event)
    complete = [run for run in runs.values() if len(run) == 3 and run[0]["event_type"] == "DEPLOY_QUEUED"]
    assert len(complete) > 1_000
    for queued, trigger, outcome in complete:
        assert trigger["event_type"].startswith("TRIGGER_")
        assert outcome["event_type"] in ("DEPLOYED", "DEPLOY_FAILED", "TRIGGER_CANCEL")
        moments = [datetime.fromisoformat(e["timestamp"]).timestamp() for e in (queued, trigger, outcome)]
        assert 0 <= moments[1] - moments[0] < 1.5
        assert moments[2] - moments[1] < 200
        assert queued["triggered_by"] == outcome["triggered_by"]


def test_a_few_events_share_their_microsecond_and_one_transaction_is_large(believable: Events) -> None:
    """Two to five in a hundred are ties, one tie is larger than a page."""
    sizes = Counter(e["timestamp"] for e in believable).values()
    assert 0.02 <= sum(n for n in sizes if n > 1) / len(believable) <= 0.05
    assert 100 < max(sizes) < 1_000


def test_work_follows_the_week(believable: Events) -> None:
    """Office hours see far more than nights, weekdays more than weekends."""
    moments = [datetime.fromisoformat(e["timestamp"]) for e in believable]
    weekend = sum(m.weekday() >= 5 for m in moments)
    night = sum(m.hour < 5 for m in moments)
    office = sum(8 <= m.hour < 18 and m.weekday() < 5 for m in moments)
    assert weekend < 0.1 * len(moments)
    assert night < 0.1 * len(moments)
    assert office > 0.55 * len(moments)


def test_origin_and_client_agree(believable: Events) -> None:
    """A user agent belongs to its origin."""
    pattern = {
        "TERRAFORM_PROVIDER": r"Terraform provider \d+\.\d+\.\d+",
        "CLI": r"CLI 1\.\d+\.\d+",
        "SKILL": r"QoverySkill/.*",
        "API": r".+",
        "CONSOLE": "",
        "GIT": "",
        "QOVERY_INTERNAL": "",
    }
    assert all(re.fullmatch(pattern[e["origin"]], e["user_agent"] or "") is not None for e in believable)


def test_hierarchy_is_consistent(believable: Events) -> None:
    """A service keeps its environment, an environment its project; an environment's own events name itself."""
    homes: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for event in believable:
        if event["target_type"] in contract.SERVICE_TARGET_TYPES:
            homes[event["target_id"]].add((event["environment_id"], event["project_id"]))
        if event["target_type"] == "ENVIRONMENT":
            assert event["target_id"] == event["environment_id"]
        if event["target_type"] in ("ORGANIZATION", "CLUSTER", "MEMBERS_AND_ROLES", "WEBHOOK"):
            assert event["project_id"] is event["environment_id"] is event["project_name"] is None
    assert {len(places) for places in homes.values()} == {1}
    assert 3 <= len({e["project_id"] for e in believable if e["project_id"]}) <= 40


def test_some_project_is_renamed_and_keeps_its_id(believable: Events) -> None:
    """An event keeps the name of its moment, so one id has two names."""
    names = defaultdict(set)
    for event in believable:
        names[event["project_id"]].add(event["project_name"])
    assert max(len(known) for known in names.values()) == 2


def assert_jsonb(value: Any) -> None:
    if isinstance(value, dict):
        assert list(value) == sorted(value, key=lambda key: (len(key), key))
        for inner in value.values():
            assert_jsonb(inner)
    elif isinstance(value, list):
        for inner in value:
            assert_jsonb(inner)


def test_change_is_a_string_of_json_in_jsonb_order(believable: Events) -> None:
    """PostgreSQL sorts keys by length and then bytes, at every level, and instants are epoch seconds."""
    for event in believable[:3_000]:
        change = json.loads(event["change"])
        assert_jsonb(change)
        if "created_at" in change:
            assert 1_000_000_000 < change["created_at"] <= NOON
            assert not re.search(r'_at":\d+\.\d*0[,}]', event["change"])


def test_container_update_starts_with_the_keys_seen_on_screen(believable: Events) -> None:
    """The order in Qovery's own screenshot of a container diff."""
    seen = "id cpu gpu tag name ports memory storage icon_uri registry arguments created_at entrypoint"
    wanted = (e for e in believable if e["target_type"] == "CONTAINER" and '"image_name"' in e["change"])
    update = next(e for e in wanted if e["event_type"] == "UPDATE")
    assert list(json.loads(update["change"]))[:14] == [*seen.split(), "image_name"]


def test_only_updates_have_an_original_and_it_differs_beyond_updated_at(believable: Events) -> None:
    """An update changes one setting, and updated_at, which a diff has to ignore."""
    for event in believable[:3_000]:
        if event["event_type"] != "UPDATE":
            assert event["original_change"] is None
            continue
        before, after = json.loads(event["original_change"]), json.loads(event["change"])
        differing = {key for key in after if before.get(key) != after[key]}
        assert differing - {"updated_at"}
        assert before.keys() == after.keys()
        if "updated_at" in after:
            assert before["updated_at"] < after["updated_at"]


def test_page_of_five_is_a_few_kilobytes(sandbox: Running) -> None:
    """The size people see first."""
    assert 2_000 < len(sandbox.get("/events", pageSize=5).content) < 20_000


@pytest.mark.parametrize(
    ("profile", "shape"),
    [
        ("micro", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?Z"),
        ("nano", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z"),
        ("nofraction", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"),
    ],
)
def test_timestamps_are_printed_as_told(start: Start, profile: str, shape: str) -> None:
    """A client must read 0, 3, 6 and 9 fraction digits."""
    events = start(events=300, timestamps=profile).walk(pageSize=100)
    assert all(re.fullmatch(shape, e["timestamp"]) for e in events)


def test_postgres_style_puts_spaces_after_separators(start: Start) -> None:
    """The whitespace of change is unknown upstream."""
    change = start(events=30, change_style="postgres").page()["events"][0]["change"]
    assert change == json.dumps(json.loads(change), ensure_ascii=False)


def test_old_vocabulary_speaks_only_words_of_its_day(start: Start) -> None:
    """The Python client of March 2024 knows 11 event types and none of the later targets."""
    events = start(vocabulary="2024-03").walk(pageSize=100)
    assert len({e["event_type"] for e in events} | {"EXPORT", "ACCEPT"}) <= 11
    assert not {e["target_type"] for e in events} & {"TERRAFORM", "AGENTIC_WORKFLOW", "HELM_REPOSITORY"}
    assert "SKILL" not in {e["origin"] for e in events}
    assert start(vocabulary="2024-03").get("/events", eventType="SHELL").status_code == 400


def test_future_vocabulary_has_one_unseen_value_per_enum(start: Start) -> None:
    """Enum growth can be tried before it happens, and filtered on."""
    future = start(vocabulary="future", events=5_000)
    events = future.walk(pageSize=100)
    assert len({e["event_type"] for e in events} - set(contract.EVENT_TYPES)) == 1
    assert len({e["target_type"] for e in events} - set(contract.TARGET_TYPES)) == 1
    assert len({e["sub_target_type"] for e in events} - {*contract.SUB_TARGET_TYPES, None}) == 1
    assert len({e["origin"] for e in events} - set(contract.ORIGINS)) == 1
    assert future.page(eventType="SNAPSHOT_RESTORED")["events"]
