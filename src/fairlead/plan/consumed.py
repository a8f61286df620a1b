"""The consumed side: every operation of every API, with its inputs complete."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fairlead.plan.findings import Findings
from fairlead.plan.inference import RESERVED_HEADERS, Declared, declared_input, same_name
from fairlead.plan.model import Authentication, TokenSchemeRule, Upstream
from fairlead.plan.paths import PathTemplate, parse_path
from fairlead.plan.templates import Template, parse_template
from fairlead.plan.variables import bind_variables
from fairlead.spec.diagnostics import did_you_mean
from fairlead.spec.model import Authentication as AuthoredAuthentication
from fairlead.spec.model import ConsumedOperation, Consumes, Document, InputParameter, Resource
from fairlead.spec.source import Path

_REQUIRED_KEYS = {"bearer": ("token",), "apikey": ("key", "value"), "basic": ("username", "password")}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumedEntry:
    """One consumed operation: its upstream, its path and every input, placeholders included."""

    upstream: Upstream
    path: PathTemplate
    authored: ConsumedOperation
    inputs: tuple[Declared, ...]
    at: Path


def read_consumed(document: Document, findings: Findings) -> dict[str, ConsumedEntry]:
    """Every consumed operation by the name a `call` uses, `namespace.operation`."""
    entries: dict[str, ConsumedEntry] = {}
    for index, api in enumerate(document.capability.consumes):
        at: Path = ("capability", "consumes", index)
        if api.type != "http":
            findings.error(
                (*at, "type"), "unsupported-type", f"an API of type `{api.type}` cannot be called; use `http`"
            )
            continue
        upstream = _upstream(api, document, at, findings)
        for r, resource in enumerate(api.resources):
            for o, operation in enumerate(resource.operations):
                here = (*at, "resources", r, "operations", o)
                entry = _entry(upstream, api, resource, operation, here, findings)
                _add(entries, f"{api.namespace}.{operation.name}", entry, findings)
    return entries


def _add(entries: dict[str, ConsumedEntry], name: str, entry: ConsumedEntry, findings: Findings) -> None:
    if name in entries:
        first = findings.source.value_position(entries[name].at)
        message = f"`{name}` is already an operation on line {first.line}; rename one of them"
        findings.error((*entry.at, "name"), "duplicate-operation", message)
        return
    entries[name] = entry


def _upstream(api: Consumes, document: Document, at: Path, findings: Findings) -> Upstream:
    base = api.base_uri.strip().rstrip("/")
    if "{" in base:
        message = "the address holds a placeholder; give the real one with `--upstream URL`"
        findings.warning((*at, "baseUri"), "placeholder-address", message)
    elif base and not re.match(r"https?://[^/\s]+", base):
        message = f"`{base}` is no http or https address; give the real one with `--upstream URL`"
        findings.warning((*at, "baseUri"), "no-address", message)
    elif not base:
        findings.warning(at, "no-address", "the API has no `baseUri`; give the address with `--upstream URL`")
    authentication = None
    if api.authentication is not None:
        authentication = _authentication(api.authentication, document, (*at, "authentication"), findings)
    return Upstream(namespace=api.namespace, base=base, authentication=authentication)


def _authentication(
    authored: AuthoredAuthentication, document: Document, at: Path, findings: Findings
) -> Authentication | None:
    missing = [key for key in _REQUIRED_KEYS[authored.type] if not getattr(authored, key)]
    for key in missing:
        findings.error(at, "missing-key", f"an authentication of type `{authored.type}` needs `{key}`")
    texts = {key: getattr(authored, key) for key in ("token", "key", "value", "username", "password")}
    templates = {key: parse_template(text) for key, text in texts.items() if text}
    variables = bind_variables(document)
    for key, template in templates.items():
        for variable in template.variables:
            if variable not in variables:
                known = sorted(variables)
                message = f"no bind has the key `{variable}`{did_you_mean(variable, known)}"
                findings.error((*at, key), "unbound-variable", message)
    schemes = tuple(_scheme_rules(authored, at, findings))
    if missing:
        return None
    return Authentication(
        type=authored.type,
        placement=authored.placement,
        schemes=schemes,
        variables={name: variables[name] for name in _used(templates.values()) if name in variables},
        **templates,
    )


def _scheme_rules(authored: AuthoredAuthentication, at: Path, findings: Findings) -> Iterable[TokenSchemeRule]:
    for index, rule in enumerate(authored.token_schemes):
        here = (*at, "x-fairlead-token-schemes", index)
        if not _SCHEME.fullmatch(rule.scheme):
            findings.error((*here, "scheme"), "bad-scheme", f"`{rule.scheme}` is no authorization scheme")
            continue
        try:
            pattern = re.compile(rule.pattern) if rule.pattern else None
        except re.error as failure:
            findings.error((*here, "pattern"), "bad-pattern", f"the pattern is no regular expression: {failure}")
            continue
        yield TokenSchemeRule(scheme=rule.scheme, pattern=pattern)


def _used(templates: Iterable[Template]) -> Iterable[str]:
    return dict.fromkeys(variable for template in templates for variable in template.variables)


def _entry(
    upstream: Upstream,
    api: Consumes,
    resource: Resource,
    operation: ConsumedOperation,
    at: Path,
    findings: Findings,
) -> ConsumedEntry:
    path = parse_path(resource.path + (operation.path or ""))
    authored = [*api.input_parameters, *resource.input_parameters, *operation.input_parameters]
    declared = [declared_input(parameter) for parameter in _distinct(authored)]
    inputs = _with_placeholders(declared, path)
    if len(inputs) < len(declared):
        message = f"the path `{resource.path}` has no placeholder for an input that is `in: path`; it is not sent"
        findings.warning(at, "unplaced-input", message)
    for name in dict.fromkeys(path.names):
        if not any(item.name == name and item.location == "path" for item in inputs):
            inputs.append(_undeclared(name, resource))
            message = f"`{name}` is a required string, because the path `{resource.path}` has `{{{name}}}`"
            findings.inferred("undeclared-placeholder", operation.name, message)
    for parameter in authored:
        _check_input(parameter, at, findings)
    if operation.body is not None:
        findings.error(
            (*at, "body"),
            "unsupported-body",
            "a `body` template is not supported yet; use an `in: body` input",
        )
    return ConsumedEntry(upstream=upstream, path=path, authored=operation, inputs=tuple(inputs), at=at)


def _check_input(parameter: InputParameter, at: Path, findings: Findings) -> None:
    if parameter.location in {"formData", "cookie", "environment"}:
        message = f"the input `{parameter.name}` is `in: {parameter.location}`, which is not supported yet"
        findings.error(at, "unsupported-location", message)
    if parameter.location == "header" and parameter.name.lower() in RESERVED_HEADERS:
        message = (
            f"the header `{parameter.name}` is the connection's or the credential's; an argument is never sent as it"
        )
        findings.warning(at, "reserved-header", message)
    if parameter.pattern is not None:
        try:
            re.compile(parameter.pattern)
        except re.error as failure:
            message = f"the pattern of `{parameter.name}` is no regular expression: {failure}"
            findings.error(at, "bad-pattern", message)


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


def _undeclared(name: str, resource: Resource) -> Declared:
    kind = re.split(r"[-_/ ]", resource.name)[0] or "resource"
    spoken = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ").lower()
    description = f"The {spoken}, part of the path of the {kind} resource."
    return Declared(
        name=name,
        location="path",
        type="string",
        required=True,
        description=description,
        rule="undeclared-placeholder",
    )
