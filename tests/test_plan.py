"""The compiler and the inference rules."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command import fairlead
from fairlead.archive import contract
from fairlead.plan.combine import combine
from fairlead.plan.compile import Compilation, compile_document
from fairlead.plan.inference import RULES, match_placeholders
from fairlead.plan.model import Constant
from fairlead.plan.parameters import arguments_schema, safe_aliases
from fairlead.plan.paths import parse_path
from fairlead.spec.diagnostics import without_notes
from fairlead.spec.load import load
from golden_files import assert_golden

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)

DOCUMENT = """
naftiko: 1.0.0-alpha2
info: {{label: Tides, description: Tides of a coast}}
binds:
- namespace: env
  keys: {{TIDES_KEY: TIDES_KEY}}
capability:
  consumes:
  - type: http
    namespace: tides
    baseUri: https://tides.example/api
    resources:
    - name: stations
      path: {upstream_path}
      operations:
      - name: getstation
        method: {method}
        inputParameters: {inputs}
  exposes:
  - type: rest
    namespace: tides-rest
    port: 8080
    resources:
    - path: {route}
      operations:
      - method: {method}
        name: getstation
        call: tides.getstation
        with: {with_}
  - type: mcp
    namespace: tides-mcp
    tools:
    - name: get-station
      call: tides.getstation
      with: {with_}
"""


def compiled(
    folder: Path,
    *,
    upstream_path: str = "/stations/{stationId}",
    route: str = "/v1/stations/{stationid}",
    inputs: str = "[]",
    with_: str = "{}",
    method: str = "GET",
    pins: dict[str, str] | None = None,
) -> Compilation:
    """A small document with these parts, compiled."""
    file = folder / "tides.yaml"
    text = DOCUMENT.format(upstream_path=upstream_path, route=route, inputs=inputs, with_=with_, method=method)
    file.write_text(text)
    return compile_document(load(file), pins)


def test_explain_shows_where_everything_comes_from() -> None:
    """The plan of the shipped document, parameter by parameter, with the rule behind each."""
    done = fairlead("explain")
    assert (done.code, done.err) == (0, "")
    assert_golden("explain.txt", done.out)


def test_explain_says_of_each_parameter_where_it_comes_from(tmp_path: Path) -> None:
    """And under which other names callers know it: every claim with the code of its rule."""
    (tmp_path / "tides.yaml").write_text(
        DOCUMENT.format(
            upstream_path="/harbours/{harbourId}/{pier}",
            route="/v1/harbours/{harbourid}/{berth}",
            inputs="[{name: $depth, in: query, type: number}]",
            with_="{pier: rest.berth}",
            method="POST",
        )
    )
    out = fairlead("explain", "tides.yaml", cwd=tmp_path).out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    for line in (
        "harbourId: path, string, required, from the placeholder {harbourId} [undeclared-placeholder]; "
        "REST spells it {harbourid} [placeholder-case]",
        "berth: path, string, required, from the placeholder {pier} [undeclared-placeholder]",
        "$depth: query, number, optional, from the input $depth [inherited]; MCP spells it depth [safe-alias]",
        "body: body, any, optional, from the method, which sends a body [undeclared-body]",
        "pier: path, from berth [caller-argument, placeholder]",
    ):
        assert line in lines, out
    used = {code for codes in re.findall(r"\[([a-z, -]+)\]", out) for code in codes.split(", ")}
    explained = [line.split()[0] for line in out.partition("\nrules\n")[2].splitlines() if line]
    assert explained == [rule for rule in RULES if rule in used]


def test_a_document_cannot_colour_what_explain_prints(tmp_path: Path) -> None:
    """A stranger's document is read there before it is served."""
    text = DOCUMENT.format(upstream_path="/s", route="/v1/s", inputs="[]", with_="{}", method="GET")
    (tmp_path / "tides.yaml").write_text(text.replace("label: Tides", 'label: "Tides\\e[31m"'))
    out = fairlead("explain", "tides.yaml", cwd=tmp_path).out
    assert out.startswith("Tides\\u001b[31m\n")


def test_the_overlays_known_values_are_the_contracts(seed: Path) -> None:
    """The values shown to callers are those the sandbox and the archive know the upstream by."""
    shown = {p.name: p.known_values for o in compile_document(load(seed)).plan.operations for p in o.parameters}
    assert set(shown["eventType"]) == set(contract.EVENT_TYPES)
    assert set(shown["targetType"]) == set(contract.TARGET_TYPES)
    assert set(shown["subTargetType"]) == set(contract.SUB_TARGET_TYPES)
    assert set(shown["origin"]) == set(contract.ORIGINS)
    assert set(shown["targetLevelToFetch"]) == set(contract.TARGET_LEVELS)


def test_rest_and_mcp_run_the_same_operation(seed: Path) -> None:
    """A route and a tool that call the same thing share one compiled operation."""
    plan = compile_document(load(seed)).plan
    assert [route.operation for route in plan.routes] == [tool.operation for tool in plan.tools]
    assert len(plan.operations) == 2


@pytest.mark.parametrize(
    ("route", "upstream", "rule"),
    [
        ("{stationId}", "{stationId}", None),
        ("{stationid}", "{stationId}", "placeholder-case"),
        ("{station-id}", "{station_id}", "placeholder-punctuation"),
        ("{id}", "{stationId}", "placeholder-position"),
    ],
)
def test_a_routes_placeholder_fills_the_upstreams(tmp_path: Path, route: str, upstream: str, rule: str | None) -> None:
    """Exactly, ignoring case, ignoring punctuation, then by position: each with its own code."""
    found = compiled(tmp_path, route=f"/v1/s/{route}", upstream_path=f"/s/{upstream}")
    (placeholder,) = found.plan.routes[0].placeholders
    assert placeholder.parameter == upstream.strip("{}")
    rules = {inference.rule for inference in found.plan.inferences} & {
        "placeholder-case",
        "placeholder-punctuation",
        "placeholder-position",
    }
    assert rules == ({rule} if rule else set())


def test_an_ambiguous_placeholder_is_told_and_not_a_guess(tmp_path: Path) -> None:
    """`{id}` could be `ID` or `Id`: the route is not served, the tool is."""
    found = compiled(tmp_path, route="/v1/{id}/x/{other}", upstream_path="/{ID}/x/{Id}")
    assert "ambiguous-placeholder" in {diagnostic.code for diagnostic in found.diagnostics}
    assert not found.plan.routes


def test_a_route_that_lost_a_placeholder_takes_it_in_the_query(tmp_path: Path) -> None:
    """The upstream's path needs the value, so callers may still give it, and the author is warned."""
    found = compiled(tmp_path, route="/v1/stations", upstream_path="/stations/{stationId}")
    parameter = found.plan.routes[0].operation.parameters[0]
    assert (parameter.name, parameter.location, parameter.required) == ("stationId", "query", True)
    assert {diagnostic.code for diagnostic in without_notes(found.diagnostics)} == {"lost-placeholder"}


def test_with_renames_fixes_and_composes_arguments(tmp_path: Path) -> None:
    """`rest.X` and `tools.X` are the caller's X, `{{x}}` is a template, anything else is sent as it is."""
    inputs = "[{name: depth, in: query, type: number}, {name: unit, in: query}, {name: range, in: query}]"
    with_ = "{depth: rest.fathoms, unit: metric, range: '{{from}}..{{to}}'}"
    operation = compiled(tmp_path, inputs=inputs, with_=with_).plan.routes[0].operation
    names = [(p.name, p.type, p.required) for p in operation.parameters]
    assert names == [
        ("stationId", "string", True),
        ("fathoms", "number", False),
        ("from", "string", True),
        ("to", "string", True),
    ]


def test_a_pin_takes_an_argument_out_of_every_schema(seed: Path) -> None:
    """The pinned value is part of the route, and no caller can give another."""
    plan = compile_document(load(seed), {"ORGANIZATIONID": "o-1"}).plan
    assert [route.path for route in plan.routes] == ["/v1/organization/o-1/events", "/v1/organization/o-1/targets"]
    for operation in plan.operations:
        assert "organizationId" not in arguments_schema(operation.parameters)["properties"]  # type: ignore[operator]


def test_a_pin_reaches_its_argument_by_either_name(tmp_path: Path) -> None:
    """The caller's name or the upstream's: a pin that is accepted fixes something, in templates too."""
    parts = {"inputs": "[{name: q, in: query}]", "with_": "{stationId: rest.station, q: 'x-{{term}}'}"}
    for name in ("station", "stationId", "STATIONID"):
        found = compiled(tmp_path, route="/v1/{station}", pins={name: "s1"}, **parts)
        assert found.pinned == {name}
        assert found.plan.routes[0].path == "/v1/s1"
        assert [p.name for p in found.plan.operations[0].parameters] == ["term"]
    found = compiled(tmp_path, route="/v1/{station}", pins={"term": "salt", "nothing": "1"}, **parts)
    assert found.pinned == {"term"}
    assert [item.supply for item in found.plan.operations[0].call.inputs if item.name == "q"] == [Constant("x-salt")]


def test_true_and_one_are_different_operations(tmp_path: Path) -> None:
    """Python takes them for equal; an upstream does not."""
    file = tmp_path / "tides.yaml"
    text = DOCUMENT.format(
        upstream_path="/s", route="/v1/s", inputs="[{name: deep, in: query}]", with_="{deep: true}", method="GET"
    )
    file.write_text(text[: text.rindex("{deep: true}")] + "{deep: 1}")
    operations = compile_document(load(file)).plan.operations
    assert [operation.call.inputs[0].supply for operation in operations] == [Constant(True), Constant(1)]
    assert len(operations) == 2


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"inputs": "[{name: Authorization, in: header}]"}, "reserved-header"),
        ({"inputs": "[{name: day, in: path}]"}, "unplaced-input"),
        ({"with_": "{deepth: rest.depth}"}, "unknown-input"),
        ({"inputs": "[{name: day, in: query, x-fairlead-pattern: '(?<x'}]"}, "bad-pattern"),
        ({"inputs": "[{name: day, in: environment}]"}, "unsupported-location"),
        ({"route": "/v1/{stationId}/{nothing}/x"}, "unused-placeholder"),
    ],
)
def test_what_is_not_served_as_written_is_told(tmp_path: Path, parts: dict[str, str], code: str) -> None:
    """Nothing an author wrote is dropped in silence."""
    assert code in {diagnostic.code for diagnostic in compiled(tmp_path, **parts).diagnostics}


def test_several_documents_in_one_server_claim_nothing_twice(seed: Path) -> None:
    """The later one is prefixed with its namespace."""
    plan = compile_document(load(seed)).plan
    _first, second, third = combine([plan, plan, plan])
    assert second.routes[0].path == "/qovery-organization-event/v1/organization/{organizationid}/events"
    assert second.tools[0].name == "qovery-organization-event_get-all-events-inside-organization"
    assert third.tools[0].name.startswith("qovery-organization-event-2_")


@given(st.lists(TEXT, max_size=12, unique=True))
def test_aliases_are_safe_unique_and_complete(names: list[str]) -> None:
    """Whatever authors call their parameters, a model API accepts every name of the schema."""
    aliases = safe_aliases(names)
    assert list(aliases) == names
    assert len(set(aliases.values())) == len(names)
    assert all(
        alias.replace("_", "").replace(".", "").replace("-", "").isalnum() or set(alias) <= set("_.-")
        for alias in aliases.values()
    )
    assert all(0 < len(alias) <= 64 and alias.isascii() for alias in aliases.values())


def test_known_awkward_names_have_the_aliases_people_expect() -> None:
    """Names that published documents use."""
    aliases = safe_aliases(["$filter", "filter", "filter[a.b]", "x-y", "@id"])
    assert list(aliases.values()) == ["filter_2", "filter", "filter_a_b", "x-y", "id"]


@given(TEXT.filter(bool), TEXT.filter(bool))
def test_a_path_value_never_leaves_its_segment(one: str, other: str) -> None:
    """The filled path has the template's shape, and the values come out as they went in."""
    template = parse_path("/a/{one}/b/{other}.json")
    try:
        path = template.fill({"one": one, "other": other})
    except ValueError:
        assert one in {".", ".."}
        return
    segments = urlsplit(f"http://h{path}").path.split("/")
    assert [segments[1], segments[3]] == ["a", "b"]
    assert len(segments) == 5
    assert (unquote(segments[2]), unquote(segments[4])) == (one, f"{other}.json")
    assert path.isascii()
    assert not set(path) & set("?#\\ \r\n\0")


@given(st.permutations(["a", "bC", "d-e", "f_g"]))
def test_placeholders_match_whatever_their_order(names: list[str]) -> None:
    """Case and punctuation decide, not the order of declaration."""
    match = match_placeholders(["a", "bc", "d_e", "f-g"], names)
    assert {found.placeholder: found.parameter for found in match.matched} == {
        "a": "a",
        "bc": "bC",
        "d_e": "d-e",
        "f-g": "f_g",
    }
    assert match.unmatched == match.tied == ()
