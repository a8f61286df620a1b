"""`fairlead events forward`: every event arrives, in the order of the log, whatever the receiver and the machine do."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import receivers
from command import Finished, environment, fairlead
from fairlead.archive.events import read_event
from fairlead.forward.outcomes import Verdict, delay_before, verdict_of
from mixed_events import OTHER, KeptEvents, mixed_archive, plain_event
from receivers import SECRET, syslog_datagrams, syslog_stream, webhook
from server_process import DEADLINE, until
from stand_in import stand_in

SIGNED = {"FAIRLEAD_WEBHOOK_SECRET": SECRET}
Events = list[dict[str, Any]]


@pytest.fixture
def kept(tmp_path: Path) -> KeptEvents:
    """Thirty small events."""
    made = KeptEvents(tmp_path / "a.db")
    made.keep(plain_event(number) for number in range(30))
    return made


def ids(kept: KeptEvents) -> list[str | None]:
    """The ids of the log, in its order."""
    return [read_event(event.raw).id for event in kept.log()]


def forward(kept: KeptEvents, *arguments: str | Path, env: dict[str, str] | None = None) -> Finished:
    """Run it to its end."""
    return fairlead("events", "forward", *arguments, "--archive", kept.path, env=SIGNED if env is None else env)


def test_a_webhook_gets_the_whole_log_once_and_then_what_is_new(tmp_path: Path) -> None:
    """Signed batches of one organization each, the bytes as they came; the next run sends only what came since."""
    kept = mixed_archive(tmp_path / "a.db", 200)
    with webhook() as receiver:
        done = forward(kept, "webhook", receiver.url)
        assert (done.code, done.err) == (0, "")
        assert f"Delivered {len(ids(kept))} events to {receiver.url}" in done.out
        assert receiver.accepted() == ids(kept)
        organizations = [each.organization for each in receiver.seen for _ in each.events]
        assert organizations == [event.organization for event in kept.log()]
        sent = [event for each in receiver.seen for event in each.events]
        assert sent == [json.loads(event.raw) for event in kept.log()]

        receiver.seen.clear()
        kept.keep([plain_event(1)], OTHER)
        assert forward(kept, "webhook", receiver.url).code == 0
        assert receiver.accepted() == ["event-1"]
        assert forward(kept, "webhook", receiver.url).code == 0
        assert forward(kept, "webhook", receiver.url, "--start", "now").code == 0
        assert len(receiver.seen) == 1


def test_a_receiver_that_fails_gets_the_same_batch_again(kept: KeptEvents) -> None:
    """Under the same id, after what it asks to wait; nothing else overtakes it."""
    answers: list[receivers.Answer] = [(503, {"retry-after": "0"}), (429, {"retry-after": "0"}), (500, {}), (408, {})]
    with webhook(answer=lambda number, _: answers[number - 1] if number <= 4 else (204, {})) as receiver:
        done = forward(kept, "webhook", receiver.url, "--batch", "10")
    assert done.code == 0
    assert "it answered 503; trying again in 0." in done.err
    assert "takes events again" in done.err
    assert receiver.accepted() == ids(kept)
    assert len({each.id for each in receiver.seen[:5]}) == 1
    assert len({each.id for each in receiver.seen}) == 3


def test_an_event_that_is_refused_is_kept_apart_and_the_others_go_on(kept: KeptEvents, tmp_path: Path) -> None:
    """Of a batch that is refused for what is in it, only the events at fault go to a file, with the reason."""
    evil = {"event-7", "event-8", "event-29"}

    def answer(_number: int, events: Events) -> receivers.Answer:
        return (422, {}) if evil & {event["id"] for event in events} else (204, {})

    with webhook(answer=answer) as receiver:
        done = forward(kept, "webhook", receiver.url, "--batch", "20", "--refused", tmp_path / "refused.ndjson")
        assert done.code == 3
        assert "3 events were refused" in done.out
        assert receiver.accepted() == [each for each in ids(kept) if each not in evil]
        refused = [json.loads(line) for line in (tmp_path / "refused.ndjson").read_text().splitlines()]
        assert {each["event"]["id"] for each in refused} == evil
        assert {each["reason"] for each in refused} == {"it answered 422: so it is"}
        assert [kept.log()[each["number"]].raw for each in refused] == [
            json.dumps(each["event"]).encode() for each in refused
        ]
        assert (tmp_path / "refused.ndjson").stat().st_mode & 0o077 == 0
        assert forward(kept, "webhook", receiver.url).code == 0


def test_an_event_over_which_the_receiver_fails_every_time_is_given_up(kept: KeptEvents) -> None:
    """After so many tries; the others are delivered."""

    def answer(_number: int, events: Events) -> receivers.Answer:
        return (500, {}) if "event-3" in {event["id"] for event in events} else (204, {})

    with webhook(answer=answer) as receiver:
        assert forward(kept, "webhook", receiver.url, "--tries", "1", "--batch", "4").code == 3
    assert receiver.accepted() == [each for each in ids(kept) if each != "event-3"]
    assert len([each for each in receiver.seen if each.status == 500]) == 3


@pytest.mark.parametrize("status", [401, 307, 503])
def test_nothing_is_given_up_when_the_receiver_takes_nothing(kept: KeptEvents, status: int) -> None:
    """A wrong key, a wrong address, a redirect or an outage is not the events' fault: the next run sends them all."""
    with stand_in() as elsewhere, webhook(answer=lambda *_: (status, {"location": elsewhere.url})) as receiver:
        done = forward(kept, "webhook", receiver.url, "--tries", "2")
        assert done.code == 1
        assert f"it answered {status}" in done.err
        assert "30 are left" in done.out
        assert elsewhere.asked == []
        assert not list(kept.path.parent.glob("*.refused.ndjson"))
        receiver.answer = lambda *_: (204, {})
        assert forward(kept, "webhook", receiver.url).code == 0
        assert receiver.accepted() == ids(kept)


def test_a_batch_under_way_when_the_machine_dies_is_sent_again_as_it_was(kept: KeptEvents) -> None:
    """The receiver can tell by the id that it has it, though the log grew and batches are larger now."""
    with stand_in(hang=True) as silent:
        command = [sys.executable, "-m", "fairlead", "events", "forward", "webhook", silent.url]
        command += ["--archive", str(kept.path), "--state", str(kept.path.parent / "state.json"), "--batch", "7"]
        with subprocess.Popen(command, env=environment(SIGNED)) as process:
            assert silent.arrived.wait(DEADLINE)
            process.kill()
        first = silent.asked[0][1]["webhook-id"]
    kept.keep([plain_event(40)])
    with webhook() as receiver:
        state = kept.path.parent / "state.json"
        assert forward(kept, "webhook", receiver.url, "--state", state, "--batch", "50").code == 0
        assert receiver.seen[0].id == first
        assert len(receiver.seen[0].events) == 7
        assert receiver.accepted() == ids(kept)


def test_following_goes_on_until_it_is_told_to_stop(kept: KeptEvents) -> None:
    """What is archived later is sent without another run, a receiver that is away is waited for; one at a time."""
    with webhook(answer=lambda number, _: (503, {}) if number <= 3 else (204, {})) as receiver:
        command = [sys.executable, "-m", "fairlead", "events", "forward", "webhook", receiver.url]
        command += ["--archive", str(kept.path), "--follow", "--poll", "0.05", "--tries", "1"]
        with subprocess.Popen(command, env=environment(SIGNED), stdout=subprocess.PIPE, text=True) as process:
            until(lambda: len(receiver.accepted()) == 30, "the events that were there")
            other = forward(kept, "webhook", receiver.url)
            assert (other.code, "in use" in other.err) == (4, True)
            kept.keep([plain_event(40)])
            until(lambda: len(receiver.accepted()) == 31, "the event that came later")
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    assert "Delivered 31 events" in out
    assert receiver.accepted() == ids(kept)


def test_what_cannot_be_forwarded_is_said(kept: KeptEvents, tmp_path: Path) -> None:
    """Before anything is sent: no secret, a password for all to see, a state of another archive."""
    with webhook() as receiver:
        missing = forward(kept, "webhook", receiver.url, env={})
        assert (missing.code, "FAIRLEAD_WEBHOOK_SECRET" in missing.err) == (4, True)
        seen_by_all = forward(kept, "webhook", "https://u:hunter2@example.com/")
        assert (seen_by_all.code, "hunter2" in seen_by_all.err) == (4, False)
        assert forward(kept, "webhook", receiver.url, "--state", tmp_path / "s.json", "--start", "30").code == 0
        other = KeptEvents(tmp_path / "other.db")
        other.keep(plain_event(number, origin="CLI") for number in range(40))
        wrong = forward(other, "webhook", receiver.url, "--state", tmp_path / "s.json")
        assert (wrong.code, "is not the one" in wrong.err) == (1, True)
        assert forward(kept, "syslog", "example.com").code == 4
        assert receiver.seen == []


def test_syslog_over_tcp_counts_octets_and_outlives_its_connections(kept: KeptEvents) -> None:
    """A receiver that closes before it read everything gets that again over the next connection."""
    kept.keep([plain_event(50, target_name="line\nbreak \u00e9\x00")])
    with syslog_stream(3, 9) as receiver:
        done = forward(kept, "syslog", f"127.0.0.1:{receiver.port}", "--batch", "4", "--hostname", "here")
        assert done.code == 0, done.err
        until(lambda: "event-50" in _ids(receiver.messages), "the last message")
    assert receiver.connections == 3
    assert list(dict.fromkeys(_ids(receiver.messages))) == ids(kept)
    bodies = {raw.partition(b"] ")[2].removeprefix(b"\xef\xbb\xbf") for raw in receiver.messages}
    assert bodies == {event.raw for event in kept.log()}
    assert all(message.split()[2] == b"here" for message in receiver.messages)


def _ids(messages: list[bytes]) -> list[str]:
    found = [re.search(rb' id="([^"]*)"', message) for message in messages]
    return [match[1].decode() for match in found if match]


def test_syslog_over_udp_sends_a_datagram_for_each_event(kept: KeptEvents) -> None:
    """None is larger than what was asked for."""
    kept.keep([plain_event(50, change="x" * 5_000)])
    with syslog_datagrams() as receiver:
        done = forward(kept, "syslog", f"127.0.0.1:{receiver.port}", "--udp", "--datagram-bytes", "1000")
        assert done.code == 0, done.err
    assert _ids(receiver.messages) == ids(kept)
    assert max(map(len, receiver.messages)) <= 1_000
    assert b'truncated="true"' in receiver.messages[-1]


def test_syslog_over_tls_is_sent_to_nobody_who_cannot_be_trusted(kept: KeptEvents, tmp_path: Path) -> None:
    """A certificate that no authority vouches for ends the run with nothing sent; `--ca-file` names another one."""
    with syslog_stream(tls=_self_signed(tmp_path)) as receiver:
        address = f"127.0.0.1:{receiver.port}"
        refused = forward(kept, "syslog", address, "--tls")
        assert (refused.code, "not trusted" in refused.err) == (1, True)
        assert receiver.messages == []
        assert forward(kept, "syslog", address, "--tls", "--ca-file", tmp_path / "c.pem").code == 0
        until(lambda: _ids(receiver.messages) == ids(kept), "every message")


def _self_signed(folder: Path) -> ssl.SSLContext:
    """The TLS of a server on 127.0.0.1 that vouches for itself, its certificate in `c.pem`."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "c.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *private))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "c.pem", folder / "key.pem")
    return context


def test_what_an_answer_means() -> None:
    """Only what is in a batch can make its events undeliverable; everything else is waited for, or ends the run."""
    meanings = {
        Verdict.DELIVERED: [200, 202, 204],
        Verdict.REFUSED: [400, 413, 422],
        Verdict.FAILED: [500, 501, 507],
        Verdict.AWAY: [408, 425, 429, 502, 503, 504],
        Verdict.DENIED: [301, 307, 401, 403, 404, 405, 410],
    }
    for verdict, statuses in meanings.items():
        assert {verdict_of(status) for status in statuses} == {verdict}


@pytest.mark.parametrize(
    ("attempt", "asked", "least", "most"),
    [(1, None, 0.05, 0.1), (4, None, 0.4, 0.8), (99, None, 30, 60), (1, 7, 7, 7.1)],
)
def test_waiting_grows_and_never_undercuts_what_is_asked(
    attempt: int, asked: float | None, least: float, most: float
) -> None:
    """Half of each wait is chance, so that many senders do not come back together."""
    assert delay_before(attempt, asked, 0.0) >= least
    assert delay_before(attempt, asked, 1.0) == pytest.approx(most)
