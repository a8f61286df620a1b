"""Describes the API that a document calls, as OpenAPI 3.1: where it is, what is sent, and with which credential."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fairlead.openapi.described_inputs import operation_parts
from fairlead.openapi.names import free_name, operation_name, shape_of
from fairlead.openapi.shapes import prose
from fairlead.plan.consumed import ConsumedEntry, read_consumed
from fairlead.plan.findings import Findings
from fairlead.plan.media_types import ANY_BYTES, MEDIA_TYPES
from fairlead.plan.methods import DESCRIBED
from fairlead.plan.model import Authentication, Upstream
from fairlead.plan.paths import PLACEHOLDER
from fairlead.plan.templates import Template
from fairlead.spec.load import LoadedDocument
from fairlead.spec.source import JsonValue

_TOLD = frozenset({"unsupported-authentication", "unsupported-type", "reserved-header"})
_LONGEST_TITLE = 120
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A description as a value, how many operations it has, and what of the document it does not say."""

    description: JsonValue = field(hash=False)
    operations: int
    told: tuple[str, ...]


def consumed_description(loaded: LoadedDocument) -> Exported:
    """The description of every HTTP API that a document consumes, also of operations that Fairlead does not run."""
    findings = Findings(loaded.source)
    named = read_consumed(loaded.document, findings)
    every = {entry.at: entry for entries in named.values() for entry in entries}
    apis = loaded.document.capability.consumes
    entries = [entry for at, entry in every.items() if isinstance(at[2], int) and apis[at[2]].type == "http"]
    exporting = _Exporting(entries)
    info = loaded.document.info
    title = info.label or info.display or (apis[0].namespace if apis else "") or "API"
    described: dict[str, JsonValue] = {"title": title, "version": info.modified or info.created or "1"}
    if info.description:
        described["description"] = info.description
    document = {"openapi": "3.1.0", "info": described, **exporting.document()}
    told = [found.message for found in findings.diagnostics if found.code in _TOLD]
    return Exported(description=document, operations=len(entries), told=tuple(dict.fromkeys((*told, *exporting.told))))


class _Exporting:
    """The operations of a document while they become a description."""

    def __init__(self, entries: Sequence[ConsumedEntry]) -> None:
        self.entries = entries
        self.told: list[str] = []
        self.paths: dict[str, dict[str, JsonValue]] = {}
        self.bases: dict[str, str] = {}
        self.shapes: dict[str, str] = {}
        self.schemes: dict[Upstream, str] = {}

    def document(self) -> dict[str, JsonValue]:
        """Everything but the head."""
        upstreams = list(dict.fromkeys(entry.upstream for entry in self.entries))
        schemes = self._schemes(upstreams)
        bases = list(dict.fromkeys(upstream.base for upstream in upstreams))
        taken: set[str] = set()
        for entry in self.entries:
            self._add(
                entry, free_name(entry.authored.name or "operation", taken, _LONGEST_NAME), several=len(bases) > 1
            )
        servers: list[JsonValue] = [_server(base, self.entries) for base in bases[:1] or [""]]
        tags: list[JsonValue] = [{"name": name} for name in dict.fromkeys(each.namespace for each in upstreams) if name]
        document: dict[str, JsonValue] = {"servers": servers, "tags": tags, "paths": dict(self.paths)}
        return document | ({"components": {"securitySchemes": schemes}} if schemes else {})

    def _schemes(self, upstreams: Iterable[Upstream]) -> dict[str, JsonValue]:
        schemes: dict[str, JsonValue] = {}
        taken: set[str] = set()
        for upstream in upstreams:
            if upstream.authentication is None:
                continue
            scheme = _scheme(upstream.authentication)
            if scheme is None:
                self.told.append(f"how `{upstream.namespace}` is authenticated to has no word in OpenAPI")
                continue
            self.schemes[upstream] = free_name(operation_name(upstream.namespace, "api", "key"), taken)
            schemes[self.schemes[upstream]] = scheme
        return schemes

    def _add(self, entry: ConsumedEntry, name: str, *, several: bool) -> None:
        method = entry.authored.method.lower()
        if entry.authored.method not in DESCRIBED:
            self.told.append(f"{name}: OpenAPI has no word for the method {entry.authored.method[:40]}")
            return
        path = self._place(entry, method, name)
        item = self.paths.setdefault(path, {})
        if several and "servers" not in item:
            item["servers"] = [_server(entry.upstream.base, [entry])]
        scheme = self.schemes.get(entry.upstream)
        security: list[JsonValue] = [{scheme: []}] if scheme else []
        told: list[str] = []
        described: dict[str, JsonValue] = {
            "operationId": name,
            "summary": prose(entry.authored.description, _LONGEST_TITLE) or name,
            "description": entry.authored.description or name,
            "tags": [entry.upstream.namespace] if entry.upstream.namespace else [],
            **operation_parts(entry, told),
            "responses": {"200": _response(entry)},
            "security": security,
        }
        self.told.extend(f"{entry.authored.name}: {each}" for each in told)
        item[method] = described

    def _place(self, entry: ConsumedEntry, method: str, name: str) -> str:
        """The key of a path. Where one stands already, the same again has a fragment, which nobody sends."""
        path = entry.path.text
        shape = shape_of(path)
        first = self.shapes.setdefault(shape, path)
        base = self.bases.setdefault(path, entry.upstream.base)
        if first == path and base == entry.upstream.base and method not in self.paths.get(path, {}):
            return path
        self.told.append(f"{name}: `{method.upper()} {path}` stands there already, so its path ends in `#{name}`")
        return f"{path}#{operation_name(name, method, path)}"


def _server(base: str, entries: Iterable[ConsumedEntry]) -> JsonValue:
    """A server; its variables have no default in a document, so that each stands for itself."""
    spoken = {
        item.name: item.description for entry in entries for item in entry.inputs if item.location == "host"
    }  # fmt: skip
    variables: dict[str, JsonValue] = {}
    for match in PLACEHOLDER.finditer(base):
        name = match[1] or match[2]
        said: dict[str, JsonValue] = {"description": spoken[name]} if spoken.get(name) else {}
        variables[name] = {"default": match[0], **said}
    return {"url": base or "/", **({"variables": variables} if variables else {})}


def _scheme(rule: Authentication) -> JsonValue:
    """A security scheme: its kind and its names, never a value."""
    if rule.type == "basic":
        return {"type": "http", "scheme": "basic"}
    words = [each.scheme for each in rule.schemes]
    if rule.type == "bearer" and (not words or "Bearer" in words):
        note = f"The word before the token is {' or '.join(words)}." if words else ""
        return {"type": "http", "scheme": "bearer", **({"description": note} if note else {})}
    if rule.type == "bearer":
        note = f"Written `{' or '.join(dict.fromkeys(words))} …`."
        return {"type": "apiKey", "in": "header", "name": "Authorization", "description": note}
    key = _fixed(rule.key)
    if not key or rule.placement == "body":
        return None
    prefix = rule.value.literals[0] if rule.value and rule.value.variables else ""
    if key.lower() == "authorization" and prefix.strip().lower() == "bearer":
        return {"type": "http", "scheme": "bearer"}
    note = f"Written `{prefix}…`." if prefix.strip() else ""
    return {"type": "apiKey", "in": rule.placement, "name": key, **({"description": note} if note else {})}


def _fixed(template: Template | None) -> str:
    return template.literals[0] if template and not template.variables else ""


def _response(entry: ConsumedEntry) -> JsonValue:
    media = MEDIA_TYPES.get(entry.authored.output_raw_format, ANY_BYTES)
    schema: dict[str, JsonValue] = dict(entry.authored.response_schema or {})  # type: ignore[arg-type]
    return {"description": "What the API answers.", "content": {media: {"schema": schema}}}
