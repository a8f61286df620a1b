"""Addresses with placeholders: callers fill a label of the host, and never whom the credential goes to."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import serving
from fairlead.app.upstreams import operations_of
from fairlead.engine.execute import Runnable, execute
from fairlead.engine.hosts import HostFiller
from fairlead.errors import ConfigurationError, FairleadError, InvalidArguments, UpstreamUnreachable
from fairlead.plan.bases import Base, read_base
from fairlead.plan.compile import Compilation, compile_document
from fairlead.settings import Secret, Settings
from fairlead.spec.load import load
from fairlead.upstream.request import UpstreamRequest, UpstreamResponse
from stand_in import stand_in

DOCUMENT = """
capability:
  consumes:
  - namespace: sea
    baseUri: 'BASE'
    resources:
    - path: /tides
      operations: [{name: tides, method: GET}]
  exposes:
  - type: rest
    resources:
    - path: /v1/tides
      operations: [{method: GET, name: tides, call: sea.tides}]
"""


def compiled(folder: Path, base: str, **pins: str) -> Compilation:
    """A document whose API is at this address."""
    (folder / "sea.yaml").write_text(DOCUMENT.replace("BASE", base))
    return compile_document(load(folder / "sea.yaml"), pins)


def ready(made: Compilation, **environment: str) -> Runnable:
    """Its operation, ready to run in this environment."""
    settings = Settings(secrets={name: Secret(value) for name, value in environment.items()})
    (made_ready,) = operations_of([made.plan], settings, None, lambda *_: None).values()  # type: ignore[arg-type, return-value]
    return made_ready


@pytest.mark.parametrize(
    ("text", "labels", "pinned", "variables"),
    [
        ("https://{account}.example.com", ("account",), (), ()),
        ("https://s3.{region}.amazonaws.com", ("region",), (), ()),
        ("https://{a}.{b}.example.com:8443/v2", ("a", "b"), (), ()),
        ("https://${ENVIRONMENT}.live.example.com/api", (), (), ("ENVIRONMENT",)),
        ("{{env.SERVER}}/api/v1", (), (), ("env.SERVER",)),
        ("https://{host}", (), ("host",), ()),
        ("https://{ip}:9440/api", (), ("ip",), ()),
        ("https://{server}:{port}/sap", (), ("server", "port"), ()),
        ("https://api.{domain}", (), ("domain",), ()),
        ("https://a.{tenant}.com", (), ("tenant",), ()),
        ("https://{a}.co.uk", (), ("a",), ()),
        ("https://{a}.com.br:8443", (), ("a",), ()),
        ("https://{a}.example.co.uk", ("a",), (), ()),
        ("https://{a}.example.io", ("a",), (), ()),
        ("https://{a}.sap.com", ("a",), (), ()),
        ("https://api.example.com:{port}", (), ("port",), ()),
        ("{scheme}://api.example.com", (), ("scheme",), ()),
        ("https://example.com@{host}", (), ("host",), ()),
    ],
)
def test_who_fills_what_of_an_address(
    text: str, labels: tuple[str, ...], pinned: tuple[str, ...], variables: tuple[str, ...]
) -> None:
    """What stands before a fixed domain is the caller's; what decides the domain, the port or the scheme is not."""
    read = read_base(text, ())
    assert (read.labels, read.pinned, read.variables) == (labels, pinned, variables)


def test_placeholders_of_a_path_are_parameters_of_every_call() -> None:
    """As if each resource began with them."""
    assert read_base("https://x.example.com/{org}/{tenant}/api/", ()) == Base(
        address="https://x.example.com", path="/{org}/{tenant}/api"
    )


@given(st.text(max_size=80))
def test_no_value_of_a_caller_changes_the_domain(value: str) -> None:
    """Whatever it is: it is one label, or it is refused."""
    filler = HostFiller("https://{account}.example.com/v2", {"account": "account"})
    try:
        address = filler.fill({"account": value})
    except InvalidArguments:
        return
    label = address.removeprefix("https://").removesuffix(".example.com/v2")
    assert label == value
    assert not set(label) & set("./:@?#[]\\ ")


def test_a_label_of_the_host_is_a_required_argument_or_a_pin(tmp_path: Path) -> None:
    """It is in every schema until somebody pins it."""
    base = "https://{account}.example.com"
    (parameter,) = compiled(tmp_path, base).plan.operations[0].parameters
    assert (parameter.name, parameter.required) == ("account", True)
    assert ready(compiled(tmp_path, base)).request({"account": "a-1"}).url == "https://a-1.example.com/tides"
    pinned = compiled(tmp_path, base, account="ours")
    assert not pinned.plan.operations[0].parameters
    assert ready(pinned).request({}).url == "https://ours.example.com/tides"
    with pytest.raises(InvalidArguments, match="one part of a host name"):
        ready(compiled(tmp_path, base)).request({"account": "evil.example/"})


def test_the_environment_and_the_operator_say_the_rest(tmp_path: Path) -> None:
    """What is missing is named before anything is served."""
    variable = compiled(tmp_path, "{{env.SERVER}}/api")
    assert ready(variable, SERVER="http://10.0.0.1:81/").request({}).url == "http://10.0.0.1:81/api/tides"
    with pytest.raises(ConfigurationError, match="SERVER is not set"):
        ready(variable)
    base = "https://{server}:{port}/sap"
    with pytest.raises(ConfigurationError, match="callers cannot give it"):
        ready(compiled(tmp_path, base, port="444"))
    assert not compiled(tmp_path, base).plan.operations[0].parameters
    made = ready(compiled(tmp_path, base, port="444", server="sap.example"))
    assert made.request({}).url == "https://sap.example:444/sap/tides"


@pytest.mark.parametrize("value", ["a/b", "a@b", "", "a b", "a?b", "[::1"])
def test_a_pin_that_is_no_part_of_an_address_is_refused_at_the_start(tmp_path: Path, value: str) -> None:
    """Before anything is served."""
    with pytest.raises(ConfigurationError, match="--pin host"):
        ready(compiled(tmp_path, "https://{host}", host=value))


def test_a_route_reads_a_label_from_the_query(tmp_path: Path) -> None:
    """Where the route has no place for it; `--upstream` replaces the whole address."""
    plan = compiled(tmp_path, "https://{account}.example.com").plan
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        assert httpx2.get(f"{running.rest_url}/v1/tides").status_code == 400
        assert httpx2.get(f"{running.rest_url}/v1/tides?account=ours").status_code == 200
    assert [line for line, _ in up.asked] == ["GET /tides"]


def test_an_api_without_an_address_fails_alone(tmp_path: Path) -> None:
    """Each of its calls says so; those of other documents in the same server are sent."""
    plans = [compiled(tmp_path, base).plan for base in ("https://sea.example", "", "https://{host}")]
    made = operations_of(plans, Settings(), None, lambda *_: answered)
    good, nowhere, unpinned = (made[plan.operations[0]] for plan in plans)
    assert asyncio.run(execute(good, {})).body == b"{}"
    with pytest.raises(UpstreamUnreachable, match="is no address"):
        asyncio.run(execute(nowhere, {}))
    with pytest.raises(UpstreamUnreachable, match="callers cannot give it"):
        asyncio.run(execute(unpinned, {}))


async def answered(_request: UpstreamRequest) -> UpstreamResponse:
    """An upstream that answers."""
    return UpstreamResponse(200, (("content-type", "application/json"),), b"{}")


def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    """Also when the environment says so."""
    with pytest.raises(FairleadError, match="is no address"):
        ready(compiled(tmp_path, "{{env.SERVER}}"), SERVER="ftp://sea")
