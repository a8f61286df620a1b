"""Which operations of several plans are exposed, as an operator says: by name, by tag, or only those that read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from fairlead.errors import ConfigurationError
from fairlead.plan.methods import SAFE
from fairlead.plan.model import Plan, Route, Tool
from fairlead.spec.diagnostics import did_you_mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is exposed; nothing said means everything.

    `only` are names of operations, routes or tools, with or without their namespace, in which `*` stands for anything;
    `tags` are those of documents. Case is ignored.
    """

    only: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    read_only: bool = False

    def __bool__(self) -> bool:
        return bool(self.only or self.tags or self.read_only)


def select(plans: Sequence[Plan], selection: Selection) -> tuple[Plan, ...]:
    """The plans with what is selected, and without what only the rest needs; a plan of which nothing is left is gone.

    With `read_only` only the upstream's method decides, whatever a hint of the author says; a hint that denies it is
    believed. Raises ConfigurationError for a name or a tag that selects nothing, and when nothing is left.
    """
    if not selection:
        return tuple(plans)
    _refuse_unknown(plans, selection)
    selected = tuple(
        kept for plan in plans if _is_tagged(plan, selection) and (kept := _kept(plan, selection)).operations
    )
    if not selected:
        raise ConfigurationError(
            "Nothing of the documents is selected by --only, --tag and --read-only together.",
            remedy="`fairlead explain` shows names and methods.",
        )
    return selected


def _kept(plan: Plan, selection: Selection) -> Plan:
    routes = tuple(route for route in plan.routes if _is_selected(plan, route, selection))
    tools = tuple(tool for tool in plan.tools if _is_selected(plan, tool, selection))
    used = {id(route.operation) for route in routes} | {id(tool.operation) for tool in tools}
    operations = tuple(operation for operation in plan.operations if id(operation) in used)
    upstreams = tuple(dict.fromkeys(operation.call.upstream for operation in operations))
    return replace(plan, routes=routes, tools=tools, operations=operations, upstreams=upstreams)


def _is_selected(plan: Plan, exposed: Route | Tool, selection: Selection) -> bool:
    names = _lower(_names(plan, exposed))
    if selection.only and not any(fnmatchcase(name, only) for only in _lower(selection.only) for name in names):
        return False
    return not selection.read_only or _reads(exposed)


def _reads(exposed: Route | Tool) -> bool:
    said = exposed.semantics.read_only if isinstance(exposed, Tool) else exposed.method in SAFE
    return said and exposed.operation.call.method in SAFE


def _is_tagged(plan: Plan, selection: Selection) -> bool:
    return not selection.tags or not _lower(selection.tags).isdisjoint(_lower(plan.tags))


def _names(plan: Plan, exposed: Route | Tool) -> tuple[str, ...]:
    """What a person may call it: by its own name or its operation's, alone or with a namespace."""
    own = (exposed.name, exposed.operation.name)
    return (*own, *(f"{space}.{name}" for space in (plan.namespace, exposed.operation.namespace) for name in own))


def _refuse_unknown(plans: Sequence[Plan], selection: Selection) -> None:
    names = {name for plan in plans for route in plan.routes for name in _names(plan, route)}
    names |= {name for plan in plans for tool in plan.tools for name in _names(plan, tool)}
    lowered = _lower(names)
    for pattern in selection.only:
        if not any(fnmatchcase(name, pattern.lower()) for name in lowered):
            hint = did_you_mean(pattern, sorted(names))
            raise ConfigurationError(f"--only {pattern}: no operation, route or tool has this name{hint}")
    tags = {tag for plan in plans for tag in plan.tags}
    for tag in selection.tags:
        if tag.lower() not in _lower(tags):
            raise ConfigurationError(f"--tag {tag}: no document has this tag{did_you_mean(tag, sorted(tags))}")


def _lower(texts: Iterable[str]) -> set[str]:
    return {text.lower() for text in texts}
