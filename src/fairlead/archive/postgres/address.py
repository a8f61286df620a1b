"""Where a PostgreSQL archive is: what the driver needs to know, and what may be shown of it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from urllib.parse import quote

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fairlead.errors import ConfigurationError
from fairlead.settings import Secret

# A server that is gone is noticed within half a minute; the URL may say otherwise.
_DEFAULTS = {
    "application_name": "fairlead",
    "connect_timeout": "10",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}


@dataclass(frozen=True, slots=True)
class Address:
    """How to connect, and the archive's name, which has no password in it."""

    conninfo: Secret
    name: str
    secrets: tuple[Secret, ...] = ()

    def without_secrets(self, text: str) -> str:
        """A text of the driver, fit for a log."""
        for secret in self.secrets:
            text = text.replace(secret.reveal(), "***")
        return text


def address_of(url: Secret) -> Address:
    """The address that a `postgresql://…` URL gives; raises ConfigurationError for one that cannot be read."""
    try:
        told = {key: str(value) for key, value in conninfo_to_dict(url.reveal()).items() if value is not None}
    except psycopg.Error:
        # What the driver says would quote the URL.
        raise ConfigurationError(
            "The URL of the archive cannot be read.",
            remedy="Write `postgresql://USER@HOST:PORT/DATABASE`, other characters in its parts as %XX.",
        ) from None
    secrets = tuple(Secret(value) for key, value in told.items() if "password" in key and value)
    return Address(Secret(make_conninfo("", **_DEFAULTS | told)), _name(told), secrets)


def _name(told: dict[str, str]) -> str:
    user = f"{quote(told['user'], safe='')}@" if "user" in told else ""
    hosts = told.get("host", told.get("hostaddr", "")).split(",")
    ports = told.get("port", "").split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    places = [_host(host) + (f":{port}" if port else "") for host, port in zip_longest(hosts, ports, fillvalue="")]
    return f"postgresql://{user}{','.join(places)}/{quote(told.get('dbname', ''), safe='')}"


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else quote(host, safe="")
