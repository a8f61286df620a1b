"""Fetches a description from where its provider publishes it: bounded, without a credential, from that host only."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urljoin, urlsplit

from fairlead.errors import ConfigurationError, UpstreamInvalid, UpstreamTooLarge
from fairlead.settings import Settings
from fairlead.upstream.client import UpstreamClient, open_client
from fairlead.upstream.request import UpstreamRequest

_MOST_REDIRECTS = 3
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REMEDY = "Download it, look at it, and give the file."
_ACCEPT = ("Accept", "application/vnd.oai.openapi+json, application/json, application/yaml, */*;q=0.5")


async def fetch_description(address: str, settings: Settings, *, most: int) -> bytes:
    """What is at an http or https address, at most so many bytes; a redirect to another place is told, not followed.

    Raises ConfigurationError for an address that cannot be asked, and UpstreamError when there is no usable answer.
    """
    _check(address)
    async with open_client(replace(settings, max_response_bytes=most)) as client:
        for _ in range(_MOST_REDIRECTS + 1):
            body, elsewhere = await _ask(client, address, most)
            if elsewhere is None:
                return body
            there = urljoin(address, elsewhere)
            if _origin(there) != _origin(address):
                raise UpstreamInvalid(
                    f"The answer leads to another place, {there.partition('?')[0][:200]}.",
                    remedy="If you trust it, give that address.",
                )
            address = there
    raise UpstreamInvalid("The answer leads from one address to the next without end.", remedy=_REMEDY)


async def _ask(client: UpstreamClient, address: str, most: int) -> tuple[bytes, str | None]:
    """The body, or where the answer leads to."""
    try:
        response = await client.send(UpstreamRequest("GET", address, (_ACCEPT,)))
    except UpstreamTooLarge:
        raise UpstreamTooLarge(f"The answer is larger than {most // 1024 // 1024} MiB.", remedy=_REMEDY) from None
    location = dict(response.headers).get("location", "")
    if response.status in _REDIRECTS and location:
        return b"", location
    if response.status != 200:
        raise UpstreamInvalid(f"The answer was {response.status}, not 200.", remedy=_REMEDY)
    return response.body, None


def _check(address: str) -> None:
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not address.isprintable() or " " in address:
        raise ConfigurationError("That is no http or https address.", remedy="Give a whole one, or a file.")
    if parts.username or parts.password:
        raise ConfigurationError("The address holds a user name or password.", remedy=_REMEDY)


def _origin(address: str) -> tuple[str, str]:
    try:
        parts = urlsplit(address)
        return parts.scheme, parts.netloc.lower()
    except ValueError:
        return "", ""
