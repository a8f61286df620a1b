"""Who calls: the ways a request shows it, for everything but access tokens. Secrets are compared as digests."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Protocol
from urllib.parse import unquote_to_bytes

from fairlead.errors import ConfigurationError, Unauthorized
from fairlead.expose.caller_tokens import CallerTokens
from fairlead.expose.http import Headers, Request

_BEARER = 'Bearer realm="fairlead"'
_BASIC = 'Basic realm="fairlead", charset="UTF-8"'


@dataclass(frozen=True, slots=True)
class Caller:
    """A name for records and limits, never a credential; `scopes` are what an access token allows."""

    name: str = ""
    scopes: frozenset[str] = frozenset()


ANYONE = Caller()


class CallerCheck(Protocol):
    """One way of showing who calls."""

    async def caller(self, request: Request) -> Caller:
        """Who calls; raises Unauthorized, or whatever else keeps the caller out."""

    def hidden(self, request: Request) -> Request:
        """The request without a credential that could be taken for an argument."""


@dataclass(frozen=True, slots=True)
class TokenCheck:
    """`Authorization: Bearer`, with one of the tokens this server knows; `remedy` says where callers get one."""

    tokens: CallerTokens
    remedy: str = "Send `Authorization: Bearer <token>`."

    async def caller(self, request: Request) -> Caller:
        """The caller whose token the request carries."""
        return self.named(request.headers)

    def named(self, headers: Headers) -> Caller:
        """The caller whose token the headers carry."""
        given = credentials(headers, b"bearer")
        if given is None:
            raise Unauthorized("This server needs its token.", challenge=_BEARER, remedy=self.remedy)
        name = self.tokens.name_of(given)
        if name is None:
            challenge = f'{_BEARER}, error="invalid_token"'
            raise Unauthorized("This server does not know the token.", challenge=challenge, remedy=self.remedy)
        return Caller(name)

    def hidden(self, request: Request) -> Request:
        """The request itself: no argument is read from `Authorization`."""
        return request


class PasswordCheck:
    """`Authorization: Basic` (RFC 7617), with one user name and one password."""

    __slots__ = ("_caller", "_digest")

    def __init__(self, username: str, password: str) -> None:
        if ":" in username:
            raise ConfigurationError("A user name for basic authentication cannot contain `:`.")
        self._caller = Caller(username)
        self._digest = sha256(f"{username}:{password}".encode()).digest()

    async def caller(self, request: Request) -> Caller:
        """The one user."""
        given = credentials(request.headers, b"basic")
        try:
            pair = None if given is None else b64decode(given, validate=True)
        except binascii.Error:
            pair = b""
        if pair is not None and compare_digest(sha256(pair).digest(), self._digest):
            return self._caller
        wrong = "needs" if pair is None else "does not know"
        raise Unauthorized(
            f"This server {wrong} the user name and password.",
            challenge=_BASIC,
            remedy="Send `Authorization: Basic …`, as `curl -u name:password` does.",
        )

    def hidden(self, request: Request) -> Request:
        """The request itself: no argument is read from `Authorization`."""
        return request


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyCheck:
    """A key under a name of the document's choice, in a header or in the query. Given twice, it is not given."""

    key: str
    in_query: bool
    digest: bytes = field(repr=False)

    async def caller(self, request: Request) -> Caller:
        """The holder of the one key, who has no other name than `apikey`."""
        given = self._from_query(request.query) if self.in_query else values(request.headers, self._header)
        if len(given) == 1 and compare_digest(sha256(given[0]).digest(), self.digest):
            return Caller("apikey")
        raise Unauthorized(
            "This server needs its API key." if not given else "This server does not know the API key.",
            challenge='ApiKey realm="fairlead"',
            remedy=f"Send it in the {'query argument' if self.in_query else 'header'} `{self.key}`.",
        )

    def hidden(self, request: Request) -> Request:
        """The request without the key, so that it is no argument and never travels upstream."""
        if not self.in_query:
            return request._replace(headers=[(name, value) for name, value in request.headers if name != self._header])
        kept = [pair for pair in request.query.split(b"&") if _name(pair) != self.key]
        return request._replace(query=b"&".join(kept))

    @property
    def _header(self) -> bytes:
        return self.key.lower().encode()

    def _from_query(self, query: bytes) -> list[bytes]:
        return [_decoded(pair.partition(b"=")[2]) for pair in query.split(b"&") if _name(pair) == self.key]


def credentials(headers: Headers, scheme: bytes) -> bytes | None:
    """What follows the scheme in the one `Authorization` header; None without one, or with another scheme."""
    given = values(headers, b"authorization")
    if len(given) != 1:
        return None
    word, _, rest = given[0].strip().partition(b" ")
    return rest.strip() if word.lower() == scheme else None


def values(headers: Headers, name: bytes) -> list[bytes]:
    """The value of every header of a lower-case name, without the white space around it."""
    return [value.strip() for key, value in headers if key == name]


def _name(pair: bytes) -> str:
    return _decoded(pair.partition(b"=")[0]).decode("utf-8", "replace")


def _decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))
