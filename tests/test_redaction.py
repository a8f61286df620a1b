"""No secret reaches the archive, and nothing but secrets is lost."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.archive.events import read_event
from fairlead.archive.json_spans import spliced
from fairlead.archive.redaction import redact, redaction_tag
from fairlead.archive.redaction_document import rules_document
from fairlead.archive.redaction_looks import TAG, may_hold_secret, secret_spans, text_may_hold_secret
from fairlead.archive.redaction_paths import Path as CompiledPath
from fairlead.archive.redaction_paths import Step, compiled
from fairlead.archive.redaction_rules import LOOKS, NEVER_SECRET, RULES, SECRET_NAMES, Look, Rule
from fairlead.sandbox.options import SandboxOptions
from fairlead.sandbox.rendering import event_at, look
from fairlead.sandbox.world import world
from golden_files import assert_written

KEY = b"k" * 32
SECRET = 'Zq7"é\\pass\U0001f511'
ROOT = Path(__file__).resolve().parent.parent


def _redacted(raw: bytes, key: bytes = KEY) -> bytes:
    return redact(raw, read_event(raw), key)


def _event(change: object, **fields: object) -> bytes:
    """An event whose change is a text, or the JSON of anything else."""
    text = change if isinstance(change, str) else json.dumps(change)
    return json.dumps(
        {"id": "1", "target_type": "CONTAINER", "sub_target_type": None, "change": text} | fields
    ).encode()


def _variable(change: object, **fields: object) -> bytes:
    return _event(change, **({"sub_target_type": "VARIABLE"} | fields))


def _changed(raw: bytes) -> object:
    return json.loads(json.loads(_redacted(raw))["change"])


def _spellings(secret: str) -> list[str]:
    once = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    twice = {json.dumps(one)[1:-1] for one in once} | {json.dumps(one, ensure_ascii=False)[1:-1] for one in once}
    return [secret, *once, *twice]


def _at(path: str, value: object) -> object:
    """The smallest JSON in which a path selects a value."""
    steps = compiled(path)
    built = {"below": value} if steps.below else value
    for step in reversed(steps.steps):
        built = {step.name: built} if step.name else [built]
    return {"deep": built} if steps.steps and steps.steps[0].deep else built


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_path_of_every_rule_redacts_what_it_selects_and_nothing_beside_it(rule: Rule) -> None:
    """A rule says what is secret: the value itself, or every leaf of the object or list that stands there."""
    for path in rule.paths:
        for value in (SECRET, {"a": SECRET, "b": [SECRET]}, [[SECRET, 7]]):
            types = {
                "target_type": next(iter(rule.target_types), "NEW"),
                "sub_target_type": next(iter(rule.sub_target_types), None),
            }
            raw = _event({"kept": "as it is", "at": _at(path, value)}, **types)
            text = _redacted(raw).decode()
            assert not [spelling for spelling in _spellings(SECRET) if spelling in text], path
            said = text.replace(redaction_tag(KEY, "7"), "").count(redaction_tag(KEY, SECRET))
            assert said == json.dumps(value).count(json.dumps(SECRET))
            assert "as it is" in text


@pytest.mark.parametrize("shown", LOOKS, ids=lambda shown: shown.name)
def test_every_look_is_found_in_any_text_and_the_rest_of_it_stays(shown: Look) -> None:
    """A secret that is known by its look is taken out of the words around it, in whatever field they stand."""
    for raw in (
        _event({"note": f"see {shown.example} there"}),
        _event({}, user_agent=f"see {shown.example} there"),
        _event({}, unknown=[{"x": f"see {shown.example} there"}]),
        _event({"inner": json.dumps({"x": [f"see {shown.example} there"]})}),
    ):
        text = _redacted(raw).decode()
        assert TAG.search(text)
        assert "see " in text
        assert " there" in text
        assert "4wXc7Jd0" not in text
        assert "MHcCAQEE" not in text


@pytest.mark.parametrize("words", SECRET_NAMES)
@pytest.mark.parametrize("joint", ["_", "-", ".", " ", ""])
def test_a_secret_name_protects_targets_that_nobody_knows(words: str, joint: str) -> None:
    """A target type that Qovery invents tomorrow is protected by what its members are called."""
    for name in (
        words.replace(" ", joint),
        "My" + words.title().replace(" ", joint),
        words.upper().replace(" ", joint),
    ):
        raw = _event({"a": [{name: SECRET}]}, target_type="TIME_MACHINE", sub_target_type="FLUX")
        assert _changed(raw) == {"a": [{name: redaction_tag(KEY, SECRET)}]}
        pair = _event([{"value": SECRET, "key": name}, {"name": name, "value": 7}], target_type="TIME_MACHINE")
        assert _changed(pair) == [
            {"value": redaction_tag(KEY, SECRET), "key": name},
            {"name": name, "value": redaction_tag(KEY, "7")},
        ]


@pytest.mark.parametrize(
    "text",
    [
        "DB_PASSWORD=4wXc7Jd0",
        "https://x.example/join?inviteToken=4wXc7Jd0&a=b",
        "--set db.password=4wXc7Jd0 --atomic",
        "replicas: 2\npassword: 4wXc7Jd0\n",
        'broken {"client_secret": "4wXc7Jd0"',
        "https://user:p@ss@4wXc7Jd0@db.example:5432/app",
        "https://user:p/4wXc7Jd0@db.example:5432/app",
        "https://ghp_4wXc7Jd0aT2Vb9Lk1Qm8Z:x-oauth@github.com/a/b",
        "a://u:4wXc7Jd0@h,b://u:4wXc7Jd0@h",
    ],
)
def test_what_is_assigned_to_a_secret_name_in_a_text_is_redacted(text: str) -> None:
    """Arguments, addresses and files of values are texts that hold names and secrets."""
    assert b"4wXc7Jd0" not in _redacted(_event({"arguments": [text]}))


@pytest.mark.parametrize(
    "change",
    [
        {"is_secret": True, "token_count": 5, "secret_id": "b7e2", "tokens": 3, "key": "value"},
        {"password": None, "token": "", "secret": [], "api_key": {}, "authorization": False},
        dict.fromkeys(NEVER_SECRET, 7),
        {"aliased_secret": {"id": "b7e2", "key": "A"}, "git_token": {"id": "b7e2", "name": "ci"}},
        {"url": "https://github.com/northwind/x.git", "at": "http://host:8080/@scope/x", "mail": "a@b.example"},
        {"git": "ssh://git@github.com/a.git", "task": "task-runner", "text": "the token is not here, a key is"},
        {"arn": "arn:aws:secretsmanager:eu-west-3:1:secret:x", "enabled": "token=true"},
        [{"key": "LOG_LEVEL", "value": "debug"}],
    ],
    ids=lambda change: next(iter(change), "list") if isinstance(change, dict) else "list",
)
def test_what_only_resembles_a_secret_is_kept(change: object) -> None:
    """A setting about secrets, an identifier and an empty value are what an auditor reads."""
    raw = _event(change)
    assert _redacted(raw) is raw


@pytest.mark.parametrize("change", ["null", '""', "true", "[]", "{}"])
def test_empty_null_and_absent_values_stay_apart(change: str) -> None:
    """Whether a variable had a value is no secret."""
    raw = _variable(f'{{"value": {change}, "key": "A"}}')
    assert _redacted(raw) is raw
    assert _redacted(_variable(change)) == _variable(change)
    for raw in (_variable(""), _variable("{}", original_change=None), b'{"target_type":"HELM","change":null}'):
        assert _redacted(raw) is raw


def test_rotation_and_equality_are_visible_and_nothing_else_is() -> None:
    """The same secret has the same tag wherever it stands; another secret or key has another."""
    raw = _variable({"value": "one"}, original_change=json.dumps({"value": "one", "x": {"value": "two"}}))
    fields = json.loads(_redacted(raw))
    before, after = json.loads(fields["original_change"]), json.loads(fields["change"])
    assert before["value"] == after["value"] == redaction_tag(KEY, "one") != before["x"]["value"]
    assert TAG.fullmatch(before["value"])
    assert redaction_tag(b"other", "one") != redaction_tag(KEY, "one")
    assert json.loads(json.loads(_redacted(raw, b"other"))["change"])["value"] == redaction_tag(b"other", "one")
    spelled = rb'{"sub_target_type":"SECRET","change":"{\"value\":\"\\u006fn\\u0065\"}"}'
    assert redaction_tag(KEY, "one").encode() in _redacted(spelled)


def test_every_byte_beside_a_secret_stays_as_it_was_sent() -> None:
    """Numbers, blanks, the order of keys, duplicates and the spelling of escapes are evidence."""
    before = (
        rb' { "sub_target_type" :"VARIABLE", "n":1769160331.264802, "x":1e400,"x":"\u00e9\/", "change":"{\"a\" : 1.50,'
    )
    middle = rb"\n\"caf\u00e9\\u0301\":\"\ud83d\ude00\\ud800\","
    after = rb'\"value\":null}" , "original_change": {"value" : %s} } '
    raw = before + middle + rb"\"value\": \"hidd\u0065n\"," + after % rb'"hidden"'
    tag = redaction_tag(KEY, "hidden").encode()
    assert _redacted(raw) == before + middle + rb"\"value\": \"" + tag + rb"\"," + after % (b'"' + tag + b'"')


def test_a_text_keeps_its_spelling_around_the_secret_in_it() -> None:
    """A secret in the middle of a text with escapes is cut out of the bytes, at the right place."""
    raw = rb'{"user_agent":"a\u0022\ud83d\ude00 \u0071ov_aaaaaaaaaaaa \ud800\/ b"}'
    tag = redaction_tag(KEY, "qov_aaaaaaaaaaaa").encode()
    assert _redacted(raw) == rb'{"user_agent":"a\u0022\ud83d\ude00 ' + tag + rb' \ud800\/ b"}'


def test_json_within_a_value_is_read_as_json() -> None:
    """A Docker configuration is a text in a text in a text."""
    docker = json.dumps({"auths": {"https://index.docker.io": {"auth": "dTpw", "email": "a@b.example"}}})
    raw = _event({"file": json.dumps({"docker": docker})})
    inner = json.loads(json.loads(_changed(raw)["file"])["docker"])
    assert inner["auths"]["https://index.docker.io"]["auth"] == redaction_tag(KEY, "dTpw")


@pytest.mark.parametrize("change", ["{'value': 'hunter2'}", '{"value": "hunter2"', "hunter2", '{"value": "hunter2"} x'])
def test_a_change_that_is_no_json_is_replaced_where_it_could_hold_a_secret(change: str) -> None:
    """What cannot be read cannot be searched."""
    for fields in ({"sub_target_type": "VARIABLE"}, {"target_type": "HELM"}):
        assert json.loads(_redacted(_event(change, **fields)))["change"] == redaction_tag(KEY, change)
    kept = _event(change)
    assert _redacted(kept) is kept
    hinted = change + ' "password": x'
    assert json.loads(_redacted(_event(hinted)))["change"] == redaction_tag(KEY, hinted)


def test_an_event_that_is_no_json_is_one_tag_when_it_hints_at_a_secret() -> None:
    """Whatever arrives, a secret in it is not stored."""
    broken = b'{"password": "hunter2"'
    assert _redacted(broken) == json.dumps(redaction_tag(KEY, broken.decode())).encode()
    harmless = b'{"status": "ok"'
    assert _redacted(harmless) is harmless


def test_an_escape_that_json_does_not_know_hides_nothing() -> None:
    """A literal that no parser takes is replaced as a whole when it hints at a secret."""
    assert b"hunter2" not in _redacted(rb'{"user_agent":"\q password=hunter2\"x"}')
    assert b"hunter2" not in _redacted(rb'{"password":"\qhunter2"}')


@pytest.mark.parametrize(
    "change",
    [
        "[" * 10_000 + '{"value":"hunter2"}' + "]" * 10_000,
        '{"a":' * 10_000 + '{"value":"hunter2"}' + "}" * 10_000,
        "[" * 10_000 + "hunter2",
        '{"a":[' + "1," * 30_000 + '{"value":"hunter2"}]}',
        '{"value":"' + "hunter2" * 400_000 + '"}',
        '{"note":"' + "://a:hunter2@" * 3_000 + '"}',
        '{"note":"' + "password=hunter2 " * 3_000 + '"}',
        '{"note":"' + "-----BEGIN PRIVATE KEY-----hunter2" * 5_000 + '"}',
        '{"note":"' + "access_" * 10_000 + 'key=hunter2"}',
        '{"note":"' + "/" * 60_000 + 'token=hunter2"}',
    ],
    ids=["lists", "objects", "open", "many", "huge", "addresses", "assignments", "keys", "names", "slashes"],
)
def test_no_change_is_too_deep_too_large_or_too_odd(change: str) -> None:
    """Depth costs nothing, and time grows with length only."""
    raw = _variable(change)
    started = time.process_time()
    redacted = _redacted(raw)
    assert time.process_time() - started < 2
    assert b"hunter2" not in redacted
    assert _redacted(redacted) is redacted


@settings(max_examples=40)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_bytes_come_there_is_an_answer(noise: bytes) -> None:
    """Invalid UTF-8 and half surrogate pairs are kept as they are, or hidden; they are never an error."""
    for raw in (
        noise,
        b'{"password":"x","a":"' + noise + b'"}',
        b'{"target_type":"HELM","change":"' + noise + b'"}',
        b'{"sub_target_type":"SECRET","change":"{\\"value\\":\\"' + noise + b'\\"}","token":1}',
    ):
        redacted = _redacted(raw)
        assert _redacted(redacted) == redacted


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6)
NAMES = st.sampled_from(["id", "value", "key", "name", "a", "password", "x.token", "config", "value "]) | st.text(
    max_size=4
)
CHANGES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
SECRETS = st.text(min_size=5, max_size=20).map(lambda text: "§" + text + "§")


@given(CHANGES, SECRETS, st.booleans(), st.booleans())
def test_no_secret_is_left_in_any_spelling_and_all_else_is(rest: object, secret: str, plain: bool, whole: bool) -> None:
    """What is not replaced is byte for byte what it was, and what is replaced is nowhere."""
    holder = {"rest": rest, "list": [{"value": secret}, {"api_key": secret}]}
    change = json.dumps(holder, ensure_ascii=plain)
    raw = json.dumps({"sub_target_type": "VARIABLE", "change": holder if whole else change}, ensure_ascii=plain)
    data = raw.encode("utf-8", "surrogatepass")
    redacted = _redacted(data)
    text = redacted.decode("utf-8", "surrogatepass")
    assert not [spelling for spelling in _spellings(secret) if spelling in text]
    assert text.count(redaction_tag(KEY, secret)) == 2
    assert _redacted(redacted) == redacted
    assert _shown(json.loads(text)) == _shown(json.loads(raw))


def _shown(value: object, *, hidden: bool = False) -> object:
    """A value with None for what is redacted in it."""
    if isinstance(value, dict):
        return {
            key: _shown(
                json.loads(one) if key == "change" and isinstance(one, str) else one,
                hidden=hidden or key in ("value", "password", "api_key") or key.endswith(".token"),
            )
            for key, one in value.items()
        }
    if isinstance(value, list):
        return [_shown(one, hidden=hidden) for one in value]
    return None if hidden and value not in ("", None) and not isinstance(value, bool) else value


PARTS = [*(shown.example for shown in LOOKS), *SECRET_NAMES, *" x-/@:=?&\"'\n\\"]
TEXTS = st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=8).map("".join)


@given(TEXTS)
def test_redacting_twice_changes_nothing(text: str) -> None:
    """A tag is no secret, whatever stands around it."""
    once = _redacted(_event({"note": text}, user_agent=text))
    assert _redacted(once) == once


@given(TEXTS, st.integers(0, 2))
def test_the_first_look_at_an_event_overlooks_nothing(text: str, times: int) -> None:
    """Most events are passed on after a search for hints in their bytes, so every secret has to have one."""
    if secret_spans(text):
        assert text_may_hold_secret(text)
        for _ in range(times):
            text = json.dumps(text)
        assert may_hold_secret(text.encode("utf-8", "surrogatepass"))


def test_no_secret_of_the_sandbox_is_left_and_no_other_event_is_touched() -> None:
    """Over the sandbox's events: variables, invitations and tokens lose their secrets, most events nothing."""
    history, style = world(1, 600, 1_790_000_000_000_000), look(SandboxOptions())
    found = 0
    for number in range(600):
        raw = event_at(history, number, style)
        event, redacted = read_event(raw), _redacted(raw)
        again = read_event(redacted)
        assert again._replace(change=None, original_change=None) == event._replace(change=None, original_change=None)
        secrets = [
            str(json.loads(text)[name])
            for text in (event.change, event.original_change)
            for name in ("value", "invitation_link", "token")
            if text and json.loads(text).get(name)
        ]
        found += len(secrets)
        assert not [secret for secret in secrets if secret in redacted.decode()]
        if event.target_type in ("APPLICATION", "CONTAINER", "ENVIRONMENT") and not event.sub_target_type:
            assert redacted is raw
    assert found > 50


def test_paths_are_compiled_and_others_are_refused() -> None:
    """A path that is not of the documented subset is a mistake of ours, found when the rules are read."""
    assert compiled("$.a..b[*]..*") == CompiledPath((Step("a", False), Step("b", True), Step(None, False)), True)
    assert compiled("$..*") == CompiledPath((), True)
    for path in ("a", "$.a[0]", "$['a']", "$.a..*.b", "$..[*]", "$.a?", ""):
        with pytest.raises(ValueError, match="not of"):
            compiled(path)


def test_the_page_lists_every_rule() -> None:
    """docs/redaction.md is written from the rules that are used."""
    page = ROOT / "docs/redaction.md"
    text = page.read_text()
    begin = text.index("\n", text.index("<!-- Written by")) + 1
    end = text.index("<!-- The end")
    assert_written(page, spliced(text, [(begin, end, f"\n{rules_document()}\n")]))
    assert len({one.name for one in (*RULES, *LOOKS)}) == len(RULES) + len(LOOKS)
