"""Pages: what a walk visits under each boundary mode, page size and filter."""

from collections import Counter
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .conftest import ROOT, Running, Start, query_of

quick = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
filters = st.fixed_dictionaries(
    {},
    optional={
        "eventType": st.sampled_from(["UPDATE", "DELETE", "DEPLOYED", "LOCK"]),
        "targetType": st.sampled_from(["ENVIRONMENT", "JOB", "APPLICATION"]),
        "origin": st.sampled_from(["GIT", "CONSOLE", "SKILL"]),
    },
)
FIELDS = {"eventType": "event_type", "targetType": "target_type", "origin": "origin"}


def key(event: dict[str, Any]) -> tuple[datetime, str]:
    return datetime.fromisoformat(event["timestamp"]), event["id"]


def matching(history: list[dict[str, Any]], chosen: dict[str, str]) -> list[str]:
    kept = (e for e in history if all(e[FIELDS[name]] == value for name, value in chosen.items()))
    return [event["id"] for event in kept]


@pytest.fixture(scope="module")
def ties(start: Start) -> dict[str, Running]:
    """One sandbox per boundary mode, small enough that the great tie is a good part of it."""
    return {mode: start(events=700, boundary=mode) for mode in ("exact", "exclusive", "inclusive")}


@quick
@given(size=st.integers(1, 100), chosen=filters)
def test_exact_walk_visits_every_matching_event_once(
    sandbox: Running, history: list[dict[str, Any]], size: int, chosen: dict[str, str]
) -> None:
    """In exact mode no page size and no filter loses or repeats an event."""
    size = size if chosen else max(size, 20)
    assert [e["id"] for e in sandbox.walk(pageSize=size, **chosen)] == matching(history, chosen)


@quick
@given(size=st.integers(1, 60), chosen=filters)
def test_stepping_back_retraces_the_walk(sandbox: Running, size: int, chosen: dict[str, str]) -> None:
    """From the third page, previous leads to the very pages walked before."""
    seen = []
    for page in sandbox.pages(pageSize=size, **chosen):
        seen.append(page)
        if len(seen) == 3:
            break
    for earlier, later in zip(reversed(seen[:-1]), reversed(seen[1:]), strict=True):
        assert sandbox.follow(later["links"]["previous"])["events"] == earlier["events"]


def test_history_is_newest_first_with_ids_descending_in_a_tie(history: list[dict[str, Any]]) -> None:
    """The order is (timestamp, id) descending, everywhere."""
    assert [key(e) for e in history] == sorted((key(e) for e in history), reverse=True)


def test_default_page_has_ten_events_and_the_first_page_no_previous(sandbox: Running) -> None:
    """Without parameters a caller gets the ten newest events."""
    page = sandbox.page()
    assert len(page["events"]) == 10
    assert list(page["links"]) == ["next"]


def test_default_organization_shows_every_event_and_tells_of_no_limit(
    history: list[dict[str, Any]], sandbox: Running
) -> None:
    """Nothing is hidden by retention unless asked for."""
    assert len(history) == len({e["id"] for e in history}) == 2_000
    assert not any(page["organization_max_limit_reached"] for page in sandbox.pages(pageSize=100))


@pytest.mark.parametrize(("events", "pages"), [(0, 1), (1, 1), (100, 1), (101, 2)])
def test_last_page_has_no_next_even_when_exactly_full(start: Start, events: int, pages: int) -> None:
    """next is there if and only if an older event is."""
    assert len(list(start(events=events).pages(pageSize=100))) == pages


def test_exact_walk_crosses_a_tie_larger_than_a_page(ties: dict[str, Running]) -> None:
    """A transaction of more than 100 events is walked through, one page inside the other."""
    walked = ties["exact"].walk(pageSize=10)
    largest = Counter(e["timestamp"] for e in walked).most_common(1)[0][1]
    assert largest > 100
    assert len({e["id"] for e in walked}) == 700


@quick
@given(size=st.integers(1, 100))
def test_exclusive_walk_loses_ties_at_page_boundaries_and_nothing_else(ties: dict[str, Running], size: int) -> None:
    """`ts < T` skips the rest of the tie a page ended in."""
    full = ties["exact"].walk(pageSize=100)
    pages = list(ties["exclusive"].pages(pageSize=size))
    walked = {e["id"] for page in pages for e in page["events"]}
    edges = {page["events"][-1]["timestamp"] for page in pages}
    lost = [e for e in full if e["id"] not in walked]
    assert {e["timestamp"] for e in lost} <= edges
    assert len(walked) == sum(len(page["events"]) for page in pages)


def test_exclusive_walk_does_lose_the_great_tie(ties: dict[str, Running]) -> None:
    """The mode is worth testing against: pages of ten lose most of a tie of more than 100."""
    assert len(ties["exclusive"].walk(pageSize=10)) < 600


def test_inclusive_walk_repeats_boundary_ties_and_loses_nothing(start: Start) -> None:
    """`ts <= T` sends the boundary again, so a client must drop what it has seen."""
    exact = start(events=450).walk(pageSize=100)
    pages = list(start(events=450, boundary="inclusive").pages(pageSize=100))
    seen: set[str] = set()
    for page in pages:
        again = [e for e in page["events"] if e["id"] in seen]
        assert len({e["timestamp"] for e in again}) <= 1
        seen |= {e["id"] for e in page["events"]}
    assert seen == {e["id"] for e in exact}
    assert sum(len(page["events"]) for page in pages) > 450


def test_inclusive_page_inside_a_larger_tie_leads_to_itself(ties: dict[str, Running]) -> None:
    """A tie larger than the page makes next repeat its own token: the reason a client needs a guard."""
    tokens = []
    page = ties["inclusive"].page(pageSize=10)
    for _ in range(200):
        tokens.append(query_of(page["links"]["next"])["continueToken"])
        if len(tokens) > 1 and tokens[-1] == tokens[-2]:
            return
        page = ties["inclusive"].follow(page["links"]["next"])
    raise AssertionError("no page led to itself")


def test_tokens_are_nineteen_digits_of_nanoseconds(sandbox: Running) -> None:
    """A token is the last event's nanoseconds; it survives only as a string."""
    page = sandbox.page(pageSize=5)
    token = query_of(page["links"]["next"])["continueToken"]
    moment = datetime.fromisoformat(page["events"][-1]["timestamp"])
    assert len(token) == 19
    assert int(token) // 1_000_000_000 == int(moment.timestamp())


def test_links_echo_every_other_parameter_received(sandbox: Running) -> None:
    """The link carries the other filters, encoded again, and only its own token."""
    response = sandbox.client.get(
        f"/organization/{'5F3C1A52-7A0E-4D5B-9C61-2F8E4B90D7A1'}/events"
        "?origin=GIT&unknown=a%26b&pageSize=2&triggeredBy=GitHub&toTimestamp="
    )
    link = response.json()["links"]["next"]
    assert link.startswith("/organization/5F3C1A52-7A0E-4D5B-9C61-2F8E4B90D7A1/events?")
    token = query_of(link).pop("continueToken")
    expected = {
        "origin": "GIT",
        "unknown": "a&b",
        "pageSize": "2",
        "triggeredBy": "GitHub",
        "toTimestamp": "",
    }
    assert query_of(link) == {**expected, "continueToken": token}
    second = sandbox.follow(link)
    assert "continueToken" not in query_of(second["links"]["previous"])


@pytest.mark.parametrize(
    ("style", "prefix"),
    [
        ("absolute", "http://127.0.0.1:"),
        ("foreign", "https://attacker.invalid/organization/"),
        ("token_only", f"{ROOT}/events?continueToken="),
        ("html_escaped", f"{ROOT}/events?pageSize=2&amp;continueToken="),
    ],
)
def test_links_come_in_other_styles_when_told(start: Start, style: str, prefix: str) -> None:
    """A client that concatenates instead of parsing fails here and not in production."""
    assert start(events=50, link_style=style).page(pageSize=2)["links"]["next"].startswith(prefix)


ENDS = [("null", {"previous": None, "next": None}), ("empty", {"previous": "", "next": ""}), ("absent", {})]


@pytest.mark.parametrize(("end", "links"), ENDS)
def test_missing_links_are_absent_null_or_empty(start: Start, end: str, links: dict[str, Any]) -> None:
    """All three ends have been seen or are accepted by first-party clients."""
    assert start(events=5, link_end=end).page()["links"] == links


def test_retention_hides_old_events_and_the_cut_page_says_so(start: Start) -> None:
    """organization_max_limit_reached is true on the page where retention cuts the history, and only there."""
    cut = start(events=10_000, retention_days=3)
    pages = list(cut.pages(pageSize=100))
    flags = [page["organization_max_limit_reached"] for page in pages]
    assert flags == [False] * (len(flags) - 1) + [True]
    oldest = datetime.fromisoformat(pages[-1]["events"][-1]["timestamp"]).timestamp()
    assert oldest >= cut.clock.now - 3 * 86_400
    recent = int(cut.clock.now) - 86_400
    assert not any(p["organization_max_limit_reached"] for p in cut.pages(pageSize=100, fromTimestamp=recent))


def test_window_wholly_before_retention_is_empty_and_says_so(start: Start) -> None:
    """Asking for lost history gives no events and the flag, not an error."""
    cut = start(events=10_000, retention_days=3)
    page = cut.page(toTimestamp=int(cut.clock.now) - 5 * 86_400)
    assert page["events"] == []
    assert page["organization_max_limit_reached"]


def test_retention_edge_moves_with_the_clock(start: Start) -> None:
    """A day later, a day of history is gone."""
    cut = start(events=10_000, retention_days=3)
    before = len(cut.walk(pageSize=100))
    cut.clock.now += 86_400
    assert len(cut.walk(pageSize=100)) < before


def test_live_organization_grows_as_time_passes(start: Start) -> None:
    """With live, the known events stay and newer ones appear; without it, nothing is added."""
    still, live = start(events=1_000), start(events=1_000, live=True)
    known = [e["id"] for e in live.walk(pageSize=100)]
    assert known == [e["id"] for e in still.walk(pageSize=100)]
    still.clock.now += 7_200
    live.clock.now += 7_200
    grown = [e["id"] for e in live.walk(pageSize=100)]
    assert len(grown) > len(known)
    assert grown[-1000:] == known
    assert len(still.walk(pageSize=100)) == 1_000
