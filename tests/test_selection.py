"""What an operator exposes of several documents: by name, by tag, only what reads."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

import serving
from command import fairlead
from fairlead.cli.choice import Choice
from fairlead.cli.documents import plans_of
from fairlead.errors import ConfigurationError
from fairlead.plan.model import Plan
from fairlead.plan.selection import Selection, select
from stand_in import stand_in

SEA = """
info: {label: Sea, tags: [Water, Tides]}
binds: [{namespace: env, keys: {SEA_KEY: SEA_KEY}}]
capability:
  consumes:
  - namespace: sea
    baseUri: https://sea.example.com
    authentication: {type: bearer, token: '{{env.SEA_KEY}}'}
    resources:
    - path: /tides
      operations: [{name: list-tides, method: GET}, {name: add-tide, method: POST}]
    - path: /tides/search
      operations: [{name: search-tides, method: POST}]
  - namespace: sky
    baseUri: https://sky.example.com
    resources: [{path: /winds, operations: [{name: list-winds, method: GET}]}]
  exposes:
  - type: rest
    resources:
    - path: /v1/tides
      operations: [{method: GET, call: sea.list-tides}, {method: POST, call: sea.add-tide}]
    - {path: /v1/winds, operations: [{method: GET, call: sky.list-winds}]}
  - type: mcp
    tools:
    - {name: list-tides, call: sea.list-tides, hints: {readOnly: false}}
    - {name: add-tide, call: sea.add-tide}
    - {name: search-tides, call: sea.search-tides, hints: {readOnly: true}}
    - {name: list-winds, call: sky.list-winds}
"""
LAND = """
info: {label: Land, tags: [Ground]}
capability:
  consumes:
  - {namespace: land, baseUri: https://land.example.com, resources: [{path: /hills, operations: [{name: list-hills}]}]}
  exposes: [{type: mcp, tools: [{name: list-hills, call: land.list-hills}]}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with both documents."""
    (tmp_path / "sea.yaml").write_text(SEA)
    (tmp_path / "land.yaml").write_text(LAND)
    return tmp_path


def selected(folder: Path, **said: object) -> tuple[Plan, ...]:
    """The plans of the folder, with what is selected."""
    return plans_of(Choice(documents=(folder,), selection=Selection(**said)))[0]  # type: ignore[arg-type]


def names(plans: tuple[Plan, ...]) -> list[str]:
    """The routes and tools of plans."""
    exposed = [
        [*(f"{route.method} {route.path}" for route in plan.routes), *(t.name for t in plan.tools)] for plan in plans
    ]
    return [name for each in exposed for name in each]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ({"only": ("LIST-tides",)}, ["GET /v1/tides", "list-tides"]),
        ({"only": ("*-tide", "land.*")}, ["list-hills", "POST /v1/tides", "add-tide"]),
        ({"only": ("sky.list-winds",)}, ["GET /v1/winds", "list-winds"]),
        ({"tags": ("ground",)}, ["list-hills"]),
        ({"tags": ("TIDES",), "only": ("list-*",)}, ["GET /v1/tides", "GET /v1/winds", "list-tides", "list-winds"]),
        ({"read_only": True}, ["list-hills", "GET /v1/tides", "GET /v1/winds", "list-winds"]),
    ],
)
def test_only_what_is_selected_is_exposed(folder: Path, said: dict[str, object], left: list[str]) -> None:
    """By name with or without its namespace, by the document's tag, by the upstream's method; case is ignored."""
    assert names(selected(folder, **said)) == left


def test_what_nothing_needs_any_more_is_not_asked_for(folder: Path) -> None:
    """The key of an API of which nothing is exposed need not be set."""
    (plan,) = selected(folder, only=("list-winds",))
    assert [upstream.namespace for upstream in plan.upstreams] == ["sky"]
    with stand_in() as up, serving.gateway(plans=(plan,), upstream=up.url) as running:
        assert httpx2.get(f"{running.rest_url}/v1/winds").status_code == 200
        assert httpx2.get(f"{running.rest_url}/v1/tides").status_code == 404


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"only": ("list-tide",)}, "did you mean `list-tides`?"),
        ({"tags": ("grond",)}, "did you mean `Ground`?"),
        ({"tags": ("ground",), "only": ("sea.*",)}, "Nothing of the documents is selected"),
    ],
)
def test_a_selection_of_nothing_is_refused(folder: Path, said: dict[str, object], reason: str) -> None:
    """A misspelled name never serves less, or more, than was meant."""
    with pytest.raises(ConfigurationError, match=reason.replace("?", "[?]")):
        selected(folder, **said)


def test_no_selection_is_everything(folder: Path) -> None:
    """Nothing said changes nothing."""
    plans = selected(folder)
    assert select(plans, Selection()) == plans
    assert len(names(plans)) == 8


def test_the_command_line_selects(folder: Path) -> None:
    """`--only`, `--tag` and `--read-only` together, on every command that exposes."""
    done = fairlead("openapi", folder, "--tag", "water", "--read-only", "--only", "*tides")
    assert done.code == 0, done.err
    assert {path: list(item) for path, item in json.loads(done.out)["paths"].items()} == {"/v1/tides": ["get"]}
    refused = fairlead("openapi", folder, "--only", "list-tide")
    assert (refused.code, "did you mean `list-tides`?" in refused.err) == (4, True)
