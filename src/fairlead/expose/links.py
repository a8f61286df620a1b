"""Our own URLs: the address of a route with arguments, and the `Link` header of a page (RFC 8288)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from fairlead.engine.fill import text_of
from fairlead.engine.pages import neighbours
from fairlead.plan.model import Arguments, Pagination, Route
from fairlead.plan.paths import PathTemplate, percent_encoded
from fairlead.spec.source import JsonValue


@dataclass(frozen=True, slots=True)
class RouteLinks:
    """A route's path and paging, taken apart once."""

    path: PathTemplate
    pagination: Pagination | None

    def url(self, arguments: Arguments) -> str:
        """The path and query that call the route with these arguments, relative to this host."""
        path = self.path.fill({name: text_of(arguments[name]) for name in self.path.names})
        pairs = [
            f"{percent_encoded(name)}={percent_encoded(text_of(item))}"
            for name, value in arguments.items()
            if name not in self.path.names
            for item in (value if isinstance(value, list) else (value,))
        ]
        return f"{path}?{'&'.join(pairs)}" if pairs else path

    def header(self, arguments: Arguments, value: JsonValue) -> str:
        """The `Link` header for an answer; empty when it has no neighbours."""
        if self.pagination is None:
            return ""
        found = neighbours(self.pagination, arguments, value)
        return ", ".join(f'<{self.url(page.arguments)}>; rel="{page.relation}"' for page in found)


def route_links(route: Route) -> RouteLinks:
    """The links of a route."""
    literals, names = [""], []
    for segment in route.segments:
        literals[-1] += "/"
        if segment.parameter is None:
            literals[-1] += quote(segment.text)
        else:
            names.append(segment.parameter)
            literals.append("")
    return RouteLinks(PathTemplate(tuple(literals), tuple(names)), route.operation.pagination)


def example_call(route: Route, rest_url: str, known: Mapping[str, str]) -> str:
    """A curl line for a route: `known` values where there are some, `<name>` for other required ones."""
    path = "".join(
        f"/{known.get(segment.parameter, f'<{segment.parameter}>')}" if segment.parameter else f"/{segment.text}"
        for segment in route.segments
    )
    size = route.operation.pagination.size if route.operation.pagination else None
    query = f"?{size}=5" if size else ""
    verb = "" if route.method == "GET" else f"-X {route.method} "
    return f"curl {verb}'{rest_url}{path}{query}'"
