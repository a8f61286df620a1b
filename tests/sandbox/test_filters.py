"""Filters, windows, units and page sizes of the events operation, and the targets operation."""

import http.client
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from fairlead.archive.contract import SERVICE_TARGET_TYPES
from fairlead.sandbox.options import DEMO_TOKEN

from .conftest import ROOT, Running, Start

quick = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
Events = list[dict[str, Any]]


def micros(event: dict[str, Any]) -> int:
    moment = datetime.fromisoformat(event["timestamp"])
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def ids(events: Events) -> list[str]:
    return [event["id"] for event in events]


@quick
@given(edges=st.lists(st.integers(0, 1_999), min_size=2, max_size=2), shift=st.integers(-1, 1))
def test_window_includes_its_start_and_excludes_its_end(
    sandbox: Running, history: Events, edges: list[int], shift: int
) -> None:
    """from <= timestamp < to, to the nanosecond."""
    start, end = (micros(history[k]) * 1000 + shift for k in sorted(edges, reverse=True))
    assume(start < end)
    expected = [e for e in history if start <= micros(e) * 1000 < end]
    walked = sandbox.walk(pageSize=100, fromTimestamp=start, toTimestamp=end)
    assert ids(walked) == ids(expected)


def test_ten_digits_are_seconds(sandbox: Running, history: Events) -> None:
    """First-party callers send Unix seconds, whatever the specification says."""
    second = micros(history[500]) // 1_000_000
    expected = [e for e in history if micros(e) // 1_000_000 >= second]
    assert ids(sandbox.walk(pageSize=100, fromTimestamp=second)) == ids(expected)


def test_nanoseconds_taken_for_seconds_lose_everything_in_silence(start: Start, history: Events) -> None:
    """With seconds_only a 19-digit from is the year 53 billion: an empty page and HTTP 200."""
    strict = start(seconds_only=True)
    page = strict.page(fromTimestamp=micros(history[500]) * 1000)
    assert page["events"] == []
    assert len(strict.page(toTimestamp=micros(history[500]) * 1000)["events"]) == 10


def test_end_of_window_is_included_when_told(start: Start, history: Events) -> None:
    """Bound inclusivity is unknown upstream, so it is a flag."""
    nanos = micros(history[500]) * 1000
    assert sandbox_first(start(to_inclusive=True), nanos) == history[500]["timestamp"]
    assert sandbox_first(start(), nanos) != history[500]["timestamp"]


def sandbox_first(sandbox: Running, nanos: int) -> str:
    return str(sandbox.page(toTimestamp=nanos)["events"][0]["timestamp"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("fromTimestamp", v) for v in ("abc", "٣", "-5", "1.5", "9" * 12, "9" * 15, "9" * 20)],
        *[("toTimestamp", v) for v in ("1e9", "0x10", "1 0")],
        *[("pageSize", v) for v in ("0", "-3", "NaN", "abc", "0.9", "inf", "1e999")],
        *[(name, "12a") for name in ("continueToken", "stepBackToken")],
        *[(name, "NOPE") for name in ("eventType", "targetType", "subTargetType", "origin", "targetId")],
        *[(name, "not-a-uuid") for name in ("serviceProjectId", "serviceEnvironmentId")],
    ],
)  # fmt: skip
def test_values_that_cannot_be_meant_are_refused(sandbox: Running, name: str, value: str) -> None:
    """A malformed parameter is a 400 that names it, never a guess."""
    answer = sandbox.get("/events", **{name: value})
    assert answer.status_code == 400
    assert name in answer.json()["detail"]


def test_both_tokens_are_refused(sandbox: Running) -> None:
    """A page cannot lie in both directions."""
    assert sandbox.get("/events", continueToken="1" * 19, stepBackToken="1" * 19).status_code == 400


@pytest.mark.parametrize(("size", "length"), [("30", 30), ("30.0", 30), ("2.9", 2), ("1e1", 10), ("101", 100),
                                              ("1e300", 100), ("", 10)])  # fmt: skip
def test_page_size_is_a_number_cut_to_the_maximum(sandbox: Running, size: str, length: int) -> None:
    """The Python client sends 30.0; nobody gets more than 100."""
    assert len(sandbox.page(pageSize=size)["events"]) == length


def test_large_page_is_refused_when_told(start: Start) -> None:
    """Whether upstream clamps or refuses is unknown."""
    strict = start(events=5, reject_large_pages=True)
    assert [strict.get("/events", pageSize=n).status_code for n in (100, 101)] == [200, 400]


def test_bad_filters_give_an_empty_list_when_told(start: Start) -> None:
    """Nor is it known whether an unknown enum value is an error."""
    lenient = start(events=50, reject_bad_filters=False)
    assert lenient.page(eventType="NOPE")["events"] == []
    assert lenient.page(targetId="x")["events"] == []


def test_empty_values_and_unknown_parameters_mean_nothing(sandbox: Running) -> None:
    """The old console sent origin= and toTimestamp=."""
    assert sandbox.page(origin="", toTimestamp="", colour="red")["events"] == sandbox.page()["events"]


@pytest.mark.parametrize("space", ["+", "%20"])
def test_space_arrives_as_plus_or_percent_twenty(sandbox: Running, history: Events, space: str) -> None:
    """TypeScript and Python clients encode it differently; both must match the actor exactly."""
    who = next(e["triggered_by"] for e in history if " " in e["triggered_by"])
    value = who.replace("(", "%28").replace(")", "%29").replace(" ", space)
    events = sandbox.client.get(f"{ROOT}/events?pageSize=100&triggeredBy={value}").json()["events"]
    assert events
    assert {e["triggered_by"] for e in events} == {who}


@quick
@given(k=st.integers(0, 1_999))
def test_every_exact_filter_finds_the_event_it_describes(sandbox: Running, history: Events, k: int) -> None:
    """Filters combine, and each compares one field exactly."""
    event = history[k]
    wanted = {
        "eventType": event["event_type"],
        "targetType": event["target_type"],
        "subTargetType": event["sub_target_type"] or "",
        "origin": event["origin"],
        "targetId": event["target_id"].upper(),
        "triggeredBy": event["triggered_by"],
        "serviceProjectId": event["project_id"] or "",
        "serviceEnvironmentId": event["environment_id"] or "",
    }
    found = sandbox.walk(pageSize=100, **wanted)
    assert event in found
    same = ("event_type", "target_id", "origin", "triggered_by")
    assert {tuple(e[name] for name in same) for e in found} == {tuple(event[name] for name in same)}


LEVELS = [("PROJECT", "project"), ("ENVIRONMENT", "environment"), ("", "target")]


@pytest.mark.parametrize(("level", "key"), LEVELS)
def test_targets_lists_what_has_events_under_the_latest_name(
    sandbox: Running, history: Events, level: str, key: str
) -> None:
    """Distinct ids of the filtered rows, null ids skipped, sorted by name then id."""
    names: dict[str, str] = {}
    for event in history:
        if event["target_type"] == "JOB":
            names.setdefault(event[f"{key}_id"], event[f"{key}_name"])
    expected = [{"id": i, "name": n} for i, n in sorted(names.items(), key=lambda p: (p[1], p[0]))]
    answer = sandbox.get("/targets", targetType="JOB", targetLevelToFetch=level)
    assert answer.json() == {"targets": expected}


def test_console_walk_leads_from_project_to_environment_to_service(sandbox: Running) -> None:
    """Three calls, each narrowed by the answer before, end at services that have events."""
    kind = {"targetType": "APPLICATION"}
    project = sandbox.get("/targets", **kind, targetLevelToFetch="PROJECT").json()["targets"][0]["id"]
    level = {"targetLevelToFetch": "ENVIRONMENT", "projectId": project}
    home = sandbox.get("/targets", **kind, **level).json()["targets"][0]["id"]
    services = sandbox.get("/targets", **kind, projectId=project, environmentId=home).json()["targets"]
    found = sandbox.page(**kind, serviceProjectId=project, serviceEnvironmentId=home, targetId=services[0]["id"])
    assert found["events"][0]["target_name"] == services[0]["name"]


def test_targets_of_a_service_type_need_ids_only_when_strict(start: Start) -> None:
    """The specification says mandatory; the default is lenient because nobody knows."""
    strict = start(events=100, lenient_targets=False)
    for kind in SERVICE_TARGET_TYPES:
        assert strict.get("/targets", targetType=kind).status_code == 400
    assert strict.get("/targets", targetType="JOB", targetLevelToFetch="PROJECT").status_code == 200
    assert strict.get("/targets", targetType="CLUSTER").status_code == 200


def test_targets_refuses_an_unknown_level(sandbox: Running) -> None:
    """There are two levels."""
    assert sandbox.get("/targets", targetLevelToFetch="SERVICE").status_code == 400


def test_long_search_lets_others_pass_and_ends_with_its_caller(start: Start) -> None:
    """A search for nothing among ten million events delays nobody, and stops when its caller leaves."""
    huge = start(events=10_000_000)
    patient = http.client.HTTPConnection("127.0.0.1", huge.port, timeout=60)
    patient.request("GET", f"{ROOT}/events?triggeredBy=nobody", headers={"Authorization": f"Token {DEMO_TOKEN}"})
    answers = [huge.page(pageSize=5) for _ in range(3)]
    patient.close()
    assert all(len(answer["events"]) == 5 for answer in answers)
