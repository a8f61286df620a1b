"""Binds one exposed operation or tool to the operation it calls: who supplies each input, what callers may give."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from fairlead.plan.bodies import variables_of
from fairlead.plan.consumed import ConsumedEntry
from fairlead.plan.findings import Findings
from fairlead.plan.inference import (
    Declared,
    declared_input,
    letters,
    match_placeholders,
    parameter_of,
    same_name,
)
from fairlead.plan.methods import IDEMPOTENT, SAFE
from fairlead.plan.model import (
    Argument,
    Operation,
    PageLink,
    Pagination,
    Parameter,
    Pin,
    Placeholder,
    Segment,
    Semantics,
    Supply,
    UpstreamCall,
    UpstreamInput,
)
from fairlead.plan.pins import Pins, Supplied, pinned_supply
from fairlead.plan.scope import Scope, read_supply
from fairlead.plan.templates import Template
from fairlead.plan.variables import environment_of
from fairlead.spec.diagnostics import did_you_mean
from fairlead.spec.model import Exposed, InputParameter
from fairlead.spec.model import PageLink as AuthoredPageLink
from fairlead.spec.model import Pagination as AuthoredPagination
from fairlead.spec.source import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """An exposed operation or tool with what surrounds it: its own adapter and, for REST, its route."""

    authored: Exposed
    name: str
    at: Path
    namespace: str
    extra_inputs: tuple[InputParameter, ...] = ()
    route: tuple[Segment, ...] = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """The operation, and the route with each placeholder bound to a parameter or to a pinned value."""

    operation: Operation
    route: tuple[Segment, ...]


def bind(exposure: Exposure, entry: ConsumedEntry, pins: Pins, findings: Findings) -> Bound | None:
    """Compile one exposure of one consumed operation; None, which is told, when its route could mean several things."""
    own = {item.name: item for item in (*exposure.extra_inputs, *exposure.authored.input_parameters)}
    supplies = _supplies(exposure, entry, own, findings)
    parameters = _parameters(supplies, own)
    paired = _pair_route(exposure, parameters, supplies, findings)
    if paired is None:
        return None
    pairs, strays = paired
    parameters |= {name: _unused(name) for name in strays}
    _locate(parameters, pairs, strays, routed=bool(exposure.route))
    _warn_of_unused(own, parameters, exposure, findings)
    fixed = pins.among(parameters, supplies)
    operators = {
        supply.name
        for declared, supply, _ in supplies
        if isinstance(supply, Argument) and declared.name in entry.upstream.pinned
    }
    operation = Operation(
        name=entry.authored.name,
        namespace=entry.upstream.namespace,
        description=entry.authored.description,
        parameters=tuple(p for p in _in_reading_order(parameters.values()) if p.name not in fixed.keys() | operators),
        call=UpstreamCall(
            upstream=entry.upstream,
            method=entry.authored.method,
            path=entry.path,
            inputs=tuple(_input(declared, supply, rule, fixed) for declared, supply, rule in supplies),
            body=entry.body,
            raw_format=entry.authored.output_raw_format,
            environment=_environment(entry, supplies),
        ),
        semantics=method_semantics(entry.authored.method),
        pins=tuple(fixed.values()),
        pagination=_pagination(entry, parameters, findings),
        response_schema=entry.authored.response_schema,  # type: ignore[arg-type]
    )
    return Bound(operation, _bound_route(exposure.route, pairs, fixed))


def _unused(name: str) -> Parameter:
    return Parameter(name=name, type="string", location="path", required=True, rule="unused-placeholder")


def _locate(parameters: dict[str, Parameter], pairs: Mapping[str, str], strays: Sequence[str], *, routed: bool) -> None:
    """Say of each parameter whether the route holds it; a path input the route has lost is in the query."""
    if not routed:
        return
    for name, parameter in parameters.items():
        if name in pairs.values():
            parameters[name] = replace(parameter, location="path", required=True)
        elif parameter.location == "path" and name not in strays:
            parameters[name] = replace(parameter, location="query")


def _warn_of_unused(
    own: Mapping[str, InputParameter], parameters: Mapping[str, Parameter], exposure: Exposure, findings: Findings
) -> None:
    for name in own:
        if name not in parameters:
            message = f"nothing upstream takes the input `{name}`, so callers cannot give it"
            findings.warning(exposure.at, "unused-input", message)


def _input(declared: Declared, supply: Supply, rule: str, fixed: Mapping[str, Pin]) -> UpstreamInput:
    pinned = pinned_supply(supply, fixed)
    if pinned is not supply:
        rule = "pinned"
    elif declared.location == "body" and rule in {"inherited", "declared"}:
        rule = "json-body"
    return UpstreamInput(name=declared.name, location=declared.location, supply=pinned, rule=rule)


def _supplies(
    exposure: Exposure, entry: ConsumedEntry, own: Mapping[str, InputParameter], findings: Findings
) -> list[Supplied]:
    given, scope = dict(exposure.authored.with_), Scope((exposure.namespace,), entry.binds)
    supplied: list[Supplied] = []
    for declared in entry.inputs:
        key = _key_of(declared, given)
        if key is not None:
            supply = read_supply(given.pop(key), scope)  # type: ignore[arg-type]
            supplied.append((declared, supply, _supply_rule(supply)))
        elif declared.authored is not None and declared.authored.value is not None:
            supply = read_supply(declared.authored.value, scope)  # type: ignore[arg-type]
            supplied.append((declared, supply, _supply_rule(supply)))
        elif not own or declared.name in own or declared.required:
            supplied.append((declared, Argument(declared.called or declared.name), declared.rule))
    for key in given:
        names = [declared.name for declared in entry.inputs]
        message = f"`{entry.authored.name}` has no input `{key}`, so it is not sent{did_you_mean(key, names)}"
        findings.warning((*exposure.at, "with", key), "unknown-input", message)
    return supplied


def _key_of(declared: Declared, given: Mapping[str, object]) -> str | None:
    """The key of `with` that supplies an input."""
    name = declared.called or declared.name
    return name if name in given else next((key for key in given if same_name(key, name)), None)


def _environment(entry: ConsumedEntry, supplies: Sequence[Supplied]) -> tuple[str, ...]:
    """The variables of the environment in the inputs of a call and in its body."""
    names = [name for _, supply, _ in supplies if isinstance(supply, Template) for name in supply.variables]
    if entry.body is not None and entry.body.template is not None:
        names += variables_of(entry.body.template)
    return environment_of(names)


def _supply_rule(supply: Supply) -> str:
    if isinstance(supply, Argument):
        return "caller-argument"
    if isinstance(supply, Template):
        own = environment_of(supply.variables)
        return "operator-variable" if len(own) == len(set(supply.variables)) else "template-value"
    return "literal-value"


def _parameters(supplies: Sequence[Supplied], own: Mapping[str, InputParameter]) -> dict[str, Parameter]:
    """The parameters that supply the inputs, under the names callers use."""
    parameters: dict[str, Parameter] = {}
    for declared, supply, _ in supplies:
        if isinstance(supply, Argument):
            if supply.name in own:
                source, rule = declared_input(own[supply.name]), "declared"
            else:
                source, rule = declared, declared.rule
            parameters.setdefault(supply.name, parameter_of(supply.name, source, declared.location, rule))
        elif isinstance(supply, Template):
            for variable in supply.variables:
                if environment_of([variable]):
                    continue
                made = Parameter(name=variable, type="string", location="query", required=True, rule="template-value")
                if variable in own:
                    made = parameter_of(variable, declared_input(own[variable]), "query", "declared")
                parameters.setdefault(variable, made)
    return parameters


def _in_reading_order(parameters: Iterable[Parameter]) -> list[Parameter]:
    # Path first, as in the address; the rest as the author listed them.
    return sorted(parameters, key=lambda parameter: parameter.location != "path")


def _pair_route(
    exposure: Exposure, parameters: Mapping[str, Parameter], supplies: Sequence[Supplied], findings: Findings
) -> tuple[dict[str, str], list[str]] | None:
    """Route placeholder → parameter, and the placeholders that nothing upstream takes; None when some are tied."""
    placeholders = [placeholder.text for segment in exposure.route for placeholder in segment.placeholders]
    paths = [s.name for d, s, _ in supplies if isinstance(s, Argument) and d.location == "path"]
    hosts = [s.name for d, s, _ in supplies if isinstance(s, Argument) and d.location == "host"]
    paths += [name for name in hosts if any(letters(name) == letters(placeholder) for placeholder in placeholders)]
    others = [name for name in parameters if name not in paths and name in placeholders]
    match = match_placeholders([p for p in placeholders if p not in others], paths)
    pairs = {name: name for name in others}
    for found in match.matched:
        pairs[found.placeholder] = found.parameter
        if found.rule:
            message = f"`{{{found.placeholder}}}` of the route fills `{found.parameter}`"
            findings.inferred((*exposure.at[:-2], "path"), found.rule, exposure.name, message)
        if found.rule == "placeholder-position":
            message = f"`{{{found.placeholder}}}` matches `{found.parameter}` by its position only; spell them alike"
            findings.warning(exposure.at, "placeholder-position", message)
    for placeholder in match.tied:
        message = f"`{{{placeholder}}}` fits several of {', '.join(f'`{name}`' for name in paths)}"
        findings.warning(exposure.at, "ambiguous-placeholder", f"{message}, so `{exposure.name}` is not served")
    if match.tied:
        return None
    for placeholder in match.unmatched:
        message = f"nothing upstream takes `{{{placeholder}}}`, so it is not sent{did_you_mean(placeholder, paths)}"
        findings.warning(exposure.at, "unused-placeholder", message)
    if exposure.route:
        for name in paths:
            if name not in pairs.values():
                message = f"the route has no place for `{name}`; callers give it in the query"
                findings.warning(exposure.at, "lost-placeholder", message)
    return pairs, list(match.unmatched)


def _bound_route(route: tuple[Segment, ...], pairs: Mapping[str, str], fixed: Mapping[str, Pin]) -> tuple[Segment, ...]:
    bound = []
    for segment in route:
        literals, placeholders = [segment.literals[0]], []
        for placeholder, literal in zip(segment.placeholders, segment.literals[1:], strict=True):
            name = pairs.get(placeholder.text, placeholder.text)
            if name in fixed:
                literals[-1] += f"{fixed[name].value}{literal}"
            else:
                placeholders.append(Placeholder(placeholder.text, name))
                literals.append(literal)
        bound.append(Segment(tuple(literals), tuple(placeholders)))
    return tuple(bound)


def method_semantics(method: str) -> Semantics:
    """What HTTP says of a method (RFC 9110, section 9.2)."""
    return Semantics(
        read_only=method in SAFE,
        destructive=method not in SAFE and method != "POST",
        idempotent=method in IDEMPOTENT,
    )


def _pagination(entry: ConsumedEntry, parameters: Mapping[str, Parameter], findings: Findings) -> Pagination | None:
    authored: AuthoredPagination | None = entry.authored.pagination
    if authored is None:
        return None
    at = (*entry.at, "x-fairlead-pagination")
    links = []
    for relation, key, link in (("next", "next", authored.next), ("prev", "previous", authored.previous)):
        made = _page_link(link, (*at, key), relation, parameters, findings) if link else None
        if made:
            links.append(made)
    if authored.size is not None and authored.size not in parameters:
        message = f"no parameter is called `{authored.size}`{did_you_mean(authored.size, parameters)}"
        findings.error((*at, "size"), "unknown-parameter", message)
    return Pagination(links=tuple(links), tokens=frozenset(link.parameter for link in links), size=authored.size)


def _page_link(
    link: AuthoredPageLink, at: Path, relation: str, parameters: Mapping[str, Parameter], findings: Findings
) -> PageLink | None:
    steps = link.link.removeprefix("$").removeprefix(".").split(".")
    if not link.link.startswith("$.") or not all(step.replace("_", "").isalnum() for step in steps):
        findings.error((*at, "link"), "bad-link", "the place of a link is written `$.name.name`")
        return None
    name = next((name for name in parameters if same_name(name, link.token)), None)
    if name is None:
        message = f"no parameter is called `{link.token}`{did_you_mean(link.token, parameters)}"
        findings.error((*at, "token"), "unknown-parameter", message)
        return None
    return PageLink(
        relation="next" if relation == "next" else "prev",
        pointer=tuple(steps),
        parameter=name,
        # Some upstreams escape their links as for HTML: `&amp;name=` ends in `;name=`.
        token=re.compile(rf"[?&;]{re.escape(link.token)}=([^&#]*)"),
    )
