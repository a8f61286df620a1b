"""What callers have to show: `exposes[].authentication`, compiled. An adapter that declares it is never left open."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from fairlead.errors import ConfigurationError
from fairlead.plan.addresses import address_fault
from fairlead.plan.findings import Findings
from fairlead.plan.model import Authentication, InboundAuthentication, Plan, ResourceServer, Route
from fairlead.plan.templates import Template, parse_template
from fairlead.plan.variables import bind_variables
from fairlead.spec.diagnostics import did_you_mean
from fairlead.spec.model import Adapter, Document, ExposedOperation, ExposedResource, ExposedTool
from fairlead.spec.model import InboundAuthentication as Authored
from fairlead.spec.source import Path

Kind: TypeAlias = Literal["rest", "mcp"]
KINDS: tuple[Kind, ...] = ("rest", "mcp")

_TYPES = ("bearer", "apikey", "basic", "oauth2")
_LIKE_AUTHENTICATION = ("authentication", "authorization", "auth", "security")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, section 3.3


def read_inbound(document: Document, findings: Findings) -> dict[str, InboundAuthentication]:
    """The authentication of each type of adapter that declares one.

    Whatever is declared and cannot be held is an error, so that the document is not served without it.
    """
    variables = bind_variables(document, findings.source.file)
    declared: dict[str, InboundAuthentication | None] = {}
    for index, adapter in enumerate(document.capability.exposes):
        if adapter.type not in KINDS:
            continue
        at: Path = ("capability", "exposes", index)
        rule = _declared(adapter, variables, at, findings)
        if rule is None and "authentication" in adapter.model_fields_set:
            continue  # what is wrong with it has been said
        if declared.setdefault(adapter.type, rule) != rule:
            message = (
                f"the adapters of type `{adapter.type}` share a port, so they share one authentication; "
                "give each of them the same"
            )
            findings.error(at, "several-authentications", message)
    return {kind: rule for kind, rule in declared.items() if rule is not None}


def declared_authentication(plans: Iterable[Plan], kind: Kind) -> InboundAuthentication | None:
    """The one authentication that plans on one port declare; those that declare none are behind it too.

    Raises ConfigurationError when they declare different ones.
    """
    found: dict[str, InboundAuthentication] = {}
    for plan in plans:
        rule = plan.rest_authentication if kind == "rest" else plan.mcp_authentication
        if rule is not None and rule not in found.values():
            found[plan.file] = rule
    if len(found) > 1:
        raise ConfigurationError(
            f"{' and '.join(found)} ask callers of {kind.upper()} for different things, and share its port.",
            remedy="Serve them apart.",
        )
    return next(iter(found.values()), None)


def warn_of_shadowed(
    rule: InboundAuthentication | None, routes: Iterable[tuple[Route, Path]], findings: Findings
) -> None:
    """Warn of parameters that callers cannot give, because the adapter's own key has their name."""
    if not isinstance(rule, Authentication) or rule.key is None or rule.key.variables:
        return
    key = rule.key.literals[0]
    for route, at in routes:
        for parameter in route.operation.parameters:
            same = parameter.name == key or (rule.placement == "header" and parameter.name.lower() == key.lower())
            if same and parameter.location == rule.placement:
                message = f"callers cannot give `{parameter.name}`, because `{key}` is the key they authenticate with"
                findings.warning(at, "shadowed-input", message)


def _declared(
    adapter: Adapter, variables: Mapping[str, str], at: Path, findings: Findings
) -> InboundAuthentication | None:
    _refuse_misplaced(adapter, at, findings)
    for r, resource in enumerate(adapter.resources):
        _refuse_misplaced(resource, (*at, "resources", r), findings)
        for o, operation in enumerate(resource.operations):
            _refuse_misplaced(operation, (*at, "resources", r, "operations", o), findings)
    for t, tool in enumerate(adapter.tools):
        _refuse_misplaced(tool, (*at, "tools", t), findings)
    if "authentication" not in adapter.model_fields_set:
        return None
    here = (*at, "authentication")
    if adapter.authentication is None:
        findings.error(here, "missing-key", "an authentication needs `type`")
        return None
    return _Reading(adapter.authentication, variables, here, findings).rule()


def _refuse_misplaced(
    model: Adapter | ExposedResource | ExposedOperation | ExposedTool, at: Path, findings: Findings
) -> None:
    """What is meant to guard and guards nothing is an error, where another unknown key is a warning."""
    for key in model.model_extra or {}:
        if difflib.get_close_matches(key.lower()[:100], _LIKE_AUTHENTICATION, n=1, cutoff=0.82):
            message = (
                f"nobody reads `{key}` here, so nothing would be asked of callers; an adapter has `authentication`"
            )
            findings.error((*at, key), "misplaced-authentication", message)


class _Reading:
    """One authentication being read: what the author wrote, and where findings about it go."""

    def __init__(self, authored: Authored, variables: Mapping[str, str], at: Path, findings: Findings) -> None:
        self.authored = authored
        self.variables = variables
        self.at = at
        self.findings = findings
        self.used: dict[str, str] = {}

    def rule(self) -> InboundAuthentication | None:
        kind = self.authored.type.replace("-", "").replace("_", "")
        if kind == "bearer":
            token = self._needed("token", "value")
            self._placement("header")
            return Authentication(type="bearer", token=token, variables=self.used) if token else None
        if kind == "apikey":
            return self._api_key()
        if kind == "basic":
            name, password = self._needed("username"), self._needed("password")
            pair = Authentication(type="basic", username=name, password=password, variables=self.used)
            return pair if name and password else None
        if kind == "oauth2":
            return self._resource_server()
        if kind:  # a type that is missing is a diagnostic already
            hint = did_you_mean(kind, _TYPES) or f"; use one of {', '.join(_TYPES)}"
            message = f"callers cannot be authenticated by `{self.authored.type}`{hint}"
            self.findings.error((*self.at, "type"), "unsupported-authentication", message)
        return None

    def _api_key(self) -> Authentication | None:
        key, value = self._needed("key", "name"), self._needed("value")
        placement = self._placement("header", "query")
        if key is None or value is None:
            return None
        return Authentication(
            type="apikey",
            key=key,
            value=value,
            placement="query" if placement == "query" else "header",
            variables=self.used,
        )

    def _resource_server(self) -> ResourceServer | None:
        validation = self.authored.token_validation or "jwks"
        if validation != "jwks":
            message = f"tokens cannot be validated by `{validation}`; use `jwks`"
            self.findings.error((*self.at, "tokenValidation"), "unsupported-validation", message)
        issuer = self._address(self._needed("authorizationServerUri", "authorizationServerUrl"), "authorization server")
        resource = self._address(self._needed("resource"), "resource")
        audience, keys = self._given("audience"), self._given("x-fairlead-jwks-uri")
        self._address(keys, "key set", query=True)
        scopes = tuple(self._scopes())
        if issuer is None or resource is None:
            return None
        return ResourceServer(
            issuer=issuer,
            resource=resource,
            audience=audience or resource,
            scopes=scopes,
            keys=keys,
            variables=self.used,
        )

    def _placement(self, *allowed: str) -> str:
        given = self.authored.placement or self.authored.in_ or "header"
        if given not in allowed:
            message = f"callers cannot place it in `{given}`; use {' or '.join(f'`{place}`' for place in allowed)}"
            self.findings.error(self.at, "unsupported-placement", message)
        return given

    def _scopes(self) -> Iterable[str]:
        scopes = self.authored.scopes
        for scope in scopes.split() if isinstance(scopes, str) else scopes:
            if _SCOPE.fullmatch(scope):
                yield scope
            else:
                self.findings.error((*self.at, "scopes"), "bad-scope", f"`{scope}` is no scope: one word each")

    def _address(self, template: Template | None, what: str, *, query: bool = False) -> Template | None:
        fault = "" if template is None or template.variables else address_fault(template.literals[0], query=query)
        if fault:
            self.findings.error(self.at, "bad-address", f"the address of the {what} {fault}")
        return template

    def _needed(self, *keys: str) -> Template | None:
        """The template under the first key that is given; none of them given is an error."""
        found = self._given(*keys)
        if found is None:
            message = f"an authentication of type `{self.authored.type}` needs `{keys[0]}`"
            self.findings.error(self.at, "missing-key", message)
        return found

    def _given(self, *keys: str) -> Template | None:
        texts = self.authored.model_dump(by_alias=True)
        key = next((key for key in keys if texts[key]), None)
        if key is None:
            return None
        template = parse_template(str(texts[key]))
        for variable in template.variables:
            if variable in self.variables:
                self.used[variable] = self.variables[variable]
            else:
                message = f"no bind has the key `{variable}`{did_you_mean(variable, sorted(self.variables))}"
                self.findings.error((*self.at, key), "unbound-variable", message)
        if key in {"token", "value", "password"} and not template.variables:
            message = (
                f"whoever reads the document knows the {key}; name a bind instead, as in `{{{{env.{key.upper()}}}}}`"
            )
            self.findings.warning((*self.at, key), "literal-secret", message)
        return template
