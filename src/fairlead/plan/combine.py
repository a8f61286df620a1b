"""Several plans in one server: what a later plan claims twice gets its namespace as a prefix (dialect rule 17)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fairlead.plan.model import Inference, Plan, Route, Segment, Tool


def combine(plans: Sequence[Plan]) -> tuple[Plan, ...]:
    """The plans with no route and no tool name twice; the first to claim one keeps it.

    Every renaming is among the plan's inferences.
    """
    routes: set[tuple[str, str]] = set()
    tools: set[str] = set()
    return tuple(_renamed(plan, routes, tools) for plan in plans)


def _renamed(plan: Plan, routes: set[tuple[str, str]], tools: set[str]) -> Plan:
    inferences = list(plan.inferences)
    own_routes, own_tools = [], []
    for route in plan.routes:
        free = _free_route(route, plan.namespace, routes)
        if free is not route:
            inferences.append(Inference(rule="prefixed", where=route.path, message=f"is served as {free.path}"))
        routes.add(free.shape)
        own_routes.append(free)
    for tool in plan.tools:
        own = _free_tool(tool, plan.namespace, tools)
        if own is not tool:
            inferences.append(Inference(rule="prefixed", where=tool.name, message=f"is called {own.name}"))
        tools.add(own.name)
        own_tools.append(own)
    return replace(plan, routes=tuple(own_routes), tools=tuple(own_tools), inferences=tuple(inferences))


def _free_route(route: Route, namespace: str, taken: set[tuple[str, str]]) -> Route:
    prefix, number = namespace, 2
    candidate = route
    while candidate.shape in taken:
        candidate = replace(route, segments=(Segment((prefix,)), *route.segments))
        prefix, number = f"{namespace}-{number}", number + 1
    return candidate


def _free_tool(tool: Tool, namespace: str, taken: set[str]) -> Tool:
    prefix, number = namespace, 2
    candidate = tool
    while candidate.name in taken:
        candidate = replace(tool, name=f"{prefix}_{tool.name}"[:128])
        prefix, number = f"{namespace}-{number}", number + 1
    return candidate
