"""Compiles a document into a Plan. The only part of `plan` that reads the authored model as a whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fairlead.plan.binding import Bound, Exposure, bind
from fairlead.plan.calls import Calls, Use
from fairlead.plan.consumed import is_method, read_consumed
from fairlead.plan.exposing import exposed_adapters
from fairlead.plan.findings import Findings
from fairlead.plan.inbound import read_inbound, warn_of_shadowed
from fairlead.plan.model import Operation, Placeholder, Plan, Route, Segment, Semantics, Tool
from fairlead.plan.parameters import safe_aliases
from fairlead.plan.paths import split_at_placeholders
from fairlead.plan.pins import Pins
from fairlead.plan.safe_names import LONGEST_FOR_MCP, LONGEST_FOR_MODELS, free_name, is_safe_name, safe_name
from fairlead.plan.variables import bound_keys
from fairlead.spec.diagnostics import Diagnostic, did_you_mean, in_file_order
from fairlead.spec.load import LoadedDocument
from fairlead.spec.model import Adapter, ExposedOperation, ExposedTool, OutputParameter
from fairlead.spec.source import Path

_IDENTITY = {None, "", "$", "$."}
_KNOWN_ADAPTERS = ("rest", "mcp")


@dataclass(frozen=True, slots=True)
class Compilation:
    """The Plan, and every diagnostic of the document, those of loading included."""

    plan: Plan
    diagnostics: tuple[Diagnostic, ...]
    pinned: frozenset[str]
    """The pins, as they were given, that fixed something."""
    parameter_names: tuple[str, ...]
    """Every name a pin may use."""


def compile_document(loaded: LoadedDocument, pins: Mapping[str, str] | None = None) -> Compilation:
    """Decide everything the document decides.

    `pins` fix arguments for every operation that has them, by the caller's name or the upstream's, case ignored.
    The plan of a document with errors is good for `explain` only.
    """
    return _Compiler(loaded, pins or {}).run()


class _Compiler:
    """One compilation: what was read, what was found, what is compiled so far."""

    def __init__(self, loaded: LoadedDocument, pins: Mapping[str, str]) -> None:
        self.document = loaded.document
        self.loaded = loaded
        self.findings = Findings(loaded.source)
        self.calls = Calls(read_consumed(self.document, self.findings), self.findings)
        self.inbound = read_inbound(self.document, self.findings)
        self.operations: dict[str, Operation] = {}
        self.routes: dict[tuple[str, str], tuple[Route, Path]] = {}
        self.tools: dict[str, tuple[Tool, Path]] = {}
        self.pins = Pins(pins)

    def run(self) -> Compilation:
        for index, adapter in enumerate(exposed_adapters(self.document, self.findings)):
            at: Path = ("capability", "exposes", index)
            if adapter.type == "rest":
                self._rest(adapter, at)
            elif adapter.type == "mcp":
                self._mcp(adapter, at)
            else:
                message = (
                    f"an adapter of type `{adapter.type}` is not served{did_you_mean(adapter.type, _KNOWN_ADAPTERS)}"
                )
                self.findings.warning((*at, "type"), "unserved-adapter", message)
        if not self.routes and not self.tools:
            self.findings.error(("capability",), "nothing-exposed", "the document exposes no operation and no tool")
        warn_of_shadowed(self.inbound.get("rest"), self.routes.values(), self.findings)
        found = (*self.loaded.diagnostics, *self.findings.diagnostics)
        return Compilation(self._plan(), in_file_order(found), self.pins.used, self.pins.names)

    def _plan(self) -> Plan:
        document, info = self.document, self.document.info
        adapters = document.capability.exposes
        namespaces = [api.namespace for api in document.capability.consumes]
        operations = tuple(self.operations.values())
        keys = bound_keys(document, self.loaded.source.file)
        return Plan(
            file=self.loaded.source.file,
            title=info.label or info.display or (namespaces[0] if namespaces else "Capability"),
            description=info.description,
            tags=tuple(info.tags),
            provider=next(iter(info.tags), ""),
            namespace=namespaces[0] if namespaces else "",
            text=self.loaded.source.text,
            operations=operations,
            routes=tuple(route for route, _ in self.routes.values()),
            tools=tuple(tool for tool, _ in self.tools.values()),
            upstreams=tuple(dict.fromkeys(operation.call.upstream for operation in operations)),
            instructions=next((a.instructions for a in adapters if a.type == "mcp" and a.instructions), ""),
            rest_port=_port(adapters, "rest"),
            mcp_port=_port(adapters, "mcp"),
            rest_authentication=self.inbound.get("rest"),
            mcp_authentication=self.inbound.get("mcp"),
            created=info.created,
            modified=info.modified,
            inferences=tuple(dict.fromkeys(self.findings.inferences)),
            bound_keys=keys,
            beside=tuple(dict.fromkeys((*map(str, self.loaded.imports), *(key.file for key in keys)))),
        )

    def _rest(self, adapter: Adapter, at: Path) -> None:
        for r, resource in enumerate(adapter.resources):
            segments = _route_segments(resource.path)
            for o, operation in enumerate(resource.operations):
                here = (*at, "resources", r, "operations", o)
                exposure = Exposure(
                    authored=operation,
                    name=f"{operation.method} {resource.path}",
                    at=here,
                    namespace=adapter.namespace,
                    extra_inputs=tuple(resource.input_parameters),
                    route=segments,
                )
                bound = self._bound(exposure, "rest", resource.path)
                if bound is None:
                    continue
                route = Route(
                    method=operation.method,
                    segments=bound.route,
                    name=operation.name or bound.operation.name,
                    description=operation.description or bound.operation.description,
                    operation=bound.operation,
                )
                self._add_route(route, here)

    def _add_route(self, route: Route, at: Path) -> None:
        if route.shape in self.routes:
            other, first = self.routes[route.shape]
            line = self.findings.source.value_position(first).line
            message = f"{route.method} {route.path} is already exposed on line {line} as {other.path}, which is served"
            self.findings.warning(at, "duplicate-route", message)
            return
        self.routes[route.shape] = (route, at)

    def _mcp(self, adapter: Adapter, at: Path) -> None:
        for index, authored in enumerate(adapter.tools):
            here = (*at, "tools", index)
            authored = self._well_named(authored, here)  # noqa: PLW2901 - the same tool, as clients can call it
            if len(authored.name) > LONGEST_FOR_MODELS:
                message = f"`{authored.name}` is longer than the {LONGEST_FOR_MODELS} characters that most models take"
                self.findings.warning((*here, "name"), "long-tool-name", message)
            exposure = Exposure(authored=authored, name=authored.name, at=here, namespace=adapter.namespace)
            bound = self._bound(exposure, "mcp")
            if bound is None:
                continue
            self.tools[authored.name] = (self._tool(authored, bound.operation, here), here)

    def _well_named(self, authored: ExposedTool, at: Path) -> ExposedTool:
        """The tool under a name that MCP allows and that no tool before it has (dialect R34); a new one is told."""
        name = authored.name
        if not is_safe_name(name, LONGEST_FOR_MCP):
            name = safe_name(name, LONGEST_FOR_MCP) or "tool"
            message = f"`{authored.name}` is no tool name, so the tool is called `{name}`"
            self.findings.warning((*at, "name"), "bad-tool-name", message)
        if name in self.tools:
            line, stem = self.findings.source.value_position(self.tools[name][1]).line, name
            name = free_name(stem, self.tools, LONGEST_FOR_MCP)
            message = f"the tool `{stem}` is already exposed on line {line}, so this one is called `{name}`"
            self.findings.warning((*at, "name"), "duplicate-tool", message)
        return authored if name == authored.name else authored.model_copy(update={"name": name})

    def _tool(self, authored: ExposedTool, operation: Operation, at: Path) -> Tool:
        aliases = safe_aliases(parameter.name for parameter in operation.parameters)
        for name, alias in aliases.items():
            if name != alias:
                message = f"`{name}` is `{alias}` in the tool's schema"
                self.findings.inferred(at, "safe-alias", authored.name, message)
        hints, by_method = authored.hints, operation.semantics
        read_only = by_method.read_only if hints.read_only is None else hints.read_only
        destructive = by_method.destructive if hints.destructive is None else hints.destructive
        description = authored.description or operation.description
        return Tool(
            name=authored.name,
            title=authored.title or authored.label or authored.display or _spoken(authored.name),
            description="\n\n".join(text for text in (description, authored.notes.strip()) if text),
            semantics=Semantics(
                read_only=read_only,
                destructive=destructive and not read_only,
                idempotent=by_method.idempotent if hints.idempotent is None else hints.idempotent,
            ),
            open_world=True if hints.open_world is None else hints.open_world,
            operation=operation,
            aliases=aliases,
        )

    def _bound(self, exposure: Exposure, adapter: str, resource: str = "") -> Bound | None:
        """The compiled exposure, its operation shared with every exposure that runs the same; None when refused."""
        authored = exposure.authored
        if authored.call is None or authored.steps is not None or authored.ref is not None:
            message = f"only `call` is run yet, no `steps`, `ref` or mock, so `{exposure.name}` is not served"
            self.findings.warning(exposure.at, "unsupported-steps", message)
            return None
        if self._has_mapping(authored.output_parameters, exposure):
            return None
        if isinstance(authored, ExposedOperation) and not is_method(authored, exposure.at, self.findings):
            return None
        method = authored.method if isinstance(authored, ExposedOperation) else ""
        use = Use(name=exposure.name, at=exposure.at, adapter=adapter, method=method, path=resource)
        entry = self.calls.find(authored.call, use)
        if entry is None:
            return None
        bound = bind(exposure, entry, self.pins, self.findings)
        if bound is None:
            return None
        taken = [each for each in bound.operation.parameters if each.rule != "unused-placeholder"]
        if taken and not authored.input_parameters and not exposure.extra_inputs:
            message = f"the inputs are those of `{entry.authored.name}`"
            self.findings.inferred(exposure.at, "inherited", exposure.name, message)
        # By what it says rather than by equality, which takes `true` for `1`.
        operation = self.operations.setdefault(repr(bound.operation), bound.operation)
        return Bound(operation, bound.route)

    def _has_mapping(self, outputs: Iterable[OutputParameter], exposure: Exposure) -> bool:
        """Whether the answer would have to be taken apart, which is told."""
        for index, output in enumerate(outputs):
            if output.mapping not in _IDENTITY or output.properties or output.items or output.value is not None:
                message = f"only the mapping `$.` (the answer untouched) is run yet, so `{exposure.name}` is not served"
                self.findings.warning((*exposure.at, "outputParameters", index), "unsupported-mapping", message)
                return True
        return False


def _route_segments(path: str) -> tuple[Segment, ...]:
    """The segments of a route; each placeholder stands for a parameter of its own name until it is bound."""
    texts = re.split(r"[?#]", path, maxsplit=1)[0].lstrip("/").split("/")
    parts = [split_at_placeholders(text) for text in texts]
    return tuple(Segment(literals, tuple(Placeholder(name, name) for name in names)) for literals, names in parts)


def _port(adapters: Iterable[Adapter], kind: str) -> int | None:
    return next((adapter.port for adapter in adapters if adapter.type == kind), None)


def _spoken(name: str) -> str:
    words = re.sub(r"[-_.]+", " ", name).strip()
    return words[:1].upper() + words[1:]
