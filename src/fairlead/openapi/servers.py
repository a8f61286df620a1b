"""Where an API is: the servers of a description as addresses that a document can have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from urllib.parse import urljoin, urlsplit

from fairlead.openapi.references import References
from fairlead.openapi.shapes import listed, mapping, text
from fairlead.plan.bases import read_base
from fairlead.plan.paths import PLACEHOLDER
from fairlead.spec.source import JsonValue

_LONGEST_ADDRESS = 2_000
_MOST_SERVERS = 20


def addresses(servers: JsonValue, source: str, references: References) -> tuple[str, ...]:
    """The addresses of a list of servers; `source` is where the description came from, for those that are relative.

    A variable that stands for a label of the host stays a placeholder, which callers fill; any other has its default.
    None is left that a document would take for a variable of the environment: the description would choose what of it
    is sent where.
    """
    every = (references.mapping(each) for each in listed(servers)[:_MOST_SERVERS])
    return tuple(dict.fromkeys(filter(None, (_address(each, source) for each in every))))


def _address(server: dict[str, JsonValue], source: str) -> str:
    spelled = text(server.get("url")).strip()
    variables = mapping(server.get("variables"))
    if len(spelled) > _LONGEST_ADDRESS or not spelled.isprintable():
        return ""
    labels = read_base(spelled, ()).labels
    for match in list(PLACEHOLDER.finditer(spelled)):
        name = match[1] or match[2]
        variable = mapping(variables.get(name))
        if name not in labels and "default" in variable:
            spelled = spelled.replace(match[0], text(variable["default"]))
    if source and "://" not in spelled:
        spelled = urljoin(source, spelled)
    spelled = _without_environment(spelled)
    return spelled.rstrip("/") if len(spelled) <= _LONGEST_ADDRESS else ""


def _without_environment(address: str) -> str:
    """The address with the names of placeholders in small letters, as those in capitals name variables."""
    variables = frozenset(read_base(address, ()).variables)

    def spelled(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return f"{{{name.lower().replace('.', '_')}}}" if name in variables else f"{{{name}}}"

    return PLACEHOLDER.sub(spelled, address.replace("${", "{"))


def swagger_addresses(root: dict[str, JsonValue], source: str) -> tuple[str, ...]:
    """The address of a Swagger 2.0 description: its scheme, host and base path; https before http."""
    origin = urlsplit(source)
    schemes = [text(each) for each in listed(root.get("schemes"))] or [origin.scheme or "https"]
    scheme = "https" if "https" in schemes else "http" if "http" in schemes else "https"
    host = text(root.get("host")).strip("/ ") or origin.netloc
    path = text(root.get("basePath")).strip("/ ")
    address = f"{scheme}://{host}" if host else ""
    made = _without_environment(f"{address}/{path}" if path else address)
    return (made,) if made.isprintable() and 0 < len(made) <= _LONGEST_ADDRESS else ()


def paths_of(every: Iterable[str]) -> Iterator[str]:
    """The path below which each address has its operations."""
    for address in every:
        _, slashes, rest = PLACEHOLDER.sub("{}", address).partition("://")
        yield f"/{rest.partition('/')[2]}".rstrip("/") if slashes else address.rstrip("/")
