"""Which operations of several plans are exposed, as an operator says: by name, by tag, or only those that read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from fairlead.errors import ConfigurationError
from fairlead.plan.model import Operation, Plan, Route, Tool
from fairlead.spec.diagnostics import did_you_mean

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


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
    routes = [route for route in plan.routes if _selects(selection, _names_of_route(plan, route)) and (
        not selection.read_only or (route.method in _READING and _reads(route.operation))
    )]  # fmt: skip
    tools = [tool for tool in plan.tools if _selects(selection, _names_of_tool(plan, tool)) and (
        not selection.read_only or (tool.semantics.read_only and _reads(tool.operation))
    )]  # fmt: skip
    used = {id(operation) for operation in (*(each.operation for each in routes), *(each.operation for each in tools))}
    operations = tuple(operation for operation in plan.operations if id(operation) in used)
    upstreams = tuple(dict.fromkeys(operation.call.upstream for operation in operations))
    return replace(plan, routes=tuple(routes), tools=tuple(tools), operations=operations, upstreams=upstreams)


def _reads(operation: Operation) -> bool:
    return operation.call.method in _READING


def _is_tagged(plan: Plan, selection: Selection) -> bool:
    return not selection.tags or not _lower(selection.tags).isdisjoint(_lower(plan.tags))


def _selects(selection: Selection, names: Iterable[str]) -> bool:
    if not selection.only:
        return True
    lowered = _lower(names)
    return any(fnmatchcase(name, pattern) for pattern in _lower(selection.only) for name in lowered)


def _names_of_route(plan: Plan, route: Route) -> tuple[str, ...]:
    own = (route.name, route.operation.name)
    return (*own, *(f"{space}.{name}" for space in (plan.namespace, route.operation.namespace) for name in own))


def _names_of_tool(plan: Plan, tool: Tool) -> tuple[str, ...]:
    own = (tool.name, tool.operation.name)
    return (*own, *(f"{space}.{name}" for space in (plan.namespace, tool.operation.namespace) for name in own))


def _refuse_unknown(plans: Sequence[Plan], selection: Selection) -> None:
    names = {name for plan in plans for route in plan.routes for name in _names_of_route(plan, route)}
    names |= {name for plan in plans for tool in plan.tools for name in _names_of_tool(plan, tool)}
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
