"""Who may call us: the Host and Origin headers, and the token of this server. The same for both adapters."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from fairlead.errors import HostRefused, Unauthorized
from fairlead.expose.http import Headers
from fairlead.settings import LOOPBACK_HOSTS, Secret, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPolicy:
    """What a request has to show. `hosts` None means that any Host is answered (a bind beyond loopback)."""

    hosts: frozenset[str] | None
    origins: frozenset[str]
    token: Secret | None

    def check_place(self, headers: Headers) -> None:
        """Raise HostRefused for a Host or Origin this server does not answer for."""
        host = origin = None
        for name, value in headers:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
        if self.hosts is not None and host is not None and _host_name(host) not in self.hosts:
            raise HostRefused(
                "This server does not answer for that Host.",
                remedy="Call it by its address, or set FAIRLEAD_ALLOWED_HOSTS.",
            )
        if origin is not None and not self._is_own(origin, host):
            raise HostRefused(
                "Pages of that Origin may not call this server.",
                remedy="Allow it with FAIRLEAD_ALLOWED_ORIGINS.",
            )

    def check_token(self, headers: Headers) -> None:
        """Raise Unauthorized unless the request carries this server's token; compared in constant time."""
        if self.token is None:
            return
        given = next((value for name, value in headers if name == b"authorization"), b"")
        scheme, _, presented = given.partition(b" ")
        expected = self.token.reveal().encode()
        if scheme.lower() != b"bearer" or not hmac.compare_digest(presented.strip(), expected):
            raise Unauthorized(
                "This server needs its token.", remedy="Send `Authorization: Bearer <FAIRLEAD_API_TOKEN>`."
            )

    def _is_own(self, origin: bytes, host: bytes | None) -> bool:
        text = origin.decode("latin-1").lower()
        if text in self.origins:
            return True
        try:
            place = urlsplit(text)
            name, scheme, netloc = place.hostname, place.scheme, place.netloc
        except ValueError:
            return False
        if scheme not in {"http", "https"} or name is None:
            return False
        if self.hosts is None:
            return host is not None and netloc == host.decode("latin-1").lower()
        return name in self.hosts


def inbound_policy(settings: Settings, host: str) -> InboundPolicy:
    """The policy of a server bound to `host`."""
    named = frozenset(name.lower() for name in settings.allowed_hosts)
    hosts = named | LOOPBACK_HOSTS | {host} if is_loopback(host) or named else None
    origins = frozenset(origin.lower().rstrip("/") for origin in settings.allowed_origins)
    return InboundPolicy(hosts=hosts, origins=origins, token=settings.api_token)


def is_loopback(host: str) -> bool:
    """Whether a name or an address reaches this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in LOOPBACK_HOSTS


def _host_name(host: bytes) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]
