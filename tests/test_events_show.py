"""One event, from the terminal: its bytes, its fields, what it changed, its revisions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairlead.archive.factory import open_archive
from fairlead.archive.model import Filter, Query, Turn
from fairlead.archive.place import place_of
from fairlead.archive.timeline import timeline
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID
from fairlead.settings import Settings
from golden_files import assert_golden
from kept_events import OTHER, SECOND, START, TARGET, Kept, event, on_a_terminal


@pytest.fixture
def small(tmp_path: Path) -> Kept:
    """An archive that a test fills itself."""
    return Kept(tmp_path / "small.db")


def test_json_is_the_stored_bytes_one_event_on_each_line(small: Kept) -> None:
    """Digits, escapes, unknown fields and double keys stay as the upstream sent them."""
    raw = b'{"id":"a","timestamp":"2026-11-18T11:06:41Z","n":1.50000000000000000001,"n":2,"u":"\\u00e9\xc3\xa9\x7f"}'
    small.keep(raw)
    assert small.ask("list", "--json").out.encode() == raw + b"\n"
    assert small.ask("show", "a", "--raw").out.encode() == raw
    assert small.ask("show", "A", "--json").out.encode().endswith(b'"event": ' + raw + b"}\n")
    shown = on_a_terminal(small, "list", "--json")
    assert "\\u007f" in shown
    assert json.loads(shown) == json.loads(raw)


def test_fields_reach_into_changes(small: Kept) -> None:
    """A path goes on inside the JSON of a change, and values stay as they were written."""
    change = '{"cpu":1.50,"ports":[{"port":80},{"port":443}],"a.b":{"a b":null},"s":"x\\ty","big":12345678901234567890}'
    small.keep(event(1, change=change, extra={"deep": [1, 2]}))
    paths = "id,targetName,target.type,change.cpu,change.ports[-1].port,change.s,extra.deep[0],number"
    paths += ',change["a.b"]["a b"]'
    assert small.lines("list", "--fields", paths) == [
        ["00000000-0000-4000-8000-000000000001", "nginx", "CONTAINER", "1.50", "443", "x\\u0009y", "1", "0", ""]
    ]
    out = small.ask("list", "--json", "--fields", "change.cpu,change.big,change.s,change.ports,user_agent,nope").out
    assert out == (
        '{"change.cpu":1.50,"change.big":12345678901234567890,"change.s":"x\\ty",'
        '"change.ports":[{"port":80},{"port":443}]}\n'
    )
    assert "None of these events has `change.nope`" in small.ask("list", "--fields", "id,change.nope").err


def test_an_event_without_id_has_one_that_show_takes(small: Kept) -> None:
    """A name is made from its bytes, and is the same wherever it is shown."""
    small.keep(b'{"timestamp":"2026-11-18T11:06:41Z","change":7}', b'["no object"]')
    for (name,) in small.lines("list", "--fields", "id"):
        assert name.startswith("keyed:")
        assert f"{name} (made from its bytes: it has none)" in small.ask("show", name).out


def test_show_tells_what_an_update_changed(small: Kept) -> None:
    """The difference to the original is told field by field, without the noise of every update."""
    before = {
        "cpu": 500,
        "ports": [{"id": "p1", "port": 80}],
        "tag": "1.0\x1b[2J",
        "old": [1],
        "value": f"redacted:1:{'a' * 32}",
        "updated_at": 1,
    }
    after = before | {
        "cpu": 1000,
        "ports": [{"id": "p1", "port": 443}],
        "tag": "x" * 400,
        "a b": None,
        "value": f"redacted:1:{'b' * 32}",
        "updated_at": 2,
    }
    del after["old"]
    small.keep(event(1, change=json.dumps(after), original_change=json.dumps(before), sub_target_type="", new=[1]))
    assert_golden("events-show.txt", small.ask("show", "0").out)
    assert "updated_at: 1 → 2" in small.ask("show", "0", "--all").out
    (found,) = small.objects("show", event(1)["id"].upper())
    assert found["compared_with"] == "original"
    assert {each["path"]: each["note"] for each in found["differences"]}["$['value']"] == "rotated"
    assert found["redaction_tags"] == [f"redacted:1:{'b' * 32}", f"redacted:1:{'a' * 32}"]


def test_show_compares_with_the_previous_event_where_there_is_no_original(small: Kept) -> None:
    """What was configured with what was configured, a run with a run, and only of the same object."""
    variable = {"sub_target_type": "VARIABLE"}
    small.keep(
        event(1, change='{"id":"v1","value":1}', **variable),
        event(2, change='{"id":"v2","value":1}', **variable),
        event(3, event_type="DEPLOYED", change='{"id":"v1","status":"DEPLOYED"}'),
        event(4, change='{"id":"v1","value":2}', original_change=None, **variable),
        event(5, event_type="DEPLOY_FAILED", change='{"id":"v1","status":"DEPLOY_FAILED"}'),
        event(6, change="not JSON"),
        event(7, change=None),
        event(8, change='{"id":"v1","value":2}', target_id=OTHER, **variable),
    )
    assert "against the previous event of the target, 0 of 2026-11-18 11:06:41Z" in small.ask("show", "3").out
    assert "  ~ value: 1 → 2\n" in small.ask("show", "3").out
    assert '  ~ status: "DEPLOYED" → "DEPLOY_FAILED"\n' in small.ask("show", "4").out
    assert 'no older event here can be compared with it:\n  + id: "v1"\n' in small.ask("show", "0").out
    assert "  + all of it: not JSON" in small.ask("show", "5").out
    assert "says nothing of what changed" in small.ask("show", "6").out
    (found,) = small.objects("show", "7")
    assert (found["compared_with"], found["previous"]) == ("nothing", None)


def test_show_lists_revisions_and_shows_the_latest(small: Kept) -> None:
    """Other bytes for a known id are kept beside the first; a number still names exactly one of them."""
    small.keep(event(1, target_name="first"))
    small.keep(event(1, target_name="second"), at=START + 60 * SECOND)
    out = small.ask("show", event(1)["id"]).out
    assert "target_name       second" in out
    assert (
        "  0: number 0, kept 2026-11-18 11:06:40Z, superseded\n  1: number 1, kept 2026-11-18 11:07:40Z, the latest"
        in out
    )
    assert "target_name       first" in small.ask("show", "#0").out
    assert len(small.lines("list")) == 1


def test_what_was_superseded_is_not_counted(small: Kept) -> None:
    """A value or a day that only an earlier revision had is not listed with no events."""
    small.keep(event(1, triggered_by="Ada"))
    small.keep(event(1, triggered_by="Bob", timestamp="2026-11-20T00:00:00Z"), at=START + 60 * SECOND)
    assert small.lines("stats", "--by", "actor", "--per", "day") == [
        ["total", "", "1", ""],
        ["triggered_by", "Bob", "1", ""],
        ["day", "2026-11-20 00:00:00Z", "1", ""],
    ]


def test_another_organizations_event_is_not_shown(small: Kept) -> None:
    """An id and a number are looked for in one organization, and the error names the other."""
    small.keep(event(1))
    small.keep(event(2), organization=OTHER)
    assert "Name one with `--organization`" in small.ask("list", code=1).err
    mine = ("--organization", DEMO_ORGANIZATION_ID)
    assert OTHER in small.ask("show", event(2)["id"], *mine, code=1).err
    assert "has no event" in small.ask("show", "1", *mine, code=1).err
    assert len(small.lines("list", *mine)) == 1


def test_a_timeline_has_every_event_of_a_target_with_what_it_changed(small: Kept) -> None:
    """REST and MCP read a target's history through the same functions as the terminal."""
    small.keep(*(event(n, change=json.dumps({"id": "c", "cpu": n // 2})) for n in range(6)))
    archive = open_archive(place_of(str(small.file), Settings()))
    query = Query(organization=DEMO_ORGANIZATION_ID, filters=(Filter("target_id", (TARGET,)),))
    found = timeline(archive, query, Turn(limit=4))
    archive.close()
    assert [len(step.comparison.differences) for step in found.steps] == [0, 1, 0, 1]
    assert [step.comparison.previous.number for step in found.steps if step.comparison.previous] == [4, 3, 2, 1]
    assert (found.has_older, found.has_newer) == (True, False)
