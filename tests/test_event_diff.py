"""The difference between two JSON texts: what changed, exactly as it was written, and nothing else."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import jsonpath_rfc9535 as jsonpath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.archive.diff import Difference, differences
from fairlead.archive.events import read_event
from fairlead.archive.json_tree import read_tree
from fairlead.sandbox.options import SandboxOptions
from fairlead.sandbox.rendering import event_at, look
from fairlead.sandbox.world import world
from golden_files import assert_golden

KEYS = st.sampled_from(["id", "key", "name", "a", "b'", "c\\", "ü\n", "]", "\x1b[2J"])
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "x", "=1", "a\nb", "\u2028", "é"])


def _lists(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.lists(
        st.fixed_dictionaries({"id": st.sampled_from(["1", "2", "3", "'"]) | st.integers(0, 3), "v": values}),
        max_size=4,
        unique_by=lambda each: each["id"],
    )
    return st.lists(values, max_size=3) | named | st.dictionaries(KEYS, values, max_size=3)


VALUES = st.recursive(SCALARS, _lists, max_leaves=12)
SEGMENT = re.compile(r"\[(?:\?@\['(\w+)'\]==)?(?:'((?:[^'\\]|\\.)*)'|(-?[0-9]+))\]")


def _segments(path: str) -> list[tuple[str | None, str | int]]:
    """A path taken apart: the identifying key or None, and the name or the index."""
    found = list(SEGMENT.finditer(path, 1))
    assert "".join(match[0] for match in found) == path[1:]
    return [(m[1], int(m[3]) if m[3] is not None else json.loads(f'"{_double(m[2])}"')) for m in found]


def _double(single: str) -> str:
    return single.replace("\\'", "'").replace('"', '\\"')


def _position(holder: Any, segment: tuple[str | None, str | int]) -> Any:
    key, name = segment
    if key is None:
        return name
    return next((place for place, each in enumerate(holder) if each is not GONE and each[key] == name), len(holder))


GONE = object()


def _applied(before: Any, found: tuple[Difference, ...]) -> Any:
    """The value after, made of the value before and what differs."""
    root = {"": before}
    for each in found:
        holder: Any = root
        place: Any = ""
        for segment in _segments(each.path):
            holder = holder[place]
            place = _position(holder, segment)
        value = GONE if each.after is None else json.loads(each.after)
        if isinstance(holder, list) and place == len(holder):
            holder.append(value)
        else:
            holder[place] = value
    return _cleaned(root[""])


def _cleaned(value: Any) -> Any:
    """Without what is gone, and objects that have a name in an order of their own."""
    if isinstance(value, dict):
        return {key: _cleaned(member) for key, member in value.items() if member is not GONE}
    if isinstance(value, list):
        elements = [_cleaned(element) for element in value if element is not GONE]
        if all(isinstance(each, dict) for each in elements):
            elements.sort(key=lambda each: json.dumps(each, sort_keys=True))
        return elements
    return value


@given(VALUES, VALUES)
@settings(max_examples=250, deadline=None)
def test_the_differences_applied_to_what_was_make_what_is(before: Any, after: Any) -> None:
    """A difference list is complete: nothing else has changed."""
    found = differences(json.dumps(before), json.dumps(after, ensure_ascii=False), keep_noise=True)
    assert json.dumps(_applied(before, found), sort_keys=True) == json.dumps(_cleaned(after), sort_keys=True)


@given(VALUES, VALUES)
@settings(max_examples=100, deadline=None)
def test_a_path_is_a_query_that_finds_the_value(before: Any, after: Any) -> None:
    """An RFC 9535 implementation finds at the path what the difference shows."""
    for each in differences(json.dumps(before), json.dumps(after), keep_noise=True):
        for text, value in ((each.before, before), (each.after, after)):
            nodes = [json.dumps(node.value) for node in jsonpath.find(each.path, value)]
            assert nodes == ([] if text is None else [text])


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_a_text_written_differently_is_the_same(value: Any) -> None:
    """Spaces, and how a string is escaped, are no difference."""
    compact = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    assert differences(compact, json.dumps(value, indent=2)) == ()
    assert differences(compact, json.dumps(value, indent=2), keep_noise=True) == ()


def test_numbers_keep_every_digit() -> None:
    """An epoch with microseconds, and a number of any length, are shown as they were written."""
    before = '{"created_at": 1769160331.264802, "big": 123456789012345678901234567890, "scale": 1.10, "exp": 1e400}'
    after = '{"created_at": 1769160331.264803, "big": 123456789012345678901234567891, "scale": 1.1, "exp": 2E+400}'
    assert [(each.path, each.before, each.after) for each in differences(before, after)] == [
        ("$['created_at']", "1769160331.264802", "1769160331.264803"),
        ("$['big']", "123456789012345678901234567890", "123456789012345678901234567891"),
        ("$['scale']", "1.10", "1.1"),
        ("$['exp']", "1e400", "2E+400"),
    ]


def test_what_every_update_changes_is_left_out() -> None:
    """`updated_at` is noise at any depth, unless it is asked for."""
    before = '{"updated_at":1,"cpu":50,"ports":[{"id":"p","updated_at":1}]}'
    after = '{"updated_at":2,"cpu":100,"ports":[{"id":"p","updated_at":2}]}'
    assert differences(before, after) == (Difference("$['cpu']", "changed", "50", "100"),)
    assert [each.path for each in differences(before, after, keep_noise=True)] == [
        "$['updated_at']",
        "$['cpu']",
        "$['ports'][?@['id']=='p']['updated_at']",
    ]


def test_elements_are_matched_by_what_names_them() -> None:
    """Moving an element is no difference, and an element that goes does not shift the others."""
    before = '[{"key":"A","value":"1"},{"key":"B","value":"2"},{"key":"C","value":"3"}]'
    after = '[{"key":"C","value":"3"},{"key":"D","value":"4"},{"key":"B","value":"two"}]'
    assert differences(before, after) == (
        Difference("$[?@['key']=='D']", "added", None, '{"key":"D","value":"4"}'),
        Difference("$[?@['key']=='B']['value']", "changed", '"2"', '"two"'),
        Difference("$[?@['key']=='A']", "removed", '{"key":"A","value":"1"}', None),
    )


def test_elements_that_nothing_tells_apart_are_matched_by_index() -> None:
    """Two elements of one name have no name."""
    before = '[{"name":"A","v":1},{"name":"A","v":2}]'
    assert differences(before, '[{"name":"A","v":1},{"name":"A","v":3}]') == (
        Difference("$[1]['v']", "changed", "2", "3"),
    )
    assert differences("[1,2,3]", "[1,2]") == (Difference("$[2]", "removed", "3", None),)


def test_a_redacted_value_that_stands_for_another_secret_is_rotated() -> None:
    """Who cannot see a secret still sees that it changed, and that it did not."""
    before = '{"value":"redacted:1:0a1b","token":"redacted:1:ff","plain":"x"}'
    after = '{"value":"redacted:1:0a1c","token":"redacted:1:ff","plain":"redacted:1:ff"}'
    assert differences(before, after) == (
        Difference("$['value']", "changed", '"redacted:1:0a1b"', '"redacted:1:0a1c"', "rotated"),
        Difference("$['plain']", "changed", '"x"', '"redacted:1:ff"'),
    )


BROKEN = ["", "{", "nul", '{"id": "cut off in the mid', "[1,]", '{"a":1,}', "[1]]", "{]", "[}", '{"a" 1}', "01"]
BROKEN += ["\xa01", '"\t"', '"\\x"', "1 2", "[1 2]", "NaN", "-", "1.", "{1:2}", "[,1]", "١", '{"a":1 "b":2}']


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_json_is_one_difference_and_says_so(text: str) -> None:
    """A broken text is compared as a whole, not guessed at."""
    assert differences(text, '{"a":1}') == (Difference("$", "changed", text, '{"a":1}', "not JSON"),)
    assert differences(None, text) == (Difference("$", "added", None, text, "not JSON"),)
    assert differences(text, text) == ()


def test_an_absent_text_is_added_or_removed() -> None:
    """Absent, null and the empty object are three things."""
    assert differences(None, None) == ()
    assert differences(None, "null") == (Difference("$", "added", None, "null"),)
    assert differences("{}", None) == (Difference("$", "removed", "{}", None),)
    assert differences("null", "{}") == (Difference("$", "changed", "null", "{}"),)


def _refused(name: str) -> None:
    raise ValueError(name)


@given(st.text(alphabet='{}[],:"\\u0a1e+-. \ntruefalsn\ud800', max_size=14))
@settings(max_examples=400, deadline=None)
def test_only_json_has_a_tree(text: str) -> None:
    """The reader agrees with the standard library on what JSON is."""
    try:
        json.loads(text, parse_constant=_refused)
        valid = True
    except ValueError:
        valid = False
    assert (read_tree(text) is not None) == valid


def test_huge_and_deep_texts_are_compared_in_linear_time_and_without_recursion() -> None:
    """Five megabytes, or thirty thousand levels, take a moment and no stack."""
    began = time.monotonic()
    escaped = json.dumps({"values_override": "replicas: 1\n" * 400_000})
    assert len(differences(escaped, escaped.replace("replicas: 1\\n", "replicas: 2\\n", 1))) == 1
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        deep = opening * 30_000 + "1" + closing * 30_000
        (found,) = differences(deep, deep.replace("1", "2"))
        assert found.before is not None
        assert len(found.path) < 1_000
        assert len(found.before) > 59_000
        assert differences(opening * 30_000, deep)[0].note == "not JSON"
    wide = [{"id": str(k), "v": k} for k in range(4_000)]
    moved = [*wide[1:], {"id": "0", "v": -1}]
    assert len(differences(json.dumps(wide), json.dumps(moved))) == 1
    assert time.monotonic() - began < 10


def test_a_path_drives_no_terminal() -> None:
    """Names are what a caller of the upstream made of them."""
    (found,) = differences("{}", json.dumps({"\x1b[31m<b>\u009b'\\\n\u2028\ud800": 1}))
    assert found.path == "$['\\u001b[31m<b>\\u009b\\'\\\\\\n\\u2028\\ud800']"


def test_the_updates_of_an_organization_differ_in_what_was_updated() -> None:
    """The first updates of the sandbox's organization, as a reader is shown them."""
    history, style = world(1, 1_000, 1_795_000_000_000_000), look(SandboxOptions())
    events = [read_event(event_at(history, k, style)) for k in range(1_000)]
    updates = [event for event in events if event.event_type == "UPDATE"][:25]
    lines = [
        f"{event.target_type} {event.sub_target_type} {each.path} {each.kind}: {each.before} -> {each.after}\n"
        for event in updates
        for each in differences(event.original_change, event.change)
    ]
    assert_golden("event-differences.txt", "".join(lines))
