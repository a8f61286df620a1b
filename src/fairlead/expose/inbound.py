"""Who may call us: the Host and Origin headers, what callers have to show, and how often. One policy an adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from fairlead.errors import HostRefused
from fairlead.expose.callers import ANYONE, Caller, CallerCheck
from fairlead.expose.http import Headers, Request, Response
from fairlead.expose.rates import CallRates, place_of
from fairlead.plan.addresses import is_loopback
from fairlead.settings import LOOPBACK_HOSTS, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerRate:
    """How often each caller may call, by a clock."""

    rates: CallRates
    now: Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPolicy:
    """What a request has to show. `hosts` None means that any Host is answered (a bind beyond loopback).

    `check` None lets anyone call. `answers` are fixed answers, by path, that a client needs before it can show
    anything, so they are open like the pages.
    """

    hosts: frozenset[str] | None
    origins: frozenset[str]
    check: CallerCheck | None
    limit: CallerRate | None
    answers: Mapping[str, Response]

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

    async def admit(self, request: Request) -> tuple[Caller, Request]:
        """Who calls, and the request without a credential that could be taken for an argument.

        Raises Unauthorized, InsufficientScope, UpstreamResting (nobody can tell just now) or TooManyRequests.
        """
        caller = ANYONE
        if self.check is not None:
            caller = await self.check.caller(request)
            request = self.check.hidden(request)
        if self.limit is not None:
            self.limit.rates.spend(caller.name or place_of(request.remote), self.limit.now())
        return caller, request

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


def inbound_policy(
    settings: Settings,
    host: str,
    *,
    check: CallerCheck | None,
    limit: CallerRate | None,
    answers: Mapping[str, Response],
) -> InboundPolicy:
    """The policy of an adapter of a server bound to `host`."""
    named = frozenset(name.lower() for name in settings.allowed_hosts)
    hosts = named | LOOPBACK_HOSTS | {host} if is_loopback(host) or named else None
    origins = frozenset(origin.lower().rstrip("/") for origin in settings.allowed_origins)
    return InboundPolicy(hosts=hosts, origins=origins, check=check, limit=limit, answers=answers)


def _host_name(host: bytes) -> str:
    """The name in a Host header, without port and brackets, in lower case."""
    text = host.decode("latin-1").lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]
