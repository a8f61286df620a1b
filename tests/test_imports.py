"""APIs that a document imports from files beside it."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

import serving
from fairlead.plan.compile import Compilation, compile_document
from fairlead.settings import Secret, Settings
from fairlead.spec.load import load
from stand_in import stand_in

SHARED = """
naftiko: 1.0.0-alpha2
binds: [{namespace: env, keys: {TIDE_KEY: TIDES_TOKEN}}]
capability:
  consumes:
  - namespace: tides-api
    baseUri: https://sea.example
    authentication: {type: bearer, token: '{{env.TIDE_KEY}}'}
    resources:
    - path: /tides/{station}
      operations: [{name: tides, method: GET, metod: GET}]
"""
DOCUMENT = """
capability:
  consumes:
  - {import: IMPORTED, LOCATED}
  exposes:
  - type: rest
    resources:
    - path: /v1/tides/{station}
      operations: [{method: GET, name: tides, call: CALL}]
"""


def compiled(
    folder: Path, *, name: str = "tides", located: str = "location: ./shared/tides.yaml", call: str = "tides.tides"
) -> Compilation:
    """A document that imports the shared API, compiled."""
    (folder / "documents/shared").mkdir(parents=True, exist_ok=True)
    (folder / "documents/shared/tides.yaml").write_text(SHARED)
    text = DOCUMENT.replace("IMPORTED", name).replace("LOCATED", located).replace("CALL", call)
    (folder / "documents/sea.yaml").write_text(text)
    return compile_document(load(folder / "documents/sea.yaml"))


@pytest.mark.parametrize(
    ("located", "call"),
    [
        ("location: ./shared/tides.yaml", "tides.tides"),
        ("from: shared/tides.yaml", "tides-api.tides"),
        ("location: ./shared/tides.yaml, as: water", "water.tides"),
        ("location: ../documents/shared/tides.yaml", "tides.tides"),
    ],
)
def test_an_imported_api_is_called_by_each_of_its_names(tmp_path: Path, located: str, call: str) -> None:
    """The one it is imported by, its own and its alias; its address and its variables come along."""
    found = compiled(tmp_path, located=located, call=call)
    (route,) = found.plan.routes
    upstream = route.operation.call.upstream
    assert upstream.base == "https://sea.example"
    assert upstream.authentication is not None
    assert dict(upstream.authentication.variables) == {"env.TIDE_KEY": "TIDES_TOKEN"}


def test_an_imported_operation_runs(tmp_path: Path) -> None:
    """As one of the document's own does."""
    plan = compiled(tmp_path).plan
    settings = Settings(secrets={"TIDES_TOKEN": Secret("secret")})
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url, settings=settings) as running:
        assert httpx2.get(f"{running.rest_url}/v1/tides/brest").status_code == 200
    assert up.asked[0][0] == "GET /tides/brest"
    assert up.asked[0][1]["authorization"] == "Bearer secret"


def test_a_diagnostic_of_what_was_imported_names_its_file(tmp_path: Path) -> None:
    """With the line there."""
    (unknown,) = [each for each in compiled(tmp_path).diagnostics if each.code == "unknown-key"]
    assert str(unknown.position).endswith("documents/shared/tides.yaml:11:47")


@pytest.mark.parametrize(
    ("located", "said"),
    [
        ("location: ./shared/none.yaml", "there is no file"),
        ("location: ../../outside.yaml", "leads out"),
        ("location: /etc/hostname", "no path of a file beside"),
        ("location: 'https://sea.example/tides.yaml'", "no path of a file beside"),
        ("location: ./sea.yaml", "consumes no API"),
    ],
)
def test_what_cannot_be_imported_is_told(tmp_path: Path, located: str, said: str) -> None:
    """Nothing outside the folders around the document is read; what was to come is not served."""
    found = compiled(tmp_path, located=located)
    told = {each.code: each.message for each in found.diagnostics}
    assert said in told["missing-import"]
    assert told.keys() == {"missing-import", "unknown-call", "nothing-exposed"}
