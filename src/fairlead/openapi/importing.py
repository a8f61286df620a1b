"""Writes a capability document from a description: every operation as a REST route and as an MCP tool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fairlead.openapi.credentials import Credentials
from fairlead.openapi.model import DescribedInput, DescribedOperation, Description, Scheme
from fairlead.openapi.names import free_name, operation_name, route_of, shape_of, slug
from fairlead.openapi.security import chosen_scheme
from fairlead.openapi.text import DescriptionRefused
from fairlead.plan.binding import method_semantics
from fairlead.plan.inference import same_name
from fairlead.plan.media_types import MEDIA_TYPES
from fairlead.plan.paths import PLACEHOLDER
from fairlead.spec.json_text import is_json
from fairlead.spec.source import MAX_NODES, JsonValue, walk

_FORMATS: Mapping[str, str] = {media: word for word, media in MEDIA_TYPES.items()} | {
    "text/xml": "xml", "application/x-yaml": "yaml",
}  # fmt: skip
_IDENTITY: list[JsonValue] = [{"type": "object", "mapping": "$."}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A capability document as a value, and what of the description is not in it or not as described."""

    document: JsonValue = field(hash=False)
    operations: int
    variables: tuple[str, ...]
    told: tuple[str, ...]


def capability_document(description: Description, namespace: str = "") -> Imported:
    """The document of every operation; raises DescriptionRefused when there is none, or more than one can hold."""
    if not description.operations:
        raise DescriptionRefused(
            "The description has no operation that a document could call.", remedy="Look at what it has below `paths`."
        )
    importing = _Importing(description, namespace or slug(description.title))
    document = importing.document(brief=False)
    if _values(document) > MAX_NODES:
        importing = _Importing(description, namespace or slug(description.title))
        document = importing.document(brief=True)
    if _values(document) > MAX_NODES:
        raise DescriptionRefused(
            f"The description has {len(description.operations):,} operations, and a document of them would hold more "
            f"than {MAX_NODES:,} values.",
            remedy="Take out the paths you do not need.",
        )
    return Imported(
        document=document,
        operations=len(description.operations),
        variables=importing.credentials.variables,
        told=(*description.told, *importing.told),
    )


def _values(document: JsonValue) -> int:
    return sum(1 for _ in walk(document))


@dataclass(slots=True)
class _Named:
    """An operation with the names it has in the document."""

    operation: DescribedOperation
    name: str
    api: str
    inputs: list[DescribedInput]

    @property
    def path(self) -> str:
        return self.operation.path.partition("#")[0]


class _Importing:
    """One description while it becomes a document."""

    def __init__(self, description: Description, namespace: str) -> None:
        self.description = description
        self.namespace = namespace
        self.credentials = Credentials(namespace)
        self.told: list[str] = []

    def document(self, *, brief: bool) -> JsonValue:
        """The whole document; a brief one leaves out what Fairlead infers."""
        groups = self._groups()
        namespaces: set[str] = set()
        names: set[str] = set()
        consumes: list[JsonValue] = []
        every: list[_Named] = []
        for (address, _), (scheme, operations) in groups.items():
            api = free_name(self.namespace, namespaces)
            named = [self._named(each, api, names) for each in operations]
            consumes.append(self._consumed(api, address, scheme, named))
            every += named
        title, version = self.description.title, self.description.version
        about = self.description.about or f"{title}, with {len(every)} operations."
        label: dict[str, JsonValue] = {
            "label": title,
            "description": f"{about} Imported from OpenAPI ({version or '-'}).",
        }
        document: dict[str, JsonValue] = {"naftiko": "1.0.0-alpha2", "info": {**label, "tags": [title]}}
        if self.credentials.variables:
            keys: dict[str, JsonValue] = {name: name for name in self.credentials.variables}
            document["binds"] = [{"namespace": "env", "keys": keys}]
        exposes: list[JsonValue] = [self._rest(every, brief=brief), self._mcp(every, brief=brief)]
        return {**document, "capability": {"consumes": consumes, "exposes": exposes}}

    def _groups(self) -> dict[tuple[str, str], tuple[Scheme | None, list[DescribedOperation]]]:
        """The operations by address and credential, which is what one consumed API has in common."""
        schemes = dict(self.description.schemes)
        asked = Counter(name for each in self.description.operations for name in _asked(each))
        ranked = [name for name, _ in asked.most_common() if name in schemes]
        self._tell_schemes(ranked, schemes)
        groups: dict[tuple[str, str], tuple[Scheme | None, list[DescribedOperation]]] = {}
        for operation in self.description.operations:
            address = operation.servers[0] if operation.servers else ""
            scheme = chosen_scheme(operation.security, ranked, schemes)
            if not any(operation.security) or (scheme is None and () in operation.security):
                # Nothing is asked, so it goes with the others of its address.
                scheme = self._scheme_at(address, ranked, schemes)
            elif (scheme.name if scheme else "",) not in operation.security:
                asked_for = " or ".join(" and ".join(each) for each in operation.security)
                sent = f"only `{scheme.name}` is sent" if scheme else "nothing is sent"
                self.told.append(f"{operation.title}: asks for {asked_for[:200]}; {sent}")
            key = (address, scheme.name if scheme else "")
            groups.setdefault(key, (scheme, []))[1].append(operation)
        return groups

    def _scheme_at(self, address: str, ranked: Sequence[str], schemes: dict[str, Scheme]) -> Scheme | None:
        """The credential of most operations at an address."""
        there = [each for each in self.description.operations if (each.servers[:1] or ("",))[0] == address]
        found = Counter(
            scheme.name for each in there if (scheme := chosen_scheme(each.security, ranked, schemes)) is not None
        )
        return schemes[found.most_common(1)[0][0]] if found else None

    def _tell_schemes(self, ranked: Sequence[str], schemes: Mapping[str, Scheme]) -> None:
        for name in ranked:
            if schemes[name].kind is None:
                self.told.append(f"authentication by {schemes[name].spelled} is not supported")
            elif "yourself" in schemes[name].spelled:
                self.told.append(f"`{name}` is {schemes[name].spelled}; it is sent as a bearer token")

    def _named(self, operation: DescribedOperation, api: str, names: set[str]) -> _Named:
        name = free_name(operation_name(operation.name, operation.method, operation.path), names)
        named = _Named(operation, name, api, [])
        named.inputs = list(self._inputs(named))
        return named

    def _inputs(self, named: _Named) -> Iterator[DescribedInput]:
        placeholders = [match[1] or match[2] for match in PLACEHOLDER.finditer(named.path)]
        for each in named.operation.inputs:
            if each.place == "path" and not any(same_name(each.name, one) for one in placeholders):
                self.told.append(f"{named.operation.title}: the path has no place for `{each.name}`")
            else:
                yield each

    def _consumed(self, api: str, address: str, scheme: Scheme | None, every: Sequence[_Named]) -> JsonValue:
        resources: dict[str, list[JsonValue]] = {}
        for named in every:
            resources.setdefault(named.path, []).append(_consumed_operation(named))
        taken: set[str] = set()
        listed: list[JsonValue] = [
            {"name": free_name(slug(path), taken), "path": path, "operations": operations}
            for path, operations in resources.items()
        ]
        if "://" not in address:
            stated = f"`{address}` is no whole address" if address else "no server is named"
            self.told.append(f"{stated}: serve with `--upstream URL`, or give one as `baseUri`")
        consumed: dict[str, JsonValue] = {"type": "http", "namespace": api, "baseUri": address}
        if scheme is not None:
            consumed["authentication"] = self.credentials.of(scheme)
        return {**consumed, "resources": listed}

    def _rest(self, every: Sequence[_Named], *, brief: bool) -> JsonValue:
        resources: dict[str, list[JsonValue]] = {}
        taken: set[tuple[str, str]] = set()
        for named in every:
            method, route, number = named.operation.method, route_of(named.path), 2
            path = route
            while (method, shape_of(path)) in taken:
                path, number = f"{route}/{number}", number + 1
            taken.add((method, shape_of(path)))
            exposed = _exposed(named, {"method": method, "name": named.name}, "rest", brief=brief)
            resources.setdefault(path, []).append(exposed)
        listed: list[JsonValue] = [{"path": path, "operations": each} for path, each in resources.items()]
        return {"type": "rest", "namespace": f"{self.namespace}-rest", "port": 8080, "resources": listed}

    def _mcp(self, every: Sequence[_Named], *, brief: bool) -> JsonValue:
        tools: list[JsonValue] = []
        for named in every:
            does = method_semantics(named.operation.method)
            hints: JsonValue = {
                "readOnly": does.read_only, "destructive": does.destructive, "idempotent": does.idempotent,
            }  # fmt: skip
            head: dict[str, JsonValue] = {"name": named.name, "hints": hints}
            tools.append(_exposed(named, head, "tools", brief=brief))
        adapter: dict[str, JsonValue] = {"type": "mcp", "namespace": f"{self.namespace}-mcp", "port": 9090}
        return {**adapter, "transport": "http", "tools": tools}


def _asked(operation: DescribedOperation) -> Iterator[str]:
    yield from dict.fromkeys(name for names in operation.security for name in names)


def _consumed_operation(named: _Named) -> JsonValue:
    operation = named.operation
    consumed: dict[str, JsonValue] = {"name": named.name, "method": operation.method}
    if operation.description:
        consumed["description"] = operation.description
    if named.inputs:
        inputs: list[JsonValue] = [_input(each) for each in named.inputs]
        consumed["inputParameters"] = inputs
    if operation.body is not None and operation.body.block is not None:
        consumed["body"] = operation.body.block
    media = operation.answer.media_type
    consumed["outputRawFormat"] = (
        "json" if not media or is_json(media) or "*" in media else _FORMATS.get(media, "binary")
    )
    return consumed


def _input(one: DescribedInput) -> JsonValue:
    """An input in the words that the specification has; an overlay has words for the rest."""
    facts = one.facts
    made: dict[str, JsonValue] = {"name": one.name, "in": one.place}
    if facts.type or one.place not in {"body", "formData"}:
        made["type"] = facts.type or "string"
    if facts.description:
        made["description"] = facts.description
    if one.required:
        made["required"] = True
    if one.fixed is not None:
        made["value"] = one.fixed
    elif facts.default is not None:
        made["default"] = facts.default
    return made


def _exposed(named: _Named, head: dict[str, JsonValue], caller: str, *, brief: bool) -> JsonValue:
    exposed = {**head, "description": named.operation.description or named.operation.title}
    exposed["call"] = f"{named.api}.{named.name}"
    if brief:
        return exposed
    given: dict[str, JsonValue] = {each.name: f"{caller}.{each.name}" for each in named.inputs if each.fixed is None}
    if given:
        exposed["with"] = given
    return {**exposed, "outputParameters": _IDENTITY}
