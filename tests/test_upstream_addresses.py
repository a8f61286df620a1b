"""Where a call may go: to the address the operator chose, whatever a caller or an upstream writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import serving
from command import fairlead
from fairlead.plan.addresses import address_fault
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID
from serving import Gateway
from small_documents import PAGED, small_plan
from stand_in import StandIn, stand_in
from test_mcp import EVENTS, post


@pytest.fixture(scope="module", name="places")
def _places() -> Iterator[tuple[StandIn, StandIn, Gateway]]:
    """The upstream, a place nobody named, and the gateway."""
    with stand_in() as up, stand_in() as elsewhere, serving.gateway(upstream=up.url) as running:
        yield up, elsewhere, running


@st.composite
def hostile(draw: st.DrawFn) -> str:
    """What would be another address, if it were read as one; `HERE` is the place that nobody named."""
    start = draw(
        st.sampled_from(
            ["", "http://", "//", "\\\\", "@", "a@", ".", "/../..//", "?@", "#@", ":", "%2f%2f", ";", "\t//"]
        )
    )
    end = draw(st.sampled_from(["", "/", "/events", "#", "?", "\\", ":80", "%00", "\r\nHost: evil.example"]))
    middle = draw(st.sampled_from(["HERE", "169.254.169.254", "0x7f.1", "[::1]", "2130706433", "evil.example"]))
    return f"{start}{middle}{end}"


@given(hostile())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_argument_sends_a_call_elsewhere(places: tuple[StandIn, StandIn, Gateway], value: str) -> None:
    """In the path or in the query, on both ports: scheme, host and port are those of the document."""
    up, elsewhere, running = places
    value = value.replace("HERE", urlsplit(elsewhere.url).netloc)
    before = len(up.asked)
    httpx2.get(f"{running.rest_url}/v1/organization/{quote(value, safe='')}/events")
    httpx2.get(running.route(), params={"triggeredBy": value})
    for arguments in ({"organizationId": value}, {"organizationId": DEMO_ORGANIZATION_ID, "triggeredBy": value}):
        post(running.mcp_url, "tools/call", name=EVENTS, arguments=arguments)
    assert elsewhere.asked == []
    assert len(up.asked) > before
    for line, headers in up.asked[before:]:
        assert headers["host"] == urlsplit(up.url).netloc
        assert line.startswith("GET /organization/")
        assert urlsplit(line.split()[1]).path.count("/") == 3


@pytest.mark.parametrize("link", ["{}/v1/tides?after=2", "//{}/?after=2", "http://a:b@169.254.169.254/?after=2"])
def test_no_link_of_an_upstream_is_followed_elsewhere(tmp_path: Path, link: str) -> None:
    """Of a link to the next page its token is taken, and nothing else."""
    plan = small_plan(tmp_path, "[{name: after, in: query}, {name: size, in: query, type: integer}]", extensions=PAGED)
    with stand_in() as elsewhere:
        body = json.dumps({"next": link.format(elsewhere.url)}).encode()
        with stand_in(body=body) as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
            first = httpx2.get(f"{running.rest_url}/v1/tides")
            assert first.links["next"]["url"] == "/v1/tides?after=2"
            httpx2.get(f"{running.rest_url}/v1/tides?after=2")
        assert [line for line, _ in up.asked] == ["GET /tides", "GET /tides?after=2"]
        assert elsewhere.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "http://0177.0.0.1", "http://0x7f.1", "http://0x7f000001", "http://2130706433", "http://127.1",
        "http://[::ffff:127.0.0.1]", "http://[::ffff:7f00:1]", "http://[::]", "http://0.0.0.0", "http://localhost.",
        "http://localhost.evil.example", "http://127.0.0.1.nip.io", "http://localhost%2eevil.example",
        "http://169.254.169.254/latest", "http://[fe80::1]", "http://100.64.0.1", "http://10.0.0.1",
        "http://127.0.0.1@evil.example", "https://a:b@evil.example", "http://evil.example#@localhost",
        "http://evil.example\\@localhost", "http://\u24dbocalhost", "http://\uff11\uff12\uff17.0.0.1",
        "http://127\u30020\u30020\u30021", "https://localhost\r\nx", "file:///etc/passwd", "//localhost",
        "http:localhost",
    ],
)  # fmt: skip
def test_no_spelling_of_an_address_passes_for_this_machine(address: str) -> None:
    """An issuer and its keys are asked over https; over http only where the address is plainly this machine's."""
    assert address_fault(address)


@pytest.mark.parametrize(
    "address",
    ["http://me@127.0.0.1:1", "http://me:pw@127.0.0.1:1", "http://127.0.0.1:1\\@evil.example", "http://a b", "ftp://a",
     "file:///etc/passwd", "//127.0.0.1:1", "127.0.0.1:1", "http://", "http://127.0.0.1:0", "http://a?b", "http://a#b"],
)  # fmt: skip
def test_an_address_that_could_be_read_in_two_ways_is_not_called(address: str) -> None:
    """The operator's too: what a person reads in it and what is called are the same."""
    words = ("call", "getorganizationevents", f"organizationId={DEMO_ORGANIZATION_ID}", "--offline")
    done = fairlead(*words, "--upstream", address)
    assert (done.code, done.out) == (4, "")
    assert "pw" not in done.err


@pytest.mark.parametrize("address", ["http://0x7f.1:8", "http://2130706433:8", "http://[::ffff:127.0.0.1]:8"])
def test_the_operator_is_shown_the_address_that_is_called(address: str) -> None:
    """It is the operator's to choose, inner addresses included: nothing is rewritten, and nothing hidden."""
    words = ("call", "getorganizationevents", f"organizationId={DEMO_ORGANIZATION_ID}", "--offline")
    assert fairlead(*words, "--upstream", address).out.startswith(f"GET {address}/organization/{DEMO_ORGANIZATION_ID}/")
