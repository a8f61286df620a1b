"""The consumed side: every operation of every API, with its inputs complete."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from fairlead.plan.bases import Base, read_base
from fairlead.plan.bodies import read_body, with_credential
from fairlead.plan.findings import Findings
from fairlead.plan.inference import RESERVED_HEADERS, Declared, declared_input, same_name
from fairlead.plan.methods import SENDABLE
from fairlead.plan.model import Body, Upstream
from fairlead.plan.outbound import bound_variable, read_outbound
from fairlead.plan.paths import PathTemplate, parse_path
from fairlead.plan.scope import Scope
from fairlead.plan.templates import parse_template
from fairlead.plan.variables import bind_variables, environment_variable, operators_variable
from fairlead.spec.diagnostics import did_you_mean
from fairlead.spec.model import (
    Authentication,
    ConsumedOperation,
    Consumes,
    Document,
    ExposedOperation,
    InputParameter,
    Resource,
)
from fairlead.spec.source import Path

_PLACES = frozenset({"path", "query", "header", "body", "formData", "cookie"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumedEntry:
    """One consumed operation: its upstream, its path and every input, placeholders included."""

    upstream: Upstream
    path: PathTemplate
    authored: ConsumedOperation
    inputs: tuple[Declared, ...]
    body: Body | None
    binds: Mapping[str, str]
    at: Path
    refused: bool = False
    """Whether something of it cannot be run, which was told."""


def read_consumed(document: Document, findings: Findings) -> dict[str, list[ConsumedEntry]]:
    """Every consumed operation by the name a `call` uses, `namespace.operation`; a name may have several."""
    entries: dict[str, list[ConsumedEntry]] = {}
    binds = bind_variables(document, findings.source.file)
    namespaces = [adapter.namespace for adapter in document.capability.exposes]
    for index, api in enumerate(document.capability.consumes):
        at: Path = ("capability", "consumes", index)
        if not api.resources:
            continue
        base = read_base(api.base_uri, binds)
        upstream, refused = _upstream(api, base, binds, at, findings)
        for r, resource in enumerate(api.resources):
            for o, operation in enumerate(resource.operations):
                here = (*at, "resources", r, "operations", o)
                reading = _Reading(api, base, resource, operation, binds, here, findings)
                names = (api.namespace, *api.also_named)
                entry = reading.entry(upstream, {*namespaces, *names}, refused=refused)
                for name in names:
                    _add(entries, f"{name}.{operation.name}", entry, findings)
    return entries


def _add(entries: dict[str, list[ConsumedEntry]], name: str, entry: ConsumedEntry, findings: Findings) -> None:
    if name in entries:
        first = findings.source.value_position(entries[name][0].at)
        message = f"`{name}` is already an operation on line {first.line}; which one is called is told by its use"
        findings.warning((*entry.at, "name"), "duplicate-operation", message)
    entries.setdefault(name, []).append(entry)


def _upstream(
    api: Consumes, base: Base, binds: Mapping[str, str], at: Path, findings: Findings
) -> tuple[Upstream, bool]:
    """The API that is called, and whether it cannot be."""
    refused = api.type != "http"
    if refused:
        message = f"an API of type `{api.type}` cannot be called, so none of its operations is run; `http` can"
        findings.warning((*at, "type"), "unsupported-type", message)
    variables = {name: binds.get(name) or environment_variable(name) or name for name in base.variables}
    for name, variable in variables.items():
        rule = "bind-variable" if name in binds else "address-variable"
        message = f"`{{{name}}}` of the address is the variable {variable}"
        findings.inferred((*at, "baseUri"), rule, api.namespace, message)
    for name in base.labels:
        if not any(parameter.name == name for parameter in api.input_parameters):
            message = f"`{{{name}}}` of the address is a required parameter"
            findings.inferred((*at, "baseUri"), "host-label", api.namespace, message)
    for name in base.pinned:
        message = f"`{name}` decides whom the credential goes to: give it with `--pin {name}=…`, or `--upstream URL`"
        findings.warning((*at, "baseUri"), "placeholder-address", message)
    if base.address and "{" not in base.address and not re.match(r"https?://[^/\s]+", base.address):
        message = f"`{base.address}` is no http or https address; give the real one with `--upstream URL`"
        findings.warning((*at, "baseUri"), "no-address", message)
    elif not base.address:
        findings.warning(at, "no-address", "the API has no `baseUri`; give the address with `--upstream URL`")
    authentication = None
    authored, here = _credential(api, at)
    if authored is not None:
        authentication = read_outbound(authored, binds, api.namespace, here, findings)
        refused = refused or authentication is None
    made = Upstream(
        namespace=api.namespace,
        base=base.address,
        authentication=authentication,
        variables=variables,
        pinned=base.pinned,
    )
    return made, refused


def _credential(api: Consumes, at: Path) -> tuple[Authentication | None, Path]:
    """How an API is authenticated to: as it says, or else by the one header that takes a variable."""
    chosen = _credential_header(api)
    if chosen is None:
        return api.authentication, (*at, "authentication")
    return Authentication(type="apikey", key=chosen, value=api.headers[chosen]), (*at, "headers", chosen)


def _credential_header(api: Consumes) -> str | None:
    """The header of an API without an authentication that takes a variable, if there is just one."""
    secret = [name for name, value in api.headers.items() if "{{" in value]
    return secret[0] if api.authentication is None and len(secret) == 1 else None


@dataclass(frozen=True, slots=True)
class _Reading:
    """One operation while it is read."""

    api: Consumes
    base: Base
    resource: Resource
    operation: ConsumedOperation
    binds: Mapping[str, str]
    at: Path
    findings: Findings

    def entry(self, upstream: Upstream, prefixes: Collection[str], *, refused: bool) -> ConsumedEntry:
        """The operation with all its inputs; `prefixes` are the words before a dot that mean the caller."""
        resource, own = self.resource.path, self.operation.path or ""
        own = own.removeprefix(resource) if own.startswith(resource) else own  # some say it in both places (R28)
        path = parse_path(f"{self.base.path}{'' if resource.startswith('/') else '/'}{resource}{own}")
        every = _distinct(
            [*self.api.input_parameters, *self.resource.input_parameters, *self.operation.input_parameters]
        )
        authored = [each for each in every if self._is_named(each) and not self._is_reserved(each)]
        unsupported = [parameter for parameter in authored if not self._is_supported(parameter)]
        inputs = self._placed([declared_input(parameter) for parameter in authored], path) + list(self._fixed_headers())
        inputs = self._told_apart(inputs)
        read = read_body(self.operation, inputs, Scope(prefixes, self.binds), self.at, self.findings)
        if upstream.authentication is not None and upstream.authentication.placement == "body":
            read = with_credential(read, self.operation.name, self.at, self.findings)
        sendable = is_method(self.operation, self.at, self.findings)
        return ConsumedEntry(
            upstream=upstream,
            path=path,
            authored=self.operation,
            inputs=read.inputs,
            body=read.body,
            binds=self.binds,
            at=self.at,
            refused=refused or bool(unsupported) or read.refused or not sendable,
        )

    def _told_apart(self, inputs: list[Declared]) -> list[Declared]:
        """The inputs, those that share a name with an earlier one, or one in the path, under names of their own."""
        ordered = sorted(inputs, key=lambda item: item.location != "path")
        firsts = {item.name: item for item in reversed(ordered)}
        apart = []
        for item in inputs:
            if firsts[item.name] is not item:
                item = replace(item, called=f"{item.location}_{item.name}")  # noqa: PLW2901 - the same input, renamed
                message = f"callers give `{item.name}` of the {item.location} as `{item.called}`"
                self.findings.inferred(self.at, "same-name", self.operation.name, message)
            apart.append(item)
        return apart

    def _placed(self, declared: list[Declared], path: PathTemplate) -> list[Declared]:
        """The inputs with one for every placeholder of the path."""
        hosts = (*self.base.labels, *self.base.pinned)
        declared = [replace(item, location="host", required=True) if item.name in hosts else item for item in declared]
        inputs = _with_placeholders(declared, path)
        if len(inputs) < len(declared):
            message = f"the path `{path.text}` has no placeholder for an input that is `in: path`; it is not sent"
            self.findings.warning(self.at, "unplaced-input", message)
        for name in dict.fromkeys(path.names):
            if not any(item.name == name and item.location == "path" for item in inputs):
                inputs.append(_undeclared(name, self.resource))
                message = f"`{name}` is a required string, because the path `{path.text}` has `{{{name}}}`"
                self.findings.inferred(self._path_of(name), "undeclared-placeholder", self.operation.name, message)
        inputs += [_host(name) for name in hosts if not any(item.name == name for item in inputs)]
        return inputs

    def _path_of(self, placeholder: str) -> Path:
        """Where the part of the path stands that has a placeholder."""
        for text, at in ((self.operation.path, self.at), (self.resource.path, self.at[:-2])):
            if placeholder in parse_path(text or "").names:
                return (*at, "path")
        return (*self.at[:-4], "baseUri")

    def _fixed_headers(self) -> Iterator[Declared]:
        """The headers that the API wants with every call, but for the one that is its credential."""
        credential = _credential_header(self.api)
        for name, text in self.api.headers.items():
            value = self._with_environment(text, (*self.at[:-4], "headers", name)) if name != credential else text
            fixed = InputParameter.model_validate({"name": name, "in": "header", "value": value})
            if name != credential and not self._is_reserved(fixed):
                at, message = (*self.at[:-4], "headers", name), f"`{name}: {value}` is sent with every call"
                self.findings.inferred(at, "fixed-header", self.api.namespace, message)
                yield replace(declared_input(fixed), rule="fixed-header")

    def _with_environment(self, text: str, at: Path) -> str:
        """The text of a header; a variable in it that no bind has is the environment's, which is told."""

        def named(variable: str) -> str:
            if operators_variable(variable, self.binds) is None:
                variable = f"env.{bound_variable(variable, self.binds, self.api.namespace, at, self.findings)}"
            return f"{{{{{variable}}}}}"

        return parse_template(text).render(named)

    def _is_named(self, parameter: InputParameter) -> bool:
        """Whether an input can be given and sent at all."""
        if parameter.name.strip():
            return True
        message = f"an input of `{self.operation.name}` has an empty name, so it is not sent"
        self.findings.warning(self.at, "unnamed-input", message)
        return False

    def _is_reserved(self, parameter: InputParameter) -> bool:
        """Whether an input is a header that the connection or the credential decides; then nobody can give it."""
        if parameter.location != "header" or parameter.name.lower() not in RESERVED_HEADERS:
            return False
        message = (
            f"the header `{parameter.name}` is the connection's or the credential's; an argument is never sent as it"
        )
        self.findings.warning(self.at, "reserved-header", message)
        return True

    def _is_supported(self, parameter: InputParameter) -> bool:
        """Whether the operation can be run with an input."""
        if parameter.pattern is not None:
            try:
                re.compile(parameter.pattern)
            except re.error as failure:
                message = f"the pattern of `{parameter.name}` is no regular expression: {failure}"
                self.findings.error(self.at, "bad-pattern", message)
        if parameter.location is None or parameter.location in _PLACES:
            return True
        message = f"the input `{parameter.name}` is `in: {parameter.location}`, so `{self.operation.name}` is not run"
        hint = did_you_mean(parameter.location, _PLACES)
        self.findings.warning(self.at, "unsupported-location", message + hint)
        return False


def is_method(operation: ConsumedOperation | ExposedOperation, at: Path, findings: Findings) -> bool:
    """Whether an operation has a method that can be sent; one that has not is told."""
    if operation.method in SENDABLE:
        return True
    message = f"`{operation.method[:40]}` is no method, so `{operation.name}` is not run"
    findings.warning((*at, "method"), "unknown-value", message + did_you_mean(operation.method, sorted(SENDABLE)))
    return False


def _with_placeholders(inputs: list[Declared], path: PathTemplate) -> list[Declared]:
    """The inputs with each path input spelled as its placeholder; one without a placeholder is dropped."""
    spelled: list[Declared] = []
    for declared in inputs:
        if declared.location != "path" or declared.name in path.names:
            spelled.append(declared)
            continue
        likely = [name for name in dict.fromkeys(path.names) if same_name(name, declared.name)]
        if len(likely) == 1:
            spelled.append(replace(declared, name=likely[0]))
    return spelled


def _distinct(parameters: Iterable[InputParameter]) -> Iterable[InputParameter]:
    # The innermost declaration of a name wins, in the place where the name first stood.
    return {(parameter.name, parameter.location): parameter for parameter in parameters}.values()


def _host(name: str) -> Declared:
    return Declared(
        name=name,
        location="host",
        required=True,
        description=f"The {_spoken(name)}, part of the upstream's address.",
        rule="host-label",
    )


def _spoken(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").lower()


def _undeclared(name: str, resource: Resource) -> Declared:
    kind = re.split(r"[-_/ ]", resource.name)[0] or "resource"
    description = f"The {_spoken(name)}, part of the path of the {kind} resource."
    return Declared(
        name=name,
        location="path",
        type="string",
        required=True,
        description=description,
        rule="undeclared-placeholder",
    )
