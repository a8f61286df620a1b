"""Values that are the operator's: variables of the environment and keys of files, wherever a document puts them."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

import serving
from command import fairlead
from fairlead.app.bound_keys import bound_secrets
from fairlead.errors import ConfigurationError
from fairlead.plan.compile import compile_document
from fairlead.plan.model import Plan
from fairlead.settings import Secret
from fairlead.spec.load import load
from stand_in import stand_in

DOCUMENT = """
binds:
- {namespace: env, keys: {REGION: SEA_REGION, KEY: SEA_KEY}}
- {namespace: vault, location: 'file:///keys/KEYS', keys: {TOKEN: RIGHT, depth: sea.depth}}
capability:
  consumes:
  - namespace: sea
    baseUri: https://sea.example.com
    authentication: {type: bearer, token: '{{vault.TOKEN}}'}
    headers: {X-Key: 'k {{env.KEY}}', X-Plain: plain}
    resources:
    - path: /{region}/tides
      operations:
      - name: tides
        method: POST
        inputParameters:
        - {name: region, in: path, value: '{{REGION}}'}
        - {name: unit, in: query}
        - {name: depth, in: query, value: '{{vault.depth}}'}
        body: {type: json, data: {at: '{{place}}', key: '{{env.KEY}}', note: 'of {{env.REGION}}, {{place}}'}}
  exposes:
  - type: rest
    resources:
    - path: /v1/tides
      operations: [{method: POST, call: sea.tides, with: {unit: 'u-{{env.UNIT}}-{{rest.REGION}}'}}]
"""
SETTINGS = serving.settings_for_tests(
    secrets={"SEA_REGION": Secret("brest west"), "SEA_KEY": Secret("key-12345"), "UNIT": Secret("m")}
)
FILES = {
    "keys.env": "# keys\nexport RIGHT = 'file-token-1' # the one\nsea.depth=12#3\nOTHER\n",
    "keys.json": '{"RIGHT": "file-token-1", "sea": {"depth": "12#3"}}',
    "keys.yaml": "RIGHT: file-token-1\nsea.depth: 12#3\n",
}
ENVIRONMENT = {name: secret.reveal() for name, secret in SETTINGS.secrets.items()}


def document(folder: Path, name: str, text: str = DOCUMENT) -> Path:
    """The document in a folder, with its values in a file of this name."""
    (folder / "keys").mkdir(parents=True, exist_ok=True)
    (folder / "keys" / name).write_text(FILES[name])
    file = folder / "sea.yaml"
    file.write_text(text.replace("KEYS", name))
    return file


def plan(file: Path) -> Plan:
    """The plan of a document, with which nothing is wrong."""
    compiled = compile_document(load(file))
    assert not [found for found in compiled.diagnostics if found.severity != "note"], compiled.diagnostics
    return compiled.plan


@pytest.mark.parametrize("name", FILES)
def test_what_the_operator_has_goes_upstream_and_nobody_gives_it(tmp_path: Path, name: str) -> None:
    """In a path, the query, a header, a body; from the environment and from a file of any of three kinds."""
    made = plan(document(tmp_path, name))
    (operation,) = made.operations
    assert sorted(parameter.name for parameter in operation.parameters) == ["REGION", "place"]
    with stand_in() as up, serving.gateway(plans=(made,), upstream=up.url, settings=SETTINGS) as running:
        answer = httpx2.post(f"{running.rest_url}/v1/tides?REGION=mine", json={"place": "quay"})
        assert answer.status_code == 200, answer.text
    ((line, headers),) = up.asked
    assert line == "POST /brest%20west/tides?unit=u-m-mine&depth=12%233"
    assert (headers["x-key"], headers["x-plain"]) == ("k key-12345", "plain")
    assert headers["authorization"] == "Bearer file-token-1"
    assert json.loads(up.bodies[0]) == {"at": "quay", "key": "key-12345", "note": "of brest west, quay"}


def test_what_is_missing_is_named_before_anything_is_served(tmp_path: Path) -> None:
    """Variables and keys of files alike; an empty value is none."""
    made = plan(document(tmp_path, "keys.env"))
    (tmp_path / "keys" / "keys.env").write_text("RIGHT=\n")
    settings = serving.settings_for_tests(secrets={"SEA_REGION": Secret("r"), "UNIT": Secret(" ")})
    with pytest.raises(ConfigurationError) as refused:
        serving.gateway(plans=(made,), upstream="http://127.0.0.1:9", settings=settings).__enter__()
    said = str(refused.value)
    assert all(name in said for name in ("keys.env#RIGHT", "keys.env#sea.depth", "SEA_KEY", "UNIT"))
    assert "SEA_REGION" not in said


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """And what to do instead."""
    made = plan(document(tmp_path, "keys.yaml"))
    (tmp_path / "keys" / "keys.yaml").write_text("a: [")
    with pytest.raises(ConfigurationError, match=r"keys\.yaml") as refused:
        bound_secrets([made])
    assert "leave `location` out" in (refused.value.remedy or "")
    (tmp_path / "keys" / "keys.yaml").unlink()
    with pytest.raises(ConfigurationError, match=r"keys\.yaml"):
        bound_secrets([made])


def test_files_of_two_documents_are_told_apart(tmp_path: Path) -> None:
    """Each has the values of its own folder, also where both name them alike."""
    one, other = (plan(document(tmp_path / name, "keys.env")) for name in ("one", "other"))
    (tmp_path / "other" / "keys" / "keys.env").write_text("RIGHT=second\n")
    found = {name: secret.reveal() for name, secret in bound_secrets([one, other]).items()}
    assert sorted(found.values()) == ["12#3", "file-token-1", "second"]


def test_a_file_elsewhere_is_never_read(tmp_path: Path) -> None:
    """A document leads at most to its folder's neighbours."""
    file = document(tmp_path / "a" / "b", "keys.env", DOCUMENT.replace("/keys/KEYS", "/../../keys.env"))
    (tmp_path / "keys.env").write_text(FILES["keys.env"])
    compiled = compile_document(load(file))
    assert "missing-bind-file" in {found.code for found in compiled.diagnostics}
    with pytest.raises(ConfigurationError, match="leads out of the folders"):
        bound_secrets([compiled.plan])


def test_a_printed_request_shows_none_of_it(tmp_path: Path) -> None:
    """`call --offline` masks what is the operator's, in the address, the headers and the body."""
    file = document(tmp_path, "keys.env")
    done = fairlead("call", "tides", "place=quay", "REGION=x", "--document", file, "--offline", env=ENVIRONMENT)
    assert done.code == 0, done.err
    assert "quay" in done.out
    for value in ("brest", "key-12345", "file-token-1"):
        assert value not in done.out + done.err


def test_an_upstream_that_repeats_it_is_not_quoted(tmp_path: Path) -> None:
    """What an error answer says of a value that is the operator's is masked."""
    made = plan(document(tmp_path, "keys.env"))
    body = b'{"message": "no key key-12345 for file-token-1"}'
    with (
        stand_in(status=400, body=body) as up,
        serving.gateway(plans=(made,), upstream=up.url, settings=SETTINGS) as it,
    ):
        told = httpx2.post(f"{it.rest_url}/v1/tides?REGION=x", json={"place": "y"}).text
    assert "no key *** for ***" in told


def test_what_a_caller_gives_is_never_looked_up(tmp_path: Path) -> None:
    """An argument that is called like a bind stays an argument; braces in its value are text."""
    made = plan(document(tmp_path, "keys.env"))
    with stand_in() as up, serving.gateway(plans=(made,), upstream=up.url, settings=SETTINGS) as running:
        httpx2.post(f"{running.rest_url}/v1/tides", params={"REGION": "{{env.KEY}}"}, json={"place": "{{env.KEY}}"})
    assert "unit=u-m-%7B%7Benv.KEY%7D%7D" in up.asked[0][0]
    assert json.loads(up.bodies[0])["at"] == "{{env.KEY}}"


def test_a_header_with_an_unbound_variable_is_the_operators_and_told(tmp_path: Path) -> None:
    """No caller is asked for what looks like a key, whether or not the API has another credential."""
    file = document(tmp_path, "keys.env", DOCUMENT.replace("'k {{env.KEY}}'", "'{{SEA_KEY}}', X-Other: 'o {{UNIT}}'"))
    compiled = compile_document(load(file))
    assert [found.code for found in compiled.diagnostics if found.severity == "warning"] == ["unbound-variable"] * 2
    (operation,) = compiled.plan.operations
    assert sorted(parameter.name for parameter in operation.parameters) == ["REGION", "place"]
    with stand_in() as up, serving.gateway(plans=(compiled.plan,), upstream=up.url, settings=SETTINGS) as running:
        httpx2.post(f"{running.rest_url}/v1/tides?REGION=x", json={"place": "y"})
    assert (up.asked[0][1]["x-key"], up.asked[0][1]["x-other"]) == ("key-12345", "o m")
