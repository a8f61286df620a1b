"""Access tokens of an authorization server: this server as an OAuth 2.1 resource server (RFC 9068, RFC 9728)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import jwt
import orjson

from fairlead.errors import InsufficientScope, Unauthorized
from fairlead.expose.callers import Caller, credentials
from fairlead.expose.http import Request, Response
from fairlead.expose.issuer_keys import ALGORITHMS, IssuerKeys, same_issuer

METADATA_PATH = "/.well-known/oauth-protected-resource"
_LEEWAY = 30.0  # seconds by which two clocks may differ
_LONGEST_TOKEN = 16 * 1024
_LONGEST_NAME = 200
_JWS = jwt.PyJWS()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an access token has to say: who made it, for whom, and that it allows every one of the scopes."""

    issuer: str
    resource: str
    audience: str
    scopes: tuple[str, ...] = ()

    def caller(self, claims: Mapping[str, object], now: float) -> Caller:
        """Who calls, by claims whose signature is good; raises Unauthorized or InsufficientScope."""
        if not same_issuer(claims.get("iss"), self.issuer):
            raise self.refusal("The token is of another issuer.")
        audiences = claims.get("aud")
        if self.audience not in (audiences if isinstance(audiences, list) else [audiences]):
            raise self.refusal("The token is not meant for this server.")
        expires, begins = _moment(claims.get("exp")), _moment(claims.get("nbf", 0))
        if expires is None or begins is None:
            raise self.refusal("The token does not say how long it is good for.")
        if expires + _LEEWAY <= now:
            raise self.refusal("The token has expired.")
        if begins - _LEEWAY > now:
            raise self.refusal("The token is not good yet.")
        scopes = frozenset((*_words(claims.get("scope")), *_words(claims.get("scp"))))
        missing = [scope for scope in self.scopes if scope not in scopes]
        if missing:
            challenge = self.challenge("insufficient_scope")
            raise InsufficientScope(f"The token lacks the scope `{' '.join(missing)}`.", challenge=challenge)
        name = next((text for key in ("sub", "client_id", "azp") if (text := claims.get(key))), None)
        if not isinstance(name, str):
            raise self.refusal("The token does not say whom it was made for.")
        return Caller(name[:_LONGEST_NAME], scopes)

    def refusal(self, public: str) -> Unauthorized:
        """The refusal of a token; the caller may ask the issuer for another one."""
        return Unauthorized(public, challenge=self.challenge("invalid_token"), remedy=self.remedy)

    def challenge(self, error: str = "") -> str:
        """The `WWW-Authenticate` that says where to get a token, and with which scopes (RFC 6750, RFC 9728)."""
        parts = ['realm="fairlead"', f'resource_metadata="{metadata_address(self.resource)}"']
        if error:
            parts.insert(1, f'error="{error}"')
        if self.scopes:
            parts.append(f'scope="{" ".join(self.scopes)}"')
        return f"Bearer {', '.join(parts)}"

    @property
    def remedy(self) -> str:
        """Where a token comes from."""
        return f"Send `Authorization: Bearer …` with an access token of {self.issuer}."


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessTokenCheck:
    """`Authorization: Bearer`, with a token whose signature, issuer, audience, times and scopes are as expected."""

    expected: Expected
    keys: IssuerKeys = field(repr=False)
    now: Callable[[], float] = field(repr=False)

    async def caller(self, request: Request) -> Caller:
        """Whom the token was made for; raises UpstreamResting when the issuer's keys cannot be had."""
        token = credentials(request.headers, b"bearer")
        if token is None:
            challenge = self.expected.challenge()
            raise Unauthorized("This server needs an access token.", challenge=challenge, remedy=self.expected.remedy)
        return self.expected.caller(await self._claims(token), self.now())

    async def _claims(self, token: bytes) -> Mapping[str, object]:
        try:
            header = _JWS.get_unverified_header(token) if len(token) <= _LONGEST_TOKEN else {}
        except jwt.PyJWTError:
            header = {}
        if str(header.get("alg")) not in ALGORITHMS:  # looked at before a key is, so that it costs nobody a fetch
            raise self.expected.refusal("The token is no signed JSON Web Token this server can verify.")
        key = await self.keys.find(header.get("kid"))
        if key is None:
            raise self.expected.refusal("The token is signed with a key its issuer does not have.")
        try:
            claims = orjson.loads(_JWS.decode(token, key.key, algorithms=list(key.algorithms)))
        except (jwt.PyJWTError, orjson.JSONDecodeError):
            claims = None
        if not isinstance(claims, dict):
            raise self.expected.refusal("The token's signature is not good.")
        return claims

    def hidden(self, request: Request) -> Request:
        """The request itself: no argument is read from `Authorization`."""
        return request


def resource_metadata(expected: Expected, *more_paths: str) -> dict[str, Response]:
    """The answers that tell clients where to get a token, by path: at the root, and below it where clients look."""
    described: dict[str, object] = {
        "resource": expected.resource,
        "authorization_servers": [expected.issuer],
        "bearer_methods_supported": ["header"],
    }
    if expected.scopes:
        described["scopes_supported"] = list(expected.scopes)
    headers = (
        ("content-type", "application/json"),
        ("cache-control", "max-age=300"),
        ("x-content-type-options", "nosniff"),
    )
    answer = Response(200, headers, orjson.dumps(described))
    own = urlsplit(metadata_address(expected.resource)).path
    return dict.fromkeys((METADATA_PATH, own, *(METADATA_PATH + path for path in more_paths)), answer)


def metadata_address(resource: str) -> str:
    """Where the metadata of a resource is (RFC 9728, section 3.1)."""
    parts = urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}{METADATA_PATH}{parts.path.rstrip('/')}"


def _moment(claim: object) -> float | None:
    return float(claim) if isinstance(claim, int | float) and not isinstance(claim, bool) else None


def _words(claim: object) -> list[str]:
    if isinstance(claim, str):
        return claim.split()
    return [word for word in claim if isinstance(word, str)] if isinstance(claim, list) else []
