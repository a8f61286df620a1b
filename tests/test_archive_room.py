"""Whatever an archive holds, the answers of the audit trail are small, and say how to get the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest

import serving
from archive_gateway import gateway_on, get
from fairlead.archive.contract import EVENT_KEYS, NANOS_PER_SECOND
from fairlead.archive.coverage import Slice
from fairlead.archive.factory import open_archive
from fairlead.archive.model import DIMENSIONS, Batch, Gap
from fairlead.archive.place import place_of
from fairlead.trail.operations import OPERATIONS
from fairlead.trail.params import Params
from kept_events import START, TARGET, Kept, event

HOUR = 3_600 * NANOS_PER_SECOND
HOURS = 200


def lavishness(number: int) -> dict[str, Any]:
    """An event with long names and values, each an hour after the one before, by somebody else."""
    long = {name: f"{name} {number} " + "…" * 300 for name in ("triggered_by", "origin", "event_type", "target_name")}
    change = json.dumps({f"value_{k}": f"{number} " * 200 for k in range(60)})
    return event(number * 3_600, **long, change=change, original_change="{}")


@pytest.fixture(scope="module")
def lavish(tmp_path_factory: pytest.TempPathFactory) -> Iterator[serving.Gateway]:
    """A server with an archive of long names and values, many people, many hours and many gaps."""
    kept = Kept(tmp_path_factory.mktemp("lavish") / "archive.db")
    kept.keep(*(lavishness(number) for number in range(HOURS)))
    hours = [Slice(begin, begin + HOUR) for begin in range(START, START + HOURS * HOUR, HOUR)]
    gaps = tuple(Gap(each.start, each.end, "not-read-in-time", START) for each in hours[::2])
    place = place_of(str(kept.file), serving.settings_for_tests())
    with closing(open_archive(place)) as archive:
        archive.take_lease(serving.DEMO_ORGANIZATION_ID, "test", 0, 1)
        archive.keep(
            Batch(
                organization=serving.DEMO_ORGANIZATION_ID,
                holder="test",
                fetched_at=START,
                covered=tuple(hours[1::2]),
                gaps=gaps,
            )
        )
    with gateway_on(place) as running:
        yield running


@pytest.mark.parametrize(
    ("path", "listed"),
    [
        ("audit-trail/search", "events"),
        ("audit-trail/statistics?per=hour", "over_time"),
        (f"audit-trail/event/{event(0)['id']}", "changes"),
        (f"audit-trail/timeline/{TARGET}", "events"),
        ("audit-trail/coverage", "gaps"),
    ],
)
def test_whatever_an_archive_holds_a_model_has_room_for_an_answer(
    lavish: serving.Gateway, path: str, listed: str
) -> None:
    """Below 8 kB, never empty, and it says how to get more."""
    answer = get(lavish.route(path))
    assert len(answer.body) < 8_000
    assert answer.value[listed]
    assert "again with" in answer.value["more"]


@pytest.mark.parametrize("character", ["\x01", "😀"])
def test_texts_that_are_longer_as_json_have_room_too(tmp_path: Path, character: str) -> None:
    """Control characters are six bytes each, and even an id may be nothing else."""
    kept = Kept(tmp_path / "archive.db")
    names = [name for name in EVENT_KEYS if name not in {"timestamp", "change", "original_change"}]
    odd = dict.fromkeys(names, character * 2_000)
    kept.keep(*(event(number, **{**odd, "id": f"{number}{odd['id']}"}) for number in range(3)))
    with closing(open_archive(place_of(str(kept.file), serving.settings_for_tests()))) as archive:
        for name, given in (
            ("search", {}),
            ("statistics", {"by": ",".join(DIMENSIONS), "per": "hour"}),
            ("statistics", {"by": ",".join(DIMENSIONS)}),
            ("event", {"eventId": "1"}),
            ("timeline", {"targetId": odd["target_id"]}),
        ):
            answer = OPERATIONS[name](archive, serving.DEMO_ORGANIZATION_ID, Params(given, START))
            assert len(orjson.dumps(answer)) < 8_000, name


def test_times_before_all_time_are_its_beginning(lavish: serving.Gateway) -> None:
    """Whoever asks for nineteen thousand years gets everything."""
    assert get(lavish.route("audit-trail/statistics"), since="999999w").value["total"] == HOURS


def test_a_target_is_an_id_whatever_stands_in_it(tmp_path: Path) -> None:
    """No list of values, and no negation."""
    kept = Kept(tmp_path / "archive.db")
    kept.keep(event(1, target_id="a,b"), event(2, target_id="!x"), event(3, target_id="c"))
    with closing(open_archive(place_of(str(kept.file), serving.settings_for_tests()))) as archive:
        for target in ("a,b", "!x"):
            answer = OPERATIONS["timeline"](archive, serving.DEMO_ORGANIZATION_ID, Params({"targetId": target}, START))
            assert (answer["target_id"], len(answer["events"])) == (target, 1)


def test_who_asks_for_all_gets_all(lavish: serving.Gateway) -> None:
    """Every difference with its whole value, and every gap."""
    changes = get(lavish.route(f"audit-trail/event/{event(0)['id']}"), all="true").value["changes"]
    assert [len(each["after"]) for each in changes] == [402] * 60
    assert len(get(lavish.route("audit-trail/coverage"), all="true").value["gaps"]) == HOURS // 2


def test_time_that_had_no_room_is_counted_in_the_next_answer(lavish: serving.Gateway) -> None:
    """Following what each answer says of more, every hour is counted once."""
    everything = get(lavish.route("audit-trail/statistics"), per="hour", all="true").value["over_time"]
    assert [row["events"] for row in everything] == [1] * HOURS
    found: list[Any] = []
    until = ""
    while len(found) < HOURS:
        told = get(lavish.route("audit-trail/statistics"), per="hour", until=until).value
        assert told["over_time"]
        found = told["over_time"] + found
        until = told["more"].partition("until=")[2].partition(",")[0]
    assert (found, until) == (everything, "")
