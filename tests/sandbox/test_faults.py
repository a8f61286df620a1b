"""Every fault by name does what it says, at the turn it says."""

import gzip
import http.client
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from fairlead.sandbox.options import DEMO_TOKEN, FAULTS, SandboxOptions

from .conftest import NOON, ROOT, Running, Start


def faulty(start: Start, name: str, **settings: Any) -> Running:
    return start(**{"events": 300, "faults": frozenset({name}), **settings})


def ids(page: dict[str, Any]) -> list[str]:
    return [event["id"] for event in page["events"] or ()]


def test_unknown_fault_is_refused_with_the_known_ones() -> None:
    """A mistyped fault must not mean a healthy sandbox."""
    with pytest.raises(ValueError, match=r"late-arivals.*late-arrivals"):
        SandboxOptions(faults=frozenset({"late-arivals"}))


def test_late_events_appear_within_fifteen_minutes(start: Start) -> None:
    """A walk right after the fact lacks events that a later walk has, older than its newest."""
    late = faulty(start, "late-arrivals", events=1_000_000)
    recent = {"pageSize": 100, "fromTimestamp": int(NOON) - 3600}
    early = [e["id"] for e in late.walk(**recent)]
    late.clock.now += 900
    all_of_them = [e["id"] for e in late.walk(**recent)]
    assert set(early) < set(all_of_them)
    assert all_of_them != early + [i for i in all_of_them if i not in early]


def test_duplicate_id_starts_every_third_page(start: Start) -> None:
    """The third page begins with the last event of the second."""
    pages = list(faulty(start, "duplicate-id").pages(pageSize=10))
    assert ids(pages[2])[0] == ids(pages[1])[-1]
    assert len(ids(pages[2])) == 11
    assert len({i for page in pages for i in ids(page)}) == 300


def test_repeated_page_is_the_page_before_it(start: Start) -> None:
    """The third answer is the second page again, and the walk still ends complete."""
    pages = list(faulty(start, "repeated-page").pages(pageSize=10))
    assert ids(pages[2]) == ids(pages[1])
    assert len({i for page in pages for i in ids(page)}) == 300


def test_self_link_repeats_the_token_it_was_asked_with(start: Start) -> None:
    """A client without a guard reads this page for ever; here every third answer only."""
    small = faulty(start, "self-link")
    first = small.page(pageSize=10)
    second = small.follow(first["links"]["next"])
    third = small.follow(second["links"]["next"])
    assert third["links"]["next"] == second["links"]["next"]
    assert ids(third) != ids(second)


@pytest.mark.parametrize(("name", "events"), [("empty-page", []), ("null-events", None)])
@pytest.mark.parametrize("boundary", ["exact", "exclusive", "inclusive"])
def test_empty_page_leads_on_without_loss(start: Start, name: str, events: list[Any] | None, boundary: str) -> None:
    """An empty or null page in the middle is not the end."""
    pages = list(faulty(start, name, boundary=boundary).pages(pageSize=50))
    assert pages[2]["events"] == events
    assert "next" in pages[2]["links"]
    walked = {i for page in pages for i in ids(page)}
    healthy = {e["id"] for e in start(events=300, boundary=boundary).walk(pageSize=50)}
    assert walked == healthy


def test_html_comes_with_status_200(start: Start) -> None:
    """A maintenance page may look like success."""
    answers = sandbox_gets(faulty(start, "html-ok"), 3)
    assert [a.headers["content-type"] for a in answers] == [
        "application/json",
        "application/json",
        "text/html",
    ]
    assert answers[2].status_code == 200


def sandbox_gets(sandbox: Running, times: int) -> list[Any]:
    return [sandbox.get("/events") for _ in range(times)]


def raw(sandbox: Running) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
    connection.request("GET", f"{ROOT}/events", headers={"Authorization": f"Token {DEMO_TOKEN}"})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def test_gzip_is_cut_off_in_the_middle(start: Start) -> None:
    """The bytes say gzip, and end too early."""
    response, body = raw(faulty(start, "truncated-gzip", fault_every=1))
    assert response.headers["content-encoding"] == "gzip"
    with pytest.raises(EOFError):
        gzip.decompress(body)


def test_slow_body_still_arrives_whole(start: Start) -> None:
    """The body stops half-way for slow_seconds and then goes on."""
    slow = faulty(start, "slow-body", fault_every=1, slow_seconds=0.05)
    answer = slow.get("/events")
    assert answer.elapsed.total_seconds() >= 0.05
    assert len(answer.json()["events"]) == 10


def test_server_errors_come_in_bursts_of_three(start: Start) -> None:
    """Two good answers, then 500, 502 and 503, then good ones again."""
    answers = sandbox_gets(faulty(start, "server-errors", fault_every=2), 7)
    assert [a.status_code for a in answers] == [200, 200, 500, 502, 503, 200, 200]


def test_token_is_revoked_in_the_middle_of_a_walk(start: Start) -> None:
    """After n answers there are only 401s."""
    answers = sandbox_gets(faulty(start, "revoked-token"), 5)
    assert [a.status_code for a in answers] == [200, 200, 200, 401, 401]


def test_retention_overtakes_the_cursor(start: Start) -> None:
    """The third page is empty, ends the walk, and says that history was lost."""
    pages = list(faulty(start, "sliding-retention").pages(pageSize=10))
    assert len(pages) == 3
    assert pages[2]["events"] == []
    assert [p["organization_max_limit_reached"] for p in pages] == [False, False, True]


def test_content_faults_stay_with_their_event(start: Start) -> None:
    """Reading an event twice gives the same strange bytes, so an archive sees no false revision."""
    names = frozenset({"unknown-enum", "unknown-field", "broken-change"})
    strange = start(events=300, faults=names)
    first, second = strange.walk(pageSize=100), strange.walk(pageSize=7)
    assert first == second
    assert all("environment_type" in e for e in first)
    assert sum(e["event_type"] == "QUANTUM_DEPLOYED" for e in first) == 10
    broken = [e for e in first if not is_json(e["change"])]
    assert len(broken) == 10


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_huge_change_is_five_megabytes(start: Start) -> None:
    """One event of the first page is larger than most clients expect a page to be."""
    sizes = [len(e["change"]) for e in faulty(start, "huge-change").page()["events"]]
    assert sum(size > 5_000_000 for size in sizes) == 1


def test_clock_ahead_shows_events_from_the_future(start: Start) -> None:
    """The newest event is up to 90 seconds later than the caller's own clock."""
    ahead = faulty(start, "clock-ahead")
    newest = datetime.fromisoformat(ahead.page()["events"][0]["timestamp"]).timestamp()
    assert 0 < newest - ahead.clock.now <= 90


def test_every_fault_has_a_test() -> None:
    """A fault nobody tests is a fault nobody can rely on."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in FAULTS if f'"{name}"' not in text] == []
