"""The policies of both adapters, from what the documents declare, the settings and the secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from weakref import WeakValueDictionary

from fairlead.errors import ConfigurationError
from fairlead.expose.access_tokens import AccessTokenCheck, Expected, resource_metadata
from fairlead.expose.caller_tokens import CallerTokens, digest_of
from fairlead.expose.callers import CallerCheck, KeyCheck, PasswordCheck, TokenCheck
from fairlead.expose.connect import MCP_PATH
from fairlead.expose.inbound import CallerRate, InboundPolicy, inbound_policy
from fairlead.expose.issuer_keys import Fetch, IssuerKeys
from fairlead.expose.rates import CallRates
from fairlead.plan.addresses import address_fault
from fairlead.plan.inbound import KINDS, Kind, declared_authentication
from fairlead.plan.model import Authentication, InboundAuthentication, Plan, ResourceServer
from fairlead.plan.templates import Template
from fairlead.settings import Secret, Settings

# The caller whom a server with one token has.
_OWN_TOKEN = "api-token"  # noqa: S105 - a name, no secret
_OWN_TOKEN_REMEDY = "Send `Authorization: Bearer <FAIRLEAD_API_TOKEN>`."  # noqa: S105
_SENDABLE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """The policy of each adapter; `tokens` are those of named callers, which may be replaced while they serve."""

    rest: InboundPolicy
    mcp: InboundPolicy
    tokens: CallerTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What the checks of callers need of the world: how to GET the keys of an issuer, and what time it is.

    What it has learned outlives the doors that were opened with it: how often each caller called (`rates`), and the
    keys of the issuers that are asked.
    """

    fetch: Fetch
    now: Callable[[], float]
    rates: CallRates | None = None
    _keys: WeakValueDictionary[tuple[str, str | None], IssuerKeys] = field(default_factory=WeakValueDictionary)

    def keys_of(self, issuer: str, address: str | None) -> IssuerKeys:
        """The keys of an issuer, the same object for as long as somebody uses it."""
        keys = self._keys.get((issuer, address)) or IssuerKeys(issuer, address, self.fetch, self.now)
        self._keys[issuer, address] = keys
        return keys

    def limit(self, rate: float) -> CallerRate | None:
        """How often each caller may call, at `rate` calls a minute; None when 0 sets no limit."""
        if not rate:
            return None
        return CallerRate(rates=CallRates(rate) if self.rates is None else self.rates, now=self.now)


def open_doors(
    plans: Sequence[Plan], settings: Settings, host: str, named: Mapping[bytes, str], outside: Outside
) -> Doors:
    """The policies of a server bound to `host`; `named` is what the token file holds.

    A document's own authentication guards its adapter, for every document served there; an adapter without one takes
    the tokens of the settings and the token file, if there are any. Raises ConfigurationError for variables that are
    missing, documents that do not agree, and tokens that nothing would ask for.
    """
    rules = {kind: declared_authentication(plans, kind) for kind in KINDS}
    _refuse_missing(rules, settings.secrets)
    own = {digest_of(settings.api_token): _OWN_TOKEN} if settings.api_token else {}
    tokens = CallerTokens(own, named)
    token_check = None
    if own or settings.api_token_file:
        _refuse_idle_tokens(plans, rules, settings)
        token_check = TokenCheck(tokens, _OWN_TOKEN_REMEDY) if own else TokenCheck(tokens)
    limit = outside.limit(settings.call_rate)

    def policy(kind: Kind, *paths: str) -> InboundPolicy:
        rule = rules[kind]
        check = token_check if rule is None else _check(rule, settings.secrets, outside)
        answers = resource_metadata(check.expected, *paths) if isinstance(check, AccessTokenCheck) else {}
        return inbound_policy(settings, host, check=check, limit=limit, answers=answers)

    return Doors(rest=policy("rest"), mcp=policy("mcp", MCP_PATH), tokens=tokens)


def asks_every_caller(plans: Sequence[Plan], settings: Settings) -> bool:
    """Whether nothing of the plans is served to callers who show nothing, so that the network may reach it."""
    if settings.api_token is not None or settings.api_token_file:
        return True
    return all(declared_authentication(plans, kind) for kind in KINDS if _served(plans, kind))


def _served(plans: Iterable[Plan], kind: Kind) -> bool:
    return any(plan.routes if kind == "rest" else plan.tools for plan in plans)


def _refuse_missing(rules: Mapping[Kind, InboundAuthentication | None], secrets: Mapping[str, Secret]) -> None:
    needed = dict.fromkeys(name for rule in rules.values() if rule for name in rule.variables.values())
    missing = [name for name in needed if name not in secrets or not secrets[name].reveal().strip()]
    if missing:
        raise ConfigurationError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set, and callers are checked by "
            f"{'it' if len(missing) == 1 else 'them'}.",
            remedy=f"Type `export {' '.join(f'{name}=…' for name in missing)}`.",
        )


def _refuse_idle_tokens(
    plans: Sequence[Plan], rules: Mapping[Kind, InboundAuthentication | None], settings: Settings
) -> None:
    if all(rules[kind] for kind in KINDS if _served(plans, kind)):
        setting = "FAIRLEAD_API_TOKEN" if settings.api_token else f"The token file {settings.api_token_file}"
        raise ConfigurationError(
            f"{setting} would never be asked for: the document says itself what its callers have to show.",
            remedy="Leave it out, or take `authentication` out of the document's `exposes`.",
        )


def _check(rule: InboundAuthentication, secrets: Mapping[str, Secret], outside: Outside) -> CallerCheck:
    def render(template: Template | None) -> str:
        assert template is not None  # the compiler made sure
        return template.render(lambda name: secrets[rule.variables[name]].reveal().strip())

    if isinstance(rule, ResourceServer):
        return _access_token_check(rule, render, outside)
    if rule.type == "bearer":
        digest = digest_of(Secret(_sendable(render(rule.token), "token")))
        return TokenCheck(CallerTokens({digest: "bearer"}))
    if rule.type == "apikey":
        return _key_check(rule, render)
    return PasswordCheck(render(rule.username), render(rule.password))


def _access_token_check(rule: ResourceServer, render: Callable[[Template], str], outside: Outside) -> AccessTokenCheck:
    issuer, resource = (
        _address(render(rule.issuer), "authorization server"),
        _address(render(rule.resource), "resource"),
    )
    expected = Expected(issuer=issuer, resource=resource, audience=render(rule.audience), scopes=rule.scopes)
    address = _address(render(rule.keys), "key set", query=True) if rule.keys else None
    return AccessTokenCheck(expected=expected, keys=outside.keys_of(issuer, address), now=outside.now)


def _key_check(rule: Authentication, render: Callable[[Template | None], str]) -> KeyCheck:
    key, value, in_query = render(rule.key), render(rule.value), rule.placement == "query"
    if not in_query and not _HEADER_NAME.fullmatch(key):
        raise ConfigurationError(f"`{key}` is no header name, so callers cannot send the API key in it.")
    if not in_query:
        _sendable(value, "API key")
    return KeyCheck(key=key, in_query=in_query, digest=sha256(value.encode()).digest())


def _sendable(text: str, what: str) -> str:
    if not _SENDABLE.fullmatch(text):
        raise ConfigurationError(f"The {what} of the callers holds a character that cannot be sent in a header.")
    return text


def _address(address: str, what: str, *, query: bool = False) -> str:
    fault = address_fault(address, query=query)
    if fault:
        raise ConfigurationError(f"The address of the {what} {fault}.", remedy="Write it as https://….")
    return address
