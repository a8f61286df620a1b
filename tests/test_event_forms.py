"""The forms in which events leave the archive: whole, safe where they are opened, and readable by what reads them."""

from __future__ import annotations

import base64
import csv
import hmac
import io
import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.archive.contract import EVENT_KEYS
from fairlead.archive.events import Event, nanos_of, read_event
from fairlead.archive.forms import csv_rows
from fairlead.archive.forms.ndjson import enveloped, ndjson, one_line
from fairlead.archive.forms.parquet import UNDATED, ParquetFile, day_of, organization_folder
from fairlead.archive.forms.syslog import LEAST_DATAGRAM, PARAMETERS, Sender, datagram, framed, message
from fairlead.archive.forms.webhook import TOLERANCE, delivery, signing_key, verified
from fairlead.errors import ConfigurationError
from fairlead.sandbox.options import SandboxOptions
from fairlead.sandbox.rendering import event_at, look
from fairlead.sandbox.world import world
from golden_files import assert_golden

ORGANIZATION = "0b5f8e56-6f7f-4c1b-8ad3-1d0e0c0ffee0"
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
HOSTILE = (
    "=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "\n=1", " =1", "\u200b=1", "\uff1d1", "\x00=1", "'=1",
    "<script>alert(1)</script>", "\x1b]0;owned\x07", "\x9b31m", "a]b\"c\\d", "line\nbreak\r\n<14>1 - - - - - -",
    "\u202egnp.exe", "a,b;c\td", "", " ", "é\u2028\u2029\ufeff", "x" * 3_000, "\U0001f980", "Qovery (Zoë)",
)  # fmt: skip
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=20)
EVENTS = st.fixed_dictionaries({}, optional=dict.fromkeys(EVENT_KEYS, st.none() | TEXTS))


def _events(count: int) -> list[bytes]:
    history, style = world(1, 1_000, 1_795_000_000_000_000), look(SandboxOptions())
    return [event_at(history, k, style) for k in range(count)]


def _event(**fields: Any) -> tuple[bytes, Event]:
    raw = json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace")
    return raw, read_event(raw)


def _csv(events: list[Event], columns: tuple[str, ...] = csv_rows.COLUMNS) -> list[dict[str, str]]:
    text = csv_rows.header(columns) + b"".join(csv_rows.csv_blocks(events, ORGANIZATION, columns))
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


@given(st.lists(EVENTS, max_size=3))
@settings(max_examples=200, deadline=None)
def test_no_cell_of_a_csv_is_a_formula_and_every_cell_says_what_the_field_says(found: list[dict[str, Any]]) -> None:
    """A spreadsheet computes nothing of a name; taking off the leading apostrophe gives the name."""
    events = [_event(**fields)[1] for fields in found]
    rows = _csv(events)
    assert len(rows) == len(events)
    for row, event in zip(rows, events, strict=True):
        assert list(row) == list(csv_rows.COLUMNS)
        for key, value in zip(EVENT_KEYS, event, strict=True):
            cell = row[key]
            assert (
                cell.lstrip(" \u200b\ufeff\u2060")[:1] not in {*"=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"} - {""} or not cell
            )
            assert cell.removeprefix("'") == re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", "?", value or "")


def test_a_csv_of_hostile_names_is_what_it_was() -> None:
    """The bytes that a spreadsheet opens."""
    events = [_event(id=str(k), target_name=name)[1] for k, name in enumerate(HOSTILE) if len(name) < 100]
    blocks = csv_rows.csv_blocks(events, ORGANIZATION, ("id", "target_name"))
    assert_golden("events-hostile.csv.txt", repr(b"".join(blocks)).replace("\\r\\n", "\\r\\n\n") + "\n")


def test_a_csv_has_the_columns_that_are_asked_for() -> None:
    """The large columns can be left out; null, absent and empty are all an empty cell."""
    events = [_event(id="1", change="{}", target_name=None)[1], _event(id="2", target_name="")[1]]
    assert _csv(events, ("id", "target_name")) == [{"id": "1", "target_name": ""}, {"id": "2", "target_name": ""}]


def test_a_csv_is_written_in_blocks() -> None:
    """Megabytes of changes are not gathered before the first byte leaves."""
    taken = 0

    def events() -> Any:
        nonlocal taken
        for taken in range(1, 101):
            yield Event(id=str(taken), change="x" * 100_000)

    blocks = csv_rows.csv_blocks(events(), ORGANIZATION)
    assert len(next(blocks)) < 400_000
    assert taken < 5
    assert sum(map(len, blocks)) > 9_000_000


@given(st.dictionaries(st.text(max_size=3), TEXTS | st.none() | st.floats(allow_nan=False), max_size=5))
@settings(max_examples=100, deadline=None)
def test_a_line_of_ndjson_is_the_event(fields: dict[str, Any]) -> None:
    """However an event was laid out, it is one line, and its value is the same."""
    for text in (
        json.dumps(fields, indent=2),
        json.dumps(fields, indent="\t", ensure_ascii=False).replace("\n", "\r\n"),
    ):
        raw = text.encode("utf-8", "replace")
        line = ndjson(raw)
        assert line.endswith(b"\n")
        assert line.count(b"\n") == 1
        assert b"\r" not in line
        assert json.loads(line) == json.loads(raw)
        inside = json.loads(enveloped(raw, ORGANIZATION, 7))
        assert inside == {"archive": {"organization_id": ORGANIZATION, "number": 7}, "event": json.loads(raw)}


def test_a_line_of_ndjson_keeps_the_bytes() -> None:
    """Digits, escapes, double keys and unknown fields are what the upstream sent."""
    raw = b'{"n": 1.10, "n":1e400,\n"x":"\\u00e9\\ud800", "big":123456789012345678901234567890}'
    assert one_line(raw) == raw.replace(b"\n", b" ")
    assert one_line(raw) in enveloped(raw, ORGANIZATION, 1)


SYSLOG = re.compile(
    r"<(?P<priority>\d{1,3})>1 (?P<instant>\S+) (?P<hostname>\S+) (?P<app>\S+) - (?P<kind>\S+) "
    r"\[(?P<sd_id>[^ \]]+)(?P<parameters>(?: [a-z_]+=\"(?:[^\"\\\]]|\\[\"\\\]])*\")*)\](?: (?P<body>.*))?",
    re.DOTALL,
)
PARAMETER = re.compile(r" ([a-z_]+)=\"((?:[^\"\\\]]|\\.)*)\"", re.DOTALL)
SENDER = Sender(organization_id=ORGANIZATION)


def _parsed(text: bytes) -> tuple[re.Match[str], dict[str, str]]:
    """A message read as RFC 5424 says."""
    match = SYSLOG.fullmatch(text.decode())
    assert match, text
    return match, {key: re.sub(r"\\(.)", r"\1", value) for key, value in PARAMETER.findall(match["parameters"])}


@given(EVENTS)
@settings(max_examples=200, deadline=None)
def test_a_syslog_message_says_what_the_event_says(fields: dict[str, Any]) -> None:
    """A receiver reads the fields from the structured data and the event from the body, whatever they hold."""
    raw, event = _event(**fields)
    text = message(raw, event, SENDER)
    match, parameters = _parsed(text)
    assert json.loads((match["body"] or "").removeprefix("\ufeff")) == json.loads(raw)
    assert (match["body"] or "").startswith("\ufeff") is not raw.isascii()
    expected = {name: getattr(event, name) for name in PARAMETERS if getattr(event, name) is not None}
    for name, value in expected.items():
        clean = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "\ufffd", value)
        assert parameters[name] == clean.encode()[:256].decode("utf-8", "ignore")
    assert parameters.keys() == expected.keys() | {"organization_id"}
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", text.decode().partition("]")[0])
    assert framed(text) == f"{len(text)} ".encode() + text


@given(EVENTS, st.integers(LEAST_DATAGRAM, 3_000))
@settings(max_examples=200, deadline=None)
def test_a_datagram_fits_and_names_its_event(fields: dict[str, Any], limit: int) -> None:
    """One that is too large goes without its body and says so; the id is always there."""
    raw, event = _event(**fields)
    text = datagram(raw, event, Sender(organization_id=ORGANIZATION, hostname="h" * 255, sd_id="s" * 32), limit)
    assert len(text) <= limit
    match, parameters = _parsed(text)
    assert ("truncated" in parameters) is (match["body"] is None)
    assert parameters["organization_id"] == ORGANIZATION
    if event.id and len(event.id) < 40 and event.id.isprintable():
        assert parameters["id"] == event.id


@pytest.mark.parametrize("character", ["x", '"', "\x1b", "\u2028", "\U0001f980", "]"])
def test_the_least_datagram_holds_the_longest_names(character: str) -> None:
    """Escapes and replacements make a value longer, but never a datagram."""
    long = character * 5_000
    sender = Sender(organization_id=long, hostname="h" * 32, sd_id="s" * 32, app_name="a" * 32)
    fields = {"id": long, "timestamp": "2026-01-23T09:25:41.123456789Z", "event_type": "E" * 32, "user_agent": long}
    assert len(datagram(*_event(**fields), sender, LEAST_DATAGRAM)) <= LEAST_DATAGRAM


def test_the_header_of_a_syslog_message_is_of_its_event() -> None:
    """Log audit, as severe as what happened; an instant and a type that do not fit the header are nil."""
    failed = {"timestamp": "2026-01-23T09:25:41.123456789Z", "event_type": "DEPLOY_FAILED"}
    assert message(*_event(**failed), SENDER).startswith(
        b"<108>1 2026-01-23T09:25:41.123456Z - fairlead - DEPLOY_FAILED ["
    )
    assert message(*_event(event_type="CREATE"), SENDER).startswith(b"<110>1 - - fairlead - CREATE [")
    assert message(*_event(event_type="X Y\n", timestamp="yesterday"), SENDER).startswith(b"<109>1 - - fairlead - - [")


def test_a_body_that_is_no_text_has_no_byte_order_mark() -> None:
    """The mark says UTF-8; it would lie."""
    raw = b'{"id":"1","x":"\xff"}'
    assert message(raw, read_event(raw), SENDER).endswith(b"] " + raw)


@pytest.mark.parametrize("wrong", [{"hostname": "a b"}, {"sd_id": 'x"y'}, {"sd_id": "a=b"}, {"app_name": ""}])
def test_a_sender_that_would_break_a_message_is_refused(wrong: dict[str, str]) -> None:
    """A configuration cannot break out of the header."""
    with pytest.raises(ConfigurationError, match="printable"):
        Sender(organization_id=ORGANIZATION, **wrong)
    with pytest.raises(ConfigurationError, match="480"):
        datagram(b"{}", Event(), SENDER, 479)


@given(st.lists(EVENTS, max_size=4), st.integers(0, 1 << 33))
@settings(max_examples=60, deadline=None)
def test_a_delivery_is_verified_by_who_has_the_key_and_only_as_it_was_sent(found: list[Any], now: int) -> None:
    """Not a byte of the body, the id or the instant can be changed, and an old delivery is refused."""
    key, other = signing_key(SECRET), b"o" * 32
    sent = delivery([key], "batch_1-2", now, [_event(**fields)[0] for fields in found], ORGANIZATION)
    assert verified([key], sent.headers, sent.body, now)
    assert verified([other, key], sent.headers, sent.body, now + TOLERANCE)
    assert not verified([other], sent.headers, sent.body, now)
    assert not verified([key], sent.headers, sent.body, now + TOLERANCE + 1)
    assert not verified([key], sent.headers, sent.body + b" ", now)
    assert not verified([key], sent.headers | {"webhook-id": "batch_1-3"}, sent.body, now)
    assert not verified([key], sent.headers | {"webhook-timestamp": str(now + 1)}, sent.body, now)
    assert not verified([key], sent.headers | {"webhook-timestamp": "soon"}, sent.body, now)
    assert not verified([key], sent.headers | {"webhook-signature": "v1,\u00e9 v2,x"}, sent.body, now)
    assert not verified([key], {}, sent.body, now)
    data = json.loads(sent.body)["data"]
    assert data["events"] == found
    assert len(data["event_ids"]) == len(found)


def test_a_delivery_is_signed_as_the_specification_says() -> None:
    """The signature of the specification's own example; each key that is being replaced signs too."""
    key = signing_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert verified([key], headers, body, 1_614_265_330)
    sent = delivery([key, b"n" * 24], "b", 1_614_265_330, _events(2), ORGANIZATION)
    old, new = sent.headers["webhook-signature"].split(" ")
    made = hmac.new(b"n" * 24, b"b.1614265330." + sent.body, sha256).digest()
    assert new == f"v1,{base64.b64encode(made).decode()}"
    assert old != new
    assert verified([b"n" * 24], sent.headers, sent.body, 1_614_265_330)


def test_a_delivery_names_its_events() -> None:
    """What is delivered again is known by its ids; an event without one is named by its bytes."""
    raws = [b'{"id":"e1","n":1.10}', b'{\n"no":"id"}']
    sent = delivery([b"k" * 32], "b", 0, raws, ORGANIZATION)
    data = json.loads(sent.body)["data"]
    assert data["organization_id"] == ORGANIZATION
    assert data["event_ids"] == ["e1", f"sha256:{sha256(raws[1]).hexdigest()}"]
    assert raws[0] in sent.body


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!", "whsec_A"]
)
def test_a_secret_that_is_none_is_refused_with_a_remedy(secret: str) -> None:
    """The message does not repeat the secret."""
    with pytest.raises(ConfigurationError, match="openssl rand") as refused:
        signing_key(secret)
    assert not secret or secret not in str(refused.value).replace("whsec_;", "").replace("`whsec_`", "")
    with pytest.raises(ValueError, match="batch"):
        delivery([b"k"], "a.b", 0, [], ORGANIZATION)


def _parquet(path: Path, raws: list[bytes]) -> pa.Table:
    """The table that an engine sees of a file of these events."""
    file = ParquetFile(path, ORGANIZATION)
    for number, raw in enumerate(raws):
        file.add(number, read_event(raw), raw)
    file.finish()
    return pa.parquet.read_table(path)


def test_a_parquet_file_is_read_back_as_the_events(tmp_path: Path) -> None:
    """An engine sees an instant as an instant, and the event as it was sent; the same events are the same bytes."""
    raws = _events(1_000)
    table = _parquet(tmp_path / "x.parquet", raws)
    assert table.schema.field("timestamp").type == pa.timestamp("ns", tz="UTC")
    assert table.column("raw").to_pylist() == raws
    assert table.column("number").to_pylist() == list(range(1_000))
    assert set(table.column("organization_id").to_pylist()) == {ORGANIZATION}
    events = [read_event(raw) for raw in raws]
    assert table.column("timestamp").cast(pa.int64()).to_pylist() == [nanos_of(event.timestamp) for event in events]
    for key in set(EVENT_KEYS) - {"timestamp"}:
        assert table.column(key).to_pylist() == [getattr(event, key) for event in events]
    assert pa.parquet.ParquetFile(tmp_path / "x.parquet").metadata.row_group(0).column(0).compression == "ZSTD"
    _parquet(tmp_path / "y.parquet", raws)
    assert (tmp_path / "x.parquet").read_bytes() == (tmp_path / "y.parquet").read_bytes()


def test_parquet_keeps_what_is_hostile(tmp_path: Path) -> None:
    """Unreadable instants are null and of no day, and no name leads out of a folder."""
    raws = [
        orjson.dumps({"id": "1", "timestamp": "yesterday", "target_name": "\x00../../x"}),
        orjson.dumps({"timestamp": "2026-01-23T23:59:59.999999999-00:30", "change": "x" * 1_000_000}),
        b'{"timestamp": "2026-01-24T01:00:00Z", "target_name": "a", "x": "\xff"}',
        b'{"timestamp": "2026-01-24T02:00:00Z", "target_name": "\\ud800"}',
    ]
    table = _parquet(tmp_path / "x.parquet", raws)
    assert table.column("raw").to_pylist() == raws
    instants = table.column("timestamp").cast(pa.int64()).to_pylist()
    assert instants[:2] == [None, 1_769_214_599_999_999_999]
    assert [day_of(read_event(raw).timestamp) for raw in raws] == [UNDATED, *["2026-01-24"] * 3]
    assert organization_folder("../a/b=c") == "organization_id=..%2Fa%2Fb%3Dc"


def test_without_pyarrow_parquet_says_what_to_install() -> None:
    """The extra is optional, and only an export to Parquet misses it or pays for it."""
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path\n"
        "from fairlead.archive.forms.parquet import ParquetFile\n"
        "ParquetFile(Path('x'), 'x')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ConfigurationError" in ended.stderr
    assert "pip install 'fairlead[parquet]'" in ended.stderr
