"""Our own URLs: the address of a route with arguments, and the `Link` header of a page (RFC 8288)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from fairlead.engine.pages import Neighbours, neighbours
from fairlead.engine.texts import text_of
from fairlead.plan.model import Arguments, Pagination, Route
from fairlead.plan.paths import PathTemplate, percent_encoded
from fairlead.spec.source import JsonValue

_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._~%-]*")


@dataclass(frozen=True, slots=True)
class RouteLinks:
    """A route's path and paging, taken apart once."""

    path: PathTemplate
    kept: frozenset[str]
    """The arguments in the query that every page of one list has."""
    pagination: Pagination | None

    def neighbours(self, arguments: Arguments, value: JsonValue) -> Neighbours:
        """What an answer says about the pages around it."""
        return neighbours(self.pagination, arguments, value) if self.pagination else Neighbours()

    def header(self, found: Neighbours, arguments: Arguments, called: str) -> str:
        """The `Link` header for the pages around the answer to a call with these arguments.

        Its addresses are relative to this host; `called` is the path of the present call, whose path arguments are
        theirs. What the route reads from a header or the body has no place in an address.
        """
        path = called
        if not _PLAIN_PATH.fullmatch(called):  # anything else could end the `<…>` of a Link header
            path = self.path.fill({name: text_of(arguments[name]) for name in self.path.names})
        kept = "".join(
            [
                f"{percent_encoded(name)}={percent_encoded(text_of(item))}&"
                for name, value in arguments.items()
                if name in self.kept
                for item in (value if isinstance(value, list) else (value,))
            ]
        )
        return ", ".join(
            [
                f'<{path}?{kept}{percent_encoded(page.parameter)}={percent_encoded(page.token)}>; rel="{page.relation}"'
                for page in found.pages
            ]
        )


def route_links(route: Route) -> RouteLinks:
    """The links of a route."""
    path = route.template
    pagination = route.operation.pagination
    elsewhere = {*path.names, *(pagination.tokens if pagination else ())}
    kept = frozenset(
        parameter.name
        for parameter in route.operation.parameters
        if parameter.location in {"path", "query", "host", "cookie"} and parameter.name not in elsewhere
    )
    return RouteLinks(path, kept, pagination)


def example_call(route: Route, rest_url: str, known: Mapping[str, str]) -> str:
    """A curl line for a route: `known` values where there are some, `<name>` for other required ones."""
    template = route.template
    shown = {name: quote(known[name], safe="") if name in known else f"<{name}>" for name in template.names}
    path = template.with_texts(shown)
    size = route.operation.pagination.size if route.operation.pagination else None
    taken = size is not None and any(parameter.name == size for parameter in route.operation.parameters)
    query = f"?{percent_encoded(size)}=5" if size and taken else ""
    verb = "" if route.method == "GET" else f"-X {route.method} "
    return f"curl {verb}{_in_quotes(f'{rest_url}{path}{query}')}"


def _in_quotes(url: str) -> str:
    quoted = shlex.quote(url)
    return quoted if quoted != url else f"'{url}'"
