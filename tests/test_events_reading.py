"""The archive, read from the terminal: filters, lists, targets, counts, and what is kept meanwhile."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner

from command import environment, fairlead
from fairlead.cli.commands import commands
from golden_files import assert_golden
from kept_events import EVENTS, OTHER, TARGET, Kept, event, on_a_terminal, synced


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """An archive of a sandbox's 1,500 events, the same at every run."""
    return synced(tmp_path_factory.mktemp("reading") / "archive.db")


@pytest.fixture(scope="session")
def events(kept: Kept) -> list[dict[str, Any]]:
    """The same events as they were stored, newest first."""
    found = kept.objects("list", "--limit", "5000")
    assert len(found) == EVENTS
    return found


@pytest.fixture
def small(tmp_path: Path) -> Kept:
    """An archive that a test fills itself."""
    return Kept(tmp_path / "small.db")


@pytest.mark.parametrize("command", ["list", "targets", "tail", "show", "stats"])
def test_help_of_a_reading_command_is_a_golden_file(command: str) -> None:
    """Every reading command's help has an example and changes as a diff."""
    done = CliRunner(env={"COLUMNS": "100"}).invoke(commands, ["events", command, "--help"], prog_name="fairlead")
    assert f"fairlead events {command}" in done.output.partition("Examples:")[2]
    assert_golden(f"help-events-{command}.txt", done.output)


def test_list_on_a_terminal_is_a_table_that_fits(kept: Kept) -> None:
    """Nothing wraps, what is cut says so, and where the list goes on stands below."""
    text = on_a_terminal(kept, "list", "--limit", "25", env={"NO_COLOR": "1"})
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text
    # Which number an event gets depends on the order in which time is read.
    assert_golden("events-list.txt", re.sub(r"(?m)^\d{1,4} *(?= 20)", "…".ljust(7), text))


def test_list_on_a_terminal_colours_how_it_ended_and_nothing_else(small: Kept) -> None:
    """Green and red are for outcomes; NO_COLOR is obeyed, and hostile text moves nothing."""
    small.keep(
        event(1, event_type="DEPLOYED"),
        event(2, event_type="DEPLOY_FAILED"),
        event(3, target_name="\x1b[31m\u202e\u009b2Jevil\r\n", triggered_by="港" * 60),
    )
    text = on_a_terminal(small, "list")
    assert "\x1b[32mDEPLOYED" in text
    assert "\x1b[31mDEPLOY_FAILED" in text
    evil = next(line for line in text.splitlines() if "evil" in line or "\\u001b" in line)
    assert "\\u001b[31m\\u202e" in evil
    assert not {"\x1b", "\u202e", "\u009b", "\r"} & set(evil)
    assert len(evil) + evil.count("港") <= 100


def test_list_in_a_pipe_is_tab_separated(small: Kept) -> None:
    """Scripts get whole values, no header, no table, and no name breaks out of its line."""
    small.keep(event(1, target_name="a\tb\nc", sub_target_type="CONFIG", triggered_by="x" * 200))
    line = "0\t2026-11-18 11:06:41Z\tUPDATE\tCONTAINER\tCONFIG\ta\\u0009b\\u000ac"
    assert small.ask("list").out == f"{line}\t{'x' * 200}\tAPI\t00000000-0000-4000-8000-000000000001\n"


def _matching(events: Iterable[dict[str, Any]], **wanted: str | None) -> list[str]:
    return [each["id"] for each in events if all(each[name] == value for name, value in wanted.items())]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("--event-type", "DEPLOYED"), {"event_type": "DEPLOYED"}),
        (("--eventType", "deployed"), {"event_type": "DEPLOYED"}),
        (("--target-type", "CONTAINER", "--origin", "GIT"), {"target_type": "CONTAINER", "origin": "GIT"}),
        (("--subTargetType", ""), {"sub_target_type": None}),
        (("--triggered-by", "release-bot"), {"triggered_by": "release-bot"}),
    ],
)
def test_a_filter_finds_what_its_field_says(
    kept: Kept, events: list[dict[str, Any]], options: tuple[str, ...], wanted: dict[str, str | None]
) -> None:
    """The API's names work in both spellings; different fields must all fit."""
    expected = _matching(events, **wanted)
    assert expected
    assert [line[0] for line in kept.lines("list", "--limit", "5000", "--fields", "id", *options)] == expected


def test_several_values_and_negation_and_ids(kept: Kept, events: list[dict[str, Any]]) -> None:
    """Values are repeated or have commas between them; `--not-…` leaves out; ids are found in either case."""

    def count(*options: str) -> int:
        return len(kept.lines("list", "--limit", "5000", "--fields", "id", *options))

    types = Counter(each["event_type"] for each in events)
    both = types["CREATE"] + types["DELETE"]
    assert count("--event-type", "CREATE,DELETE") == count("--event-type", "CREATE", "--eventType", "DELETE") == both
    assert count("--not-event-type", "CREATE, DELETE") == EVENTS - both
    project = events[0]["project_id"]
    held = len(_matching(events, project_id=project))
    assert count("--project-id", project) == count("--serviceProjectId", project.upper()) == held
    assert count("--project-id", project, "--not-project-id", project) == 0
    first, last = events[9]["timestamp"], events[0]["timestamp"]
    assert count("--since", first) == 10
    assert count("--from", first, "--toTimestamp", last) == 9


def test_a_comma_in_a_name_is_escaped(small: Kept) -> None:
    """An actor's name may have what separates values."""
    small.keep(event(1, triggered_by="Doe, Jane"), event(2, triggered_by="Doe"))
    assert small.lines("list", "--triggered-by", "Doe\\, Jane", "--fields", "triggered_by") == [["Doe, Jane"]]
    assert len(small.lines("list", "--triggered-by", "Doe\\, Jane,Doe")) == 2


def test_words_are_found_in_names_and_changes(small: Kept) -> None:
    """All words must be there, whole or as a beginning."""
    change = json.dumps({"image": {"name": "registry/nginx-alpine"}})
    small.keep(event(1, target_name="web", change=change), event(2, target_name="nginxy"))
    assert len(small.lines("list", "--text", "nginx")) == 1
    assert len(small.lines("list", "--text", "nginx*")) == 2
    assert len(small.lines("list", "--text", "nginx* ALPINE web")) == 1
    assert "no letter" in small.ask("list", "--text", "*", code=2).err


def test_times_without_an_offset_are_of_the_zone(small: Kept) -> None:
    """A day begins when it does there, and what is printed says which zone it is of."""
    small.keep(event(0, timestamp="2026-10-25T00:30:00Z"), event(1, timestamp="2026-10-25T01:30:00Z"))
    paris = ("list", "--zone", "Europe/Paris", "--oldest-first")
    assert [line[1] for line in small.lines(*paris)] == ["2026-10-25 02:30:00+0200", "2026-10-25 02:30:00+0100"]
    assert len(small.lines(*paris, "--since", "2026-10-25", "--until", "2026-10-26")) == 2
    assert len(small.lines(*paris, "--until", "2026-10-25T02:30:00+01:00")) == 1
    assert len(small.lines("list", "--since", "1792890000")) == 1
    assert len(small.lines("list", "--since", "0001-01-01", "--until", "9999-12-31T23:59:59.999999Z")) == 2
    assert len(small.lines("list", "--since", "999999w")) == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--event-type", "DELET"), "did you mean `DELETE`?"),
        (("--origin", "TERRAFORM"), "did you mean `TERRAFORM_PROVIDER`?"),
        (("--triggered-by", "ada"), "did you mean `Ada Lovelace`?"),
        (("--event-type", "BRAND_NEWS"), "did you mean `BRAND_NEW`?"),
        (("--target-id", "nginx"), "events targets"),
    ],
)
def test_an_unknown_value_is_warned_about_and_asked_for(small: Kept, options: tuple[str, ...], said: str) -> None:
    """Qovery adds values, so that a value nobody knows is only a warning; one that the archive has is none."""
    small.keep(event(1, event_type="BRAND_NEW", triggered_by="Ada Lovelace"))
    done = small.ask("list", *options)
    assert done.out == ""
    assert said in done.err
    assert small.ask("list", "--event-type", "BRAND_NEW,DELETE").err == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("list", "--since", "soon"), 2, "write `2h`"),
        (("list", "--since", "123456789012345"), 2, "Unix seconds"),
        (("list", "--zone", "Mars"), 2, "no time zone"),
        (("list", "--fields", "id,,x"), 2, "`,x` is no path"),
        (("list", "--limit", "0"), 2, "--limit"),
        (("list", "--continue", "99999999999999999999"), 2, "--continue"),
        (("stats", "--by", "colour"), 2, "target-type"),
        (("show", "0000-"), 1, "whole id or by its number"),
        (("show", "12345678901234567890123"), 1, "has no event"),
        (("show", "1"), 1, "whole id or by its number"),
        (("list", "--organization", OTHER), 1, "has no organization"),
    ],
)
def test_a_mistake_is_one_clear_line(small: Kept, arguments: tuple[str, ...], code: int, said: str) -> None:
    """It says what is wrong and what to write instead."""
    small.keep(event(1, id="0000-a"))
    assert said in small.ask(*arguments, code=code).err


def test_what_is_not_covered_is_said(kept: Kept) -> None:
    """No events and no knowledge are two different things."""
    assert "Not covered" not in kept.ask("list").err
    assert "to any later time" in kept.ask("list", "--since", "2027-01-01").err
    err = kept.ask("list", "--since", "2015-01-01", "--limit", "1").err
    assert "Not covered by the archive: 2015-01-01 00:00:00Z to 2016" in err


def test_pages_follow_each_other_in_both_directions(kept: Kept, events: list[dict[str, Any]]) -> None:
    """Every event comes once, whatever the size of a page, and the last page tells of no other."""
    for direction in ((), ("--oldest-first",)):
        ids, token = [], ()
        while True:
            done = kept.ask("list", "--limit", "700", "--fields", "id", *direction, *token)
            ids += done.out.split()
            found = re.search(r"--continue \d+", done.err)
            if found is None:
                break
            token = tuple(found[0].split())
        expected = [each["id"] for each in events]
        assert ids == (expected[::-1] if direction else expected)


def test_targets_have_their_newest_name(small: Kept) -> None:
    """A target is listed once, however often it was renamed; projects and environments are listed alike."""
    places = {"project_id": OTHER, "project_name": "shop", "environment_id": TARGET, "environment_name": "prod"}
    small.keep(
        event(1, target_name="old", **places),
        event(2, target_name="new", **places),
        event(3, target_id=OTHER, target_name="\x1bx", target_type="HELM"),
        event(4, target_id=None, target_name=None, target_type="ORGANIZATION"),
    )
    assert small.lines("targets") == [
        [TARGET, "new", "CONTAINER", "2", "2026-11-18 11:06:42Z"],
        [OTHER, "\\u001bx", "HELM", "1", "2026-11-18 11:06:43Z"],
    ]
    assert small.lines("targets", "--until", "2026-11-18T11:06:42Z") == [
        [TARGET, "old", "CONTAINER", "1", "2026-11-18 11:06:41Z"]
    ]
    assert small.lines("targets", "--level", "project") == [[OTHER, "shop", "PROJECT", "2", "2026-11-18 11:06:42Z"]]
    assert small.objects("targets", "--targetLevelToFetch", "ENVIRONMENT") == [
        {"id": TARGET, "name": "prod", "type": "ENVIRONMENT", "events": 2, "last_seen": "2026-11-18T11:06:42+00:00"}
    ]
    assert "There are more" in small.ask("targets", "--limit", "1").err
    assert "There are more" not in small.ask("targets", "--limit", "2").err


def test_targets_count_all_events_of_the_sandbox(kept: Kept, events: list[dict[str, Any]]) -> None:
    """The numbers are those of the events themselves."""
    counted = Counter(each["target_id"] for each in events if each["target_id"])
    assert {line[0]: int(line[3]) for line in kept.lines("targets", "--limit", "5000")} == counted


def test_stats_count_what_the_events_say(kept: Kept, events: list[dict[str, Any]]) -> None:
    """Every field is counted, with what has none, and the same numbers come as tabs and as JSON."""
    (found,) = kept.objects("stats", "--by", "actor", "--by", "sub-target-type", "--top", "5000")
    assert found["total"] == EVENTS
    for field in ("triggered_by", "sub_target_type"):
        counted = Counter(each[field] for each in events)
        assert {each["value"]: each["events"] for each in found["by"][field]} == counted
    lines = kept.lines("stats", "--by", "origin", "--not-origin", "GIT")
    without = [each["origin"] for each in events if each["origin"] != "GIT"]
    assert lines[0] == ["total", "", str(len(without)), ""]
    assert {line[1]: int(line[2]) for line in lines[1:]} == Counter(without)
    target = kept.lines("stats", "--by", "target", "--top", "1")[1]
    newest = next(each for each in events if each["target_id"] == target[1])
    assert target[3] == newest["target_name"]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "Asia/Kolkata", "Australia/Lord_Howe"])
@pytest.mark.parametrize("per", ["hour", "day", "week"])
def test_periods_are_those_of_the_zone(kept: Kept, events: list[dict[str, Any]], zone: str, per: str) -> None:
    """Days begin at the zone's midnight and weeks on its Monday, where it is half an hour off as well."""
    expected: Counter[str] = Counter()
    for each in events:
        moment = datetime.fromisoformat(each["timestamp"]).astimezone(ZoneInfo(zone))
        iso = moment.isocalendar()
        expected[
            {"hour": moment.strftime("%Y-%m-%dT%H"), "day": str(moment.date()), "week": f"{iso.year} {iso.week}"}[per]
        ] += 1
    (found,) = kept.objects("stats", "--per", per, "--zone", zone)
    counted = {}
    for each in found["periods"]:
        start = datetime.fromisoformat(each["start"])
        assert (start.minute, start.second) == (0, 0)
        iso = start.isocalendar()
        name = {"hour": start.strftime("%Y-%m-%dT%H"), "day": str(start.date()), "week": f"{iso.year} {iso.week}"}[per]
        counted[name] = each["events"]
    assert counted == expected


def test_a_day_on_which_the_clock_changes_is_one_day(small: Kept) -> None:
    """It has 25 hours, of which two are called the same, and none is counted twice."""
    small.keep(*(event(n, timestamp=f"2026-10-{24 + n // 24:02d}T{n % 24:02d}:15:00Z") for n in range(72)))
    days = small.lines("stats", "--per", "day", "--zone", "Europe/Paris")[1:]
    assert [(day[1], day[2]) for day in days] == [
        ("2026-10-24 00:00:00+0200", "22"),
        ("2026-10-25 00:00:00+0200", "25"),
        ("2026-10-26 00:00:00+0100", "24"),
        ("2026-10-27 00:00:00+0100", "1"),
    ]
    assert len(small.lines("stats", "--per", "hour", "--zone", "Europe/Paris")) == 73
    assert small.lines("stats", "--per", "day", "--since", "2026-12-01") == [["total", "", "0", ""]]


def test_stats_on_a_terminal_are_charts(kept: Kept) -> None:
    """Bars fit the width, the longest is the most frequent, and days without events have a line."""
    text = on_a_terminal(
        kept, "stats", "--by", "type", "--by", "target", "--top", "5", "--per", "day", env={"NO_COLOR": "1"}
    )
    assert max(map(len, text.splitlines())) <= 100
    assert_golden("events-stats.txt", text)


def test_tail_shows_the_newest_last(kept: Kept, events: list[dict[str, Any]]) -> None:
    """As `tail` of a file does."""
    newest = [each["id"] for each in events[:3][::-1]]
    assert [line[0] for line in kept.lines("tail", "-n", "3", "--fields", "id")] == newest
    assert [each["id"] for each in kept.objects("tail", "--limit", "3")] == newest


def test_tail_follows_what_is_kept_and_ends_quietly(small: Kept) -> None:
    """New events come in the order of the log, late ones too, once each, and only those that fit; Ctrl-C ends it."""
    small.keep(event(1), event(2), event(3, origin="GIT"))
    command = [sys.executable, "-m", "fairlead", "events", "tail", "-f", "-n", "1", "--interval", "0.02"]
    command += ["--origin", "API", "--fields", "target_name,timestamp", "--archive", str(small.file)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        guard = threading.Timer(30, process.kill)  # whatever waits for a line would otherwise wait for ever
        guard.start()
        assert process.stdout.readline() == "nginx\t2026-11-18T11:06:42Z\n"
        small.keep(event(9, target_name="nine"), event(8, origin="GIT", target_name="other"))
        assert process.stdout.readline() == "nine\t2026-11-18T11:06:49Z\n"
        small.keep(event(5, target_name="late"), event(6, target_name="later"))
        small.keep(event(7), organization=OTHER)
        small.keep(event(4, target_name="last"))
        assert [process.stdout.readline().split("\t")[0] for _ in range(3)] == ["late", "later", "last"]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        guard.cancel()
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_reading_makes_no_archive(tmp_path: Path) -> None:
    """A mistyped name is told, and leaves no file behind."""
    done = fairlead("events", "list", "--archive", tmp_path / "none.db")
    assert done.code == 1
    assert "fairlead events sync" in done.err
    assert list(tmp_path.iterdir()) == []
