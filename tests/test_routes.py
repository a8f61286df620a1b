"""Routes as authors write them: placeholders anywhere in a segment, and which of several routes a path means."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import serving
from fairlead.expose.router import Router
from fairlead.plan.compile import compile_document
from fairlead.plan.model import Placeholder, Plan, Segment
from fairlead.plan.paths import split_at_placeholders
from fairlead.spec.load import load
from stand_in import stand_in

ROUTES = (
    "/tides/{station}", "/tides/{station}.json", "/tides/{station}:archive", "/tides/CIK{station}.json",
    "/tides/all", "/{sea}/{station}/last", "/spans/{from},{to}", "/Upper (case)/", "/pairs/{a}/{a}",
    "/queried/{a}?unused={b}#fragment",
)  # fmt: skip


def segments(path: str) -> tuple[Segment, ...]:
    """The segments of a path."""
    pairs = [split_at_placeholders(text) for text in path.lstrip("/").split("/")]
    return tuple(Segment(literals, tuple(Placeholder(name, name) for name in names)) for literals, names in pairs)


def plan(folder: Path, paths: tuple[str, ...]) -> Plan:
    """A document whose every route calls an API at the same path, with a `?` in front of nothing."""
    consumed = exposed = ""
    for number, path in enumerate(paths):
        own = path.partition("?")[0]
        consumed += f"    - {{path: '/up{own}', operations: [{{name: o{number}, method: GET}}]}}\n"
        exposed += f"    - {{path: '{path}', operations: [{{method: GET, call: sea.o{number}}}]}}\n"
    (folder / "sea.yaml").write_text(
        "capability:\n  consumes:\n  - namespace: sea\n    baseUri: https://sea.example.com\n    resources:\n"
        f"{consumed}  exposes:\n  - type: rest\n    resources:\n{exposed}"
    )
    return compile_document(load(folder / "sea.yaml")).plan


@pytest.mark.parametrize(
    ("asked", "called"),
    [
        ("/tides/brest", "/up/tides/brest"),
        ("/tides/brest.json", "/up/tides/brest.json"),
        ("/tides/brest%3Aarchive", "/up/tides/brest:archive"),
        ("/tides/a%2Fb:archive", "/up/tides/a%2Fb:archive"),
        ("/tides/CIK0001.json", "/up/tides/CIK0001.json"),
        ("/tides/.json", "/up/tides/.json"),
        ("/tides/all", "/up/tides/all"),
        ("/tides/x.json/last", "/up/tides/x.json/last"),
        ("/spans/1,2,3", "/up/spans/1,2%2C3"),
        ("/Upper%20(case)/", "/up/Upper%20(case)/"),
        ("/pairs/7/7", "/up/pairs/7/7"),
        ("/queried/7", "/up/queried/7"),
    ],
)
def test_a_path_is_answered_by_the_route_that_says_most_of_it(tmp_path: Path, asked: str, called: str) -> None:
    """A literal segment comes before one with a literal part, and that before a placeholder alone."""
    with stand_in() as up, serving.gateway(plans=(plan(tmp_path, ROUTES),), upstream=up.url) as running:
        assert httpx2.get(f"{running.rest_url}{asked}").status_code == 200
        assert [line for line, _ in up.asked] == [f"GET {called}"]


@pytest.mark.parametrize(
    ("asked", "status"), [("/pairs/7/8", 400), ("/spans/1", 404), ("/spans/1,", 404), ("/upper", 404)]
)
def test_what_fits_no_route_is_told(tmp_path: Path, asked: str, status: int) -> None:
    """A placeholder is never empty, and one that stands twice has one value."""
    with serving.gateway(plans=(plan(tmp_path, ROUTES),), upstream="http://127.0.0.1:9") as running:
        assert httpx2.get(f"{running.rest_url}{asked}").status_code == status


def test_the_description_and_the_page_show_such_routes(tmp_path: Path) -> None:
    """OpenAPI and the curl line of the page spell the segment as the document does."""
    with serving.gateway(plans=(plan(tmp_path, ROUTES),), upstream="http://127.0.0.1:9") as running:
        described = httpx2.get(f"{running.rest_url}/openapi.json").json()["paths"]
        assert [item["name"] for item in described["/spans/{from},{to}"]["get"]["parameters"]] == ["from", "to"]
        assert "/tides/{station}:archive" in described
        assert "/queried/{a}" in described
        page = httpx2.get(running.rest_url).text
        assert "STATION</span>:archive" in page or "STATION</span><span>:archive" in page


@given(st.lists(st.text(st.sampled_from("ab,.:"), min_size=1, max_size=4), min_size=2, max_size=2))
def test_a_route_takes_apart_what_was_put_together(values: list[str]) -> None:
    """What a client filled in is found again, or split elsewhere so that it makes the same text."""
    route = segments("/x/p{one},{two}.q")
    filled = route[1].filled(lambda each: values[0] if each.text == "one" else values[1])
    found = Router([("GET", route, "it")]).find(f"/x/{filled}")
    assert found is not None
    assert f"p{found.values[0]},{found.values[1]}.q" == filled
