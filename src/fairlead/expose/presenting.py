"""How callers present themselves, for the description, the page and the configurations; it never holds a secret."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fairlead.plan.model import Authentication, InboundAuthentication, ResourceServer
from fairlead.plan.templates import Template
from fairlead.spec.source import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Presenting:
    """What a caller sends. Secrets appear as the variables that hold them, `${KEY}`.

    `header` and `query` are a name and a value; `scheme` is OpenAPI's Security Scheme Object, `scopes` what its
    requirement lists. A client that finds out by itself where to get a token is `discovering`.
    """

    scheme: Mapping[str, JsonValue] = field(hash=False)
    header: tuple[str, str] | None = None
    query: tuple[str, str] | None = None
    scopes: Sequence[str] = ()
    discovering: bool = False


OWN_TOKEN = Presenting(
    scheme={"type": "http", "scheme": "bearer", "description": "A token of this server; it is not the upstream's."},
    header=("Authorization", "Bearer ${FAIRLEAD_API_TOKEN}"),
)


def presenting(rule: InboundAuthentication | None, *, token_required: bool) -> Presenting | None:
    """How callers of an adapter present themselves: as its document says, else with a token of the server, if any."""
    if rule is None:
        return OWN_TOKEN if token_required else None
    if isinstance(rule, ResourceServer):
        return _access_token(rule)
    if rule.type == "bearer":
        scheme: dict[str, JsonValue] = {"type": "http", "scheme": "bearer"}
        return Presenting(scheme=scheme, header=("Authorization", f"Bearer {_shown(rule.token, rule)}"))
    if rule.type == "basic":
        pair = f"{_shown(rule.username, rule)}:{_shown(rule.password, rule)}"
        basic: dict[str, JsonValue] = {"type": "http", "scheme": "basic"}
        return Presenting(scheme=basic, header=("Authorization", f"Basic base64({pair})"))
    named = _text(rule.key, rule), _shown(rule.value, rule)
    key: dict[str, JsonValue] = {"type": "apiKey", "in": rule.placement, "name": named[0]}
    if rule.placement == "query":
        return Presenting(scheme=key, query=named)
    return Presenting(scheme=key, header=named)


def _access_token(rule: ResourceServer) -> Presenting:
    issuer, resource = _text(rule.issuer, rule), _text(rule.resource, rule)
    scopes = f", with the scope `{' '.join(rule.scopes)}`" if rule.scopes else ""
    scheme: dict[str, JsonValue] = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": f"An access token of {issuer} for {resource}{scopes}.",
    }
    header = ("Authorization", "Bearer ${ACCESS_TOKEN}")
    return Presenting(scheme=scheme, header=header, scopes=rule.scopes, discovering=True)


def _text(template: Template | None, rule: InboundAuthentication) -> str:
    assert template is not None  # the compiler made sure
    return template.render(lambda name: f"${{{rule.variables[name]}}}")


def _shown(template: Template | None, rule: Authentication) -> str:
    """A text that may be secret: whatever of it stands in the document is masked."""
    assert template is not None  # the compiler made sure
    return _text(Template(tuple("…" if text else "" for text in template.literals), template.variables), rule)
