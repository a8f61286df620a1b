"""Credentials: what is added to every request of an upstream, and what is kept out of every text."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from fairlead.errors import ConfigurationError
from fairlead.settings import Secret

_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]+")
_ESCAPE = re.compile(r"%[0-9A-F]{2}")
MASK = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """Headers, query arguments and fields of the body that authenticate; `secrets` are never to be shown."""

    headers: tuple[tuple[str, Secret], ...] = ()
    query: tuple[tuple[str, Secret], ...] = ()
    fields: tuple[tuple[str, Secret], ...] = ()
    secrets: tuple[Secret, ...] = field(default=(), repr=False)
    _spellings: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        spellings = {spelling for secret in self.secrets for spelling in _spellings_of(secret.reveal())}
        # The longest first, so that no spelling is left over around a shorter one.
        object.__setattr__(self, "_spellings", tuple(sorted(spellings, key=len, reverse=True)))

    def scrub(self, text: str) -> str:
        """The text with every secret in it replaced by `***`, in plain, percent-encoded and base64 spelling.

        Scrub first and cut afterwards: half a secret is not recognized.
        """
        for spelling in self._spellings:
            if spelling in text:
                text = text.replace(spelling, MASK)
        return text

    def shows_in(self, text: str) -> bool:
        """Whether there is something to scrub; one question for many texts joined by line breaks."""
        return any(spelling in text for spelling in self._spellings)

    def masked_headers(self) -> tuple[tuple[str, str], ...]:
        """The headers as they may be shown: the scheme stays, the credential does not."""
        return tuple((name, _masked(value.reveal())) for name, value in self.headers)


def bearer(token: Secret, schemes: Sequence[tuple[re.Pattern[str] | None, str]] = ()) -> Credential:
    """`Authorization: <scheme> <token>`; the first scheme whose pattern fits the token, else `Bearer`."""
    text = _sendable(token, "The token")
    scheme = next((word for pattern, word in schemes if pattern is None or pattern.search(text)), "Bearer")
    header = ("Authorization", Secret(f"{scheme} {text}"))
    return Credential(headers=(header,), secrets=(token,))


def api_key(name: str, value: Secret, placement: str) -> Credential:
    """An API key under a name of the upstream's choice: in a header, the query, a cookie (RFC 6265) or the body."""
    if placement == "query":
        return Credential(query=((name, value),), secrets=(value,))
    if placement == "body":
        return Credential(fields=((name, value),), secrets=(value,))
    if placement == "cookie":
        return Credential(headers=(("Cookie", Secret(_cookie(name, value))),), secrets=(value,))
    if not _HEADER_NAME.fullmatch(name):
        raise ConfigurationError(f"`{name}` is no header name, so the API key cannot be sent in it.")
    return Credential(headers=((name, Secret(_sendable(value, "The API key"))),), secrets=(value,))


def _cookie(name: str, value: Secret) -> str:
    text = _sendable(value, "The API key")
    if not _HEADER_NAME.fullmatch(name) or not _COOKIE_VALUE.fullmatch(text):
        raise ConfigurationError(f"The API key cannot be sent in the cookie `{name}`.")
    return f"{name}={text}"


def basic(username: Secret, password: Secret) -> Credential:
    """`Authorization: Basic …` (RFC 7617)."""
    if ":" in username.reveal():
        raise ConfigurationError("A user name for basic authentication cannot contain `:`.")
    pair = f"{username.reveal()}:{password.reveal()}".encode()
    encoded = base64.b64encode(pair).decode()
    header = ("Authorization", Secret(f"Basic {encoded}"))
    return Credential(headers=(header,), secrets=(password, Secret(encoded)))


def _sendable(secret: Secret, what: str) -> str:
    text = secret.reveal()
    if not _HEADER_VALUE.fullmatch(text):
        raise ConfigurationError(
            f"{what} holds a character that cannot be sent in a header.",
            remedy="Look for a line break or a space at its end.",
        )
    return text


def _spellings_of(value: str) -> set[str]:
    """The ways an upstream may repeat a secret; none for an empty one."""
    if not value:
        return set()
    encoded = {quote(value, safe=""), quote(value), quote_plus(value)}
    lower = {_ESCAPE.sub(lambda match: match[0].lower(), text) for text in encoded}
    pair = (base64.b64encode(value.encode()), base64.urlsafe_b64encode(value.encode()))
    written = json.dumps(value, ensure_ascii=False)[1:-1]
    return {value, written, *encoded, *lower, *(text.decode().rstrip("=") for text in pair)}


def _masked(value: str) -> str:
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {MASK}" if space else MASK
