"""A server with an archive: the upstream's own operation from it where it has all, and the audit trail beside."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from mcp import Client

import serving
from archive_gateway import EVENTS, Answer, archive_in, gateway_on, get
from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.factory import open_archive
from fairlead.archive.model import Batch
from fairlead.archive.place import Place, place_of
from fairlead.cli.choice import Choice
from fairlead.cli.documents import runnable_plans
from fairlead.errors import ConfigurationError
from fairlead.sandbox.options import SandboxOptions
from server_process import server_process, until

LONG_AGO = "1577836800"
DAY = 86_400


def walked(url: str, **query: str | int) -> list[Answer]:
    """Every page from the first on, by the links in the bodies."""
    pages = [get(url, **query)]
    while link := pages[-1].value["links"].get("next"):
        pages.append(get(url, **{name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}))
    return pages


def ids(pages: list[Answer]) -> list[str]:
    return [event["id"] for page in pages for event in page.value["events"]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """An archive of the sandbox's organization."""
    return archive_in(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def archived(place: Place) -> Iterator[serving.Gateway]:
    """A server with the archive, before a sandbox that remembers everything."""
    with gateway_on(place) as running:
        yield running


def covered_until() -> str:
    return str(int(serving.NOW) - 3_600)


def copied(place: Place, folder: Path, **known: Any) -> Place:
    """The same archive elsewhere, and something else that is known of it."""
    assert place.file is not None
    copy = replace(place, file=folder / "copy.db")
    shutil.copy(place.file, copy.file)
    with closing(open_archive(copy)) as archive:
        archive.take_lease(serving.DEMO_ORGANIZATION_ID, "test", now=0, until=1)
        archive.keep(Batch(organization=serving.DEMO_ORGANIZATION_ID, holder="test", fetched_at=0, **known))
    return copy


def test_the_archive_answers_a_covered_window_in_the_same_contract(archived: serving.Gateway) -> None:
    """Page by page the archive gives the events the API gives, byte for byte, and says that it was the archive."""
    window = {"fromTimestamp": LONG_AGO, "toTimestamp": covered_until(), "pageSize": 100}
    pages = walked(archived.route(), **window)
    assert {page.headers["x-fairlead-source"] for page in pages} == {"archive"}
    with serving.gateway(sandbox=SandboxOptions(now=serving.NOW, events=EVENTS, rate_limit=0)) as plain:
        direct = walked(plain.route(), **window)
    assert [page.value["events"] for page in pages] == [page.value["events"] for page in direct]
    assert "x-fairlead-source" not in direct[0].headers


def test_a_walk_back_ends_where_it_began(archived: serving.Gateway) -> None:
    """Links to newer pages lead over the same events in the other direction."""
    first = get(archived.route(), toTimestamp=covered_until(), pageSize=50)
    link = first.value["links"]["next"]
    second = get(archived.route(), **{name: values[0] for name, values in parse_qs(urlsplit(link).query).items()})
    back = second.value["links"]["previous"]
    again = get(archived.route(), **{name: values[0] for name, values in parse_qs(urlsplit(back).query).items()})
    assert ids([again]) == ids([first])


@pytest.mark.parametrize(
    "query", [{"eventType": "DEPLOYED"}, {"origin": "GIT", "targetType": "JOB"}, {"eventType": "X"}]
)
def test_filters_find_in_the_archive_what_they_find_upstream(archived: serving.Gateway, query: dict[str, str]) -> None:
    """The upstream's own filters mean the same."""
    window = {"fromTimestamp": LONG_AGO, "toTimestamp": covered_until(), "pageSize": 100}
    found = walked(archived.route(), **window, **query)
    everything = walked(archived.route(), **window)
    names = {"eventType": "event_type", "origin": "origin", "targetType": "target_type"}
    fitting = [
        event["id"]
        for page in everything
        for event in page.value["events"]
        if all(event[names[name]] == value for name, value in query.items())
    ]
    assert ids(found) == fitting


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"targetType": "JOB", "targetLevelToFetch": "PROJECT"},
        {"targetLevelToFetch": "ENVIRONMENT"},
        {"eventType": "DELETE", "origin": "API"},
    ],
)
def test_targets_are_those_that_the_upstream_names(archived: serving.Gateway, query: dict[str, str]) -> None:
    """What has events, by the name it had last, in the upstream's order."""
    window = {"fromTimestamp": LONG_AGO, "toTimestamp": covered_until()}
    found = get(archived.route("targets"), **window, **query)
    assert found.headers["x-fairlead-source"] == "archive"
    with serving.gateway(sandbox=SandboxOptions(now=serving.NOW, events=EVENTS, rate_limit=0)) as plain:
        assert found.value == get(plain.route("targets"), **window, **query).value


def test_what_the_upstream_has_forgotten_is_still_answered(place: Place) -> None:
    """A client that asks for events beyond the retention gets them, though the API has none any more."""
    window = {"fromTimestamp": LONG_AGO, "toTimestamp": str(int(serving.NOW) - DAY), "pageSize": 100}
    with gateway_on(place, retention_days=0) as forgetful:
        answer = get(forgetful.route(), **window)
    assert answer.headers["x-fairlead-source"] == "archive"
    assert answer.value["events"]


def test_time_that_was_not_read_yet_is_asked_of_the_api(place: Place, tmp_path: Path) -> None:
    """When the newest events were read too long ago, the API answers about the present, in a walk of its own."""
    with closing(open_archive(place)) as archive:
        long_ago = archive.state(serving.DEMO_ORGANIZATION_ID).covered[-1].end
    stale = copied(place, tmp_path, tail_read_at=long_ago)
    with gateway_on(stale) as running:
        first = get(running.route(), fromTimestamp=LONG_AGO, pageSize=50)
        link = first.value["links"]["next"]
        query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
        sources = [answer.headers["x-fairlead-source"] for answer in (first, get(running.route(), **query))]
    assert sources == ["api", "api"]


def test_a_server_that_only_reads_says_when_nobody_syncs_any_more(place: Place, tmp_path: Path) -> None:
    """It is not ready once the newest events were read longer ago than half of the time the upstream keeps them."""
    for days, status in ((3, 200), (4, 503)):
        read_at = int((time.time() - days * DAY) * NANOS_PER_SECOND)
        with gateway_on(copied(place, tmp_path, retention_days=7, tail_read_at=read_at)) as running:
            told = get(f"{running.rest_url}/readyz")
        assert (told.status, told.value["archive"]["stalled"]) == (status, status == 503)
        assert told.value["archive"]["headroom_seconds"] == pytest.approx((7 - days) * DAY, abs=60)


def test_an_archive_that_is_gone_leaves_the_api(place: Place, tmp_path: Path) -> None:
    """Without a readable archive the API goes on answering, and the audit trail says what is the matter."""
    nowhere = replace(place, file=tmp_path / "none.db")
    with gateway_on(nowhere) as running:
        answer = get(running.route(), toTimestamp=covered_until())
        refused = get(running.route("audit-trail/search"))
    assert (answer.status, answer.headers["x-fairlead-source"]) == (200, "api")
    assert refused.status == 503
    assert refused.value["remedy"].startswith("Make one with `fairlead events sync`")


def test_nobody_but_us_says_who_answered() -> None:
    """An upstream's own X-Fairlead-Source is not passed on."""

    async def liar(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json"), (b"x-fairlead-source", b"archive")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"events":[]}'})

    with serving.upstream(liar) as url, serving.gateway(upstream=url) as running:
        assert "x-fairlead-source" not in get(running.route()).headers


def test_the_audit_trail_without_an_archive_is_refused_at_the_start() -> None:
    """A document that only an archive can answer is not served without one."""
    plans = runnable_plans(Choice(trail=True))
    with pytest.raises(ConfigurationError, match="answered from an archive"), serving.gateway(plans=plans):
        pass


def test_a_search_finds_words_and_says_how_to_go_on(archived: serving.Gateway) -> None:
    """Pages are small enough for a model, and each names the token of the next."""
    route = archived.route("audit-trail/search")
    first = get(route, eventType="DEPLOYED,STOPPED", text="production")
    assert len(first.body) < 8_000
    assert {event["event_type"] for event in first.value["events"]} <= {"DEPLOYED", "STOPPED"}
    second = get(route, eventType="DEPLOYED,STOPPED", text="production", before=first.value["before"])
    assert not set(ids([first])) & set(ids([second]))
    assert first.value["events"][-1]["timestamp"] >= second.value["events"][0]["timestamp"]


def test_statistics_count_what_the_pages_hold(archived: serving.Gateway) -> None:
    """The counts are those of the events themselves, over all and over time."""
    everything = walked(archived.route(), fromTimestamp=LONG_AGO, toTimestamp=covered_until(), pageSize=100)
    events = [event for page in everything for event in page.value["events"]]
    counted = get(archived.route("audit-trail/statistics"), until=covered_until(), per="day", most=100).value
    assert counted["total"] == len(events)
    for row in counted["by_event_type"]:
        assert row["events"] == sum(event["event_type"] == row["value"] for event in events)
    days = {row["from"][:10]: row["events"] for row in counted["over_time"]}
    assert days == {
        day: sum(e["timestamp"][:10] == day for e in events) for day in {e["timestamp"][:10] for e in events}
    }


def test_one_event_shows_what_it_changed_and_its_target_a_history(archived: serving.Gateway) -> None:
    """An update is told field by field, and the same event stands in the timeline of its target."""
    update = get(archived.route("audit-trail/search"), eventType="UPDATE", pageSize=1).value["events"][0]
    event = get(archived.route(f"audit-trail/event/{update['id']}")).value
    assert event["changes_against"] == "original_change"
    assert event["changes"]
    assert not any("updated_at" in change["path"] for change in event["changes"])
    history = get(archived.route(f"audit-trail/timeline/{update['target_id']}"), pageSize=100).value
    assert update["id"] in [each["id"] for each in history["events"]]


def test_coverage_says_from_when_on_nothing_is_missing(archived: serving.Gateway) -> None:
    """An agent can tell whether silence means that nothing happened."""
    told = get(archived.route("audit-trail/coverage")).value
    assert told["complete"] is True
    assert (told["gaps"], told["forgotten_before"]) == ([], None)
    assert len(told["covered"]) == 1


@pytest.mark.parametrize(
    ("path", "query", "status", "said"),
    [
        ("audit-trail/search", {"since": "soon"}, 400, "`since` must be `2h`"),
        ("audit-trail/statistics", {"by": "weather"}, 400, "`by` knows no `weather`"),
        ("audit-trail/statistics", {"timezone": "Mars/Olympus"}, 400, "`timezone` must be"),
        ("audit-trail/event/nobody", {}, 404, "no event nobody"),
        ("audit-trail/timeline/nothing", {}, 404, "no event of the target nothing"),
    ],
)
def test_what_cannot_be_answered_is_a_problem(
    archived: serving.Gateway, path: str, query: dict[str, str], status: int, said: str
) -> None:
    """Each refusal names the argument or the thing that is missing."""
    answer = get(archived.route(path), **query)
    assert answer.status == status
    assert said in answer.value["detail"]


async def test_agents_read_the_same_audit_trail(archived: serving.Gateway) -> None:
    """The tools answer what the routes answer."""
    async with Client(archived.mcp_url) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        given = {"organizationId": archived.organization_id, "eventType": "DELETE"}
        found = await client.call_tool("search-audit-trail", given)
    assert tools >= {"search-audit-trail", "count-audit-events", "get-audit-event", "get-target-timeline"}
    assert found.structured_content == get(archived.route("audit-trail/search"), eventType="DELETE").value


def test_a_server_keeps_its_archive_fresh_and_tells_how_it_stands(tmp_path: Path) -> None:
    """It follows while it serves: soon the newest page comes from the archive, and a signal ends both in good order."""
    file = tmp_path / "audit.db"
    with (
        serving.gateway(sandbox=SandboxOptions(events=600, rate_limit=0)) as upstream,
        server_process(
            f"--archive={file}", "--upstream", str(upstream.sandbox_url), "--pin",
            f"organizationId={upstream.organization_id}", env={"QOVERY_API_KEY": upstream.sandbox_token},
        ) as server,
    ):  # fmt: skip

        def standing() -> dict[str, Any]:
            told: dict[str, Any] = get(f"{server.rest_url}/readyz").value["archive"]
            return told

        server.record("events kept")
        until(lambda: standing()["newest_read_seconds_ago"] is not None, "the archive was read to its end")
        found = standing()
        assert (found["organizations"], found["events"], found["gaps"], found["stalled"]) == (1, 600, 0, False)
        assert upstream.organization_id not in json.dumps(found)
        page = get(f"{server.rest_url}/v1/organization/{upstream.organization_id}/events", pageSize=100)
        assert page.headers["x-fairlead-source"] == "archive"
        assert len(page.value["events"]) == 100
        told = get(f"{server.rest_url}/metrics").body.decode()
        assert f'fairlead_archive_events_total{{organization="{upstream.organization_id}"}} 600\n' in told
        assert server.terminate() == 0
    settings = serving.settings_for_tests(data_home=tmp_path)
    archive = open_archive(place_of(str(file), settings))
    assert len(archive.checkpoints()) >= 1
    assert archive.take_lease(upstream.organization_id, "anybody", now=1, until=2)
    archive.close()
