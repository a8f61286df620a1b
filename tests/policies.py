"""The policies of both adapters for documents of a test's own making, and requests to try on them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from fairlead.expose.doors import Doors, Outside, open_doors
from fairlead.expose.http import Request
from fairlead.plan.model import Plan
from fairlead.settings import Secret, Settings
from issuer import NOW, fetch

SECRET = "qov_canary_5e3b9d17"
TOKENS = {"ada": "ada-token-0123456789", "bob": "bob-token-0123456789"}


@dataclass(slots=True)
class World:
    """The clock, and what was fetched."""

    now: float = NOW
    fetched: list[str] = field(default_factory=list)

    async def fetch(self, address: str) -> bytes:
        """Fetch, and count it."""
        self.fetched.append(address)
        return await fetch(address)

    def outside(self) -> Outside:
        """The world as the checks see it."""
        return Outside(fetch=self.fetch, now=lambda: self.now)


def settings_with(**changed: Any) -> Settings:
    """Settings with the variables of the documents."""
    secrets = {"TIDES_CALLERS": Secret(SECRET), "TIDES_USER": Secret("ada")} | changed.pop("secrets", {})
    return Settings(secrets=secrets, **changed)


def doors(*plans: Plan, world: World | None = None, named: dict[bytes, str] | None = None, **changed: Any) -> Doors:
    """The policies of a loopback server for these plans."""
    return open_doors(plans, settings_with(**changed), "127.0.0.1", named or {}, (world or World()).outside())


def asking(*headers: tuple[str, str], query: bytes = b"", remote: str = "192.0.2.7") -> Request:
    """A request with these headers."""
    return Request("GET", "/v1/tides", query, [(n.encode(), v.encode("latin-1")) for n, v in headers], remote=remote)


def bearer(token: str) -> Request:
    """A request with a token."""
    return asking(("authorization", f"Bearer {token}"))


def password(pair: str) -> Request:
    """A request with a user name and a password."""
    return asking(("authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
