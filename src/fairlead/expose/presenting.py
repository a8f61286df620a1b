"""How callers present themselves, for the description, the page and the configurations; it never holds a secret."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from fairlead.plan.inbound import declared_authentication
from fairlead.plan.model import Authentication, InboundAuthentication, Plan, ResourceServer
from fairlead.plan.templates import Template
from fairlead.settings import Settings
from fairlead.spec.source import JsonValue

_VARIABLE = re.compile(r"(\$\{[A-Za-z_][A-Za-z0-9_]*\})")
_SPECIAL = re.compile(r'[\\"`$]')  # to a shell, between double quotes


@dataclass(frozen=True, slots=True, kw_only=True)
class Presenting:
    """What a caller sends: `name` and `value`, in a header or in the query. Secrets appear as variables, `${KEY}`.

    `what` is the same in words, `labels` are those of the fields a person fills in for it. `scheme` is OpenAPI's
    Security Scheme Object, `scopes` what its requirement lists. `pair` is the user name and the password, where
    `value` is made of them. A client that finds out by itself where to get a token is `discovering`.
    """

    what: str
    scheme: Mapping[str, JsonValue] = field(hash=False)
    value: str
    labels: Sequence[str]
    place: Literal["header", "query"] = "header"
    name: str = "Authorization"
    pair: str = ""
    scopes: Sequence[str] = ()
    discovering: bool = False

    @property
    def words(self) -> str:
        """What to do, in a sentence."""
        shown = f"{self.name}={self.value}" if self.place == "query" else f"{self.name}: {self.value}"
        return f"Every call needs {self.what}, in the {self.place}: `{shown}`."

    @property
    def query(self) -> str:
        """The argument of a URL's query, `name=value`; empty for what is sent in a header."""
        return f"{_url_text(self.name)}={self.value}" if self.place == "query" else ""

    @property
    def curl(self) -> str:
        """The option of curl that sends it, for a shell that has the variables."""
        if self.pair:
            return f"-u {_in_quotes(self.pair)}"
        return (
            f"--url-query {_in_quotes(self.query)}" if self.query else f"-H {_in_quotes(f'{self.name}: {self.value}')}"
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What each adapter asks its callers for; None: nothing."""

    rest: Presenting | None
    mcp: Presenting | None


OWN_TOKEN = Presenting(
    what="a token of this server",
    scheme={"type": "http", "scheme": "bearer", "description": "A token of this server; it is not the upstream's."},
    value="Bearer ${FAIRLEAD_API_TOKEN}",
    labels=("API token",),
)


def asked_of_callers(plans: Sequence[Plan], settings: Settings) -> Asked:
    """What a server of these plans and settings asks for."""
    required = bool(settings.api_token or settings.api_token_file)
    return Asked(
        rest=presenting(declared_authentication(plans, "rest"), token_required=required),
        mcp=presenting(declared_authentication(plans, "mcp"), token_required=required),
    )


def presenting(rule: InboundAuthentication | None, *, token_required: bool) -> Presenting | None:
    """How callers of an adapter present themselves: as its document says, else with a token of the server, if any."""
    if rule is None:
        return OWN_TOKEN if token_required else None
    if isinstance(rule, ResourceServer):
        return _access_token(rule)
    if rule.type == "bearer":
        bearer: dict[str, JsonValue] = {"type": "http", "scheme": "bearer"}
        token = _shown(rule.token, rule)
        return Presenting(what="a token", scheme=bearer, value=f"Bearer {token}", labels=("Token",))
    if rule.type == "basic":
        basic: dict[str, JsonValue] = {"type": "http", "scheme": "basic"}
        pair = f"{_shown(rule.username, rule)}:{_shown(rule.password, rule)}"
        labels, value = ("User name", "Password"), f"Basic base64({pair})"
        return Presenting(what="a user name and a password", scheme=basic, value=value, labels=labels, pair=pair)
    name, value = _text(rule.key, rule), _shown(rule.value, rule)
    key: dict[str, JsonValue] = {"type": "apiKey", "in": rule.placement, "name": name}
    place: Literal["header", "query"] = "query" if rule.placement == "query" else "header"
    return Presenting(what="an API key", scheme=key, place=place, name=name, value=value, labels=("API key",))


def _access_token(rule: ResourceServer) -> Presenting:
    issuer, resource = _text(rule.issuer, rule), _text(rule.resource, rule)
    scopes = f", with the scope `{' '.join(rule.scopes)}`" if rule.scopes else ""
    what = f"an access token of {issuer} for {resource}{scopes}"
    scheme: dict[str, JsonValue] = {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": f"A{what[1:]}.",
    }
    return Presenting(
        what=what,
        scheme=scheme,
        value="Bearer ${ACCESS_TOKEN}",
        labels=("Access token",),
        scopes=rule.scopes,
        discovering=True,
    )


def _text(template: Template | None, rule: InboundAuthentication) -> str:
    assert template is not None  # the compiler made sure
    return template.render(lambda name: f"${{{rule.variables[name]}}}")


def _shown(template: Template | None, rule: Authentication) -> str:
    """A text that may be secret: whatever of it stands in the document is masked."""
    assert template is not None  # the compiler made sure
    return _text(Template(tuple("…" if text else "" for text in template.literals), template.variables), rule)


def _url_text(text: str) -> str:
    """A text percent-encoded, but for its variables."""
    return "".join(part if index % 2 else quote(part, safe="") for index, part in enumerate(_VARIABLE.split(text)))


def _in_quotes(text: str) -> str:
    """A text between double quotes, where a shell puts in the variables and runs nothing."""
    parts = [part if index % 2 else _SPECIAL.sub(r"\\\g<0>", part) for index, part in enumerate(_VARIABLE.split(text))]
    return f'"{"".join(parts)}"'
