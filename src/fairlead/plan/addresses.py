"""Which addresses can be trusted with what they are for."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from fairlead.settings import LOOPBACK_HOSTS

_QUOTABLE = re.compile(r"[!$-\[\]_a-z~]+")  # what may stand between quotes in a header, and in an address


def address_fault(address: str, *, query: bool = False) -> str:
    """What is wrong with the address of an authorization server, of its keys or of this server; empty: nothing.

    `query` allows one: some key sets are at such an address, and nothing is derived from theirs.
    """
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"http", "https"} or not _QUOTABLE.fullmatch(address.lower()):
        return "is no http or https address"
    if parts.username is not None or (parts.query and not query) or parts.fragment:
        return "holds more than a host and a path"
    if parts.scheme == "http" and not is_loopback(host):
        return "is not https"
    return ""


def is_loopback(host: str) -> bool:
    """Whether a name or an address reaches this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in LOOPBACK_HOSTS
