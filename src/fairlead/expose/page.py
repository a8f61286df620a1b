"""The capability page, the reference at `/docs` and their files, rendered once from the Plans."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from fairlead.archive.contract import TRAIL_URI
from fairlead.expose.connect import client_name, http_client
from fairlead.expose.presenting import Asked
from fairlead.expose.problems import PROBLEM_KINDS
from fairlead.expose.rest_arguments import takes_body
from fairlead.plan.model import Authentication, Parameter, Plan, Route, Semantics, Tool
from fairlead.plan.parameters import arguments_schema
from fairlead.spec.source import JsonValue

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cache-Control", "no-cache"),
)
_HTML = "text/html; charset=utf-8"
_ICON = "image/svg+xml"
_FILES = {
    "/_fairlead/page.css": ("page.css", "text/css; charset=utf-8"),
    "/_fairlead/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/_fairlead/icon.svg": ("icon.svg", _ICON),
    "/favicon.ico": ("icon.svg", _ICON),
}
_DEFAULT_PORT = 8080
_LONGEST_HEADLINE = 120
_MOST_OPEN_FIELDS = 4
_CODE = re.compile(r"`([^`\n]+)`")
_FORMAT_EXAMPLES = {
    "uuid": "123e4567-e89b-12d3-a456-426614174000",
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "email": "name@example.org",
}
# What every browser reads alike under the `v` flag of the pattern attribute; the server checks all patterns.
_PORTABLE_PATTERN = re.compile(r"(?:\[\^?(?:\w-\w|\w)+\]|\\[dDwWsS.*+?^${}()|/\\\[\]]|[^\[\]\\])*")


@dataclass(frozen=True, slots=True)
class StaticPage:
    """One answer that never changes while the server runs."""

    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One control of a try-it form; `place` is the part of the request that its value goes to."""

    id: str
    parameter: Parameter
    place: str
    control: str
    placeholder: str
    pattern: str
    options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CommandPart:
    """A piece of a command line, and what may take its place: this server's origin, or a parameter's value."""

    text: str
    parameter: str = ""
    is_origin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteCard:
    """A REST operation as the page shows it."""

    id: str
    route: Route
    display_name: str
    headline: str
    notes: str
    badges: tuple[str, ...]
    path: str
    """A JSON list of literal texts, as they stand in an address, and parameters in turn."""
    fields: tuple[Field, ...]
    folded: tuple[Field, ...]
    command: tuple[CommandPart, ...]
    response_schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCard:
    """An MCP tool as the page shows it; `arguments` pairs each name in its schema with the parameter."""

    id: str
    tool: Tool
    headline: str
    notes: str
    badges: tuple[str, ...]
    arguments: tuple[tuple[str, Parameter], ...]
    schema: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """One Plan as the page shows it; `text` is empty for a document that a secret stands in."""

    id: str
    plan: Plan
    text: str
    routes: tuple[RouteCard, ...]
    tools: tuple[ToolCard, ...]


@functools.cache
def _environment() -> Environment:
    """The templates, compiled once: a reload renders them again."""
    environment = Environment(
        loader=PackageLoader("fairlead.expose"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"prose": _prose, "number": _number, "json": _text}
    return environment


def render_pages(
    plans: Sequence[Plan], *, mcp_url: str, asked: Asked, version: str, stdio: str = ""
) -> Mapping[str, StaticPage]:
    """Every page and file of the user interface, by URL path; `stdio` is shown to MCP clients that start us."""
    remote = http_client(client_name(plans), mcp_url, asked.mcp)
    configurations = [("Over HTTP, from this server", remote), ("Over stdio, started by the client", stdio)]
    environment = _environment()
    context = {
        "capabilities": _capabilities(plans),
        "mcp_url": mcp_url,
        "client_configurations": [shown for shown in configurations if shown[1]],
        "paged": any(route.operation.pagination for plan in plans for route in plan.routes),
        "has_archive": any(upstream.base == TRAIL_URI for plan in plans for upstream in plan.upstreams),
        "asked": asked,
        "version": version,
        "problems": PROBLEM_KINDS,
    }
    pages = {
        path: StaticPage(_HTML, environment.get_template(name).render(context).encode(), _HEADERS)
        for path, name in (("/", "page.html"), ("/docs", "docs.html"))
    }
    folder = files("fairlead.expose") / "templates"
    for path, (name, content_type) in _FILES.items():
        pages[path] = StaticPage(content_type, (folder / name).read_bytes(), _HEADERS)
    return pages


def _capabilities(plans: Sequence[Plan]) -> tuple[Capability, ...]:
    new_id = _id_maker()
    return tuple(
        Capability(
            id=new_id("capability", plan.namespace),
            plan=plan,
            text="" if _holds_secret(plan) else plan.text,
            routes=tuple(_route_card(plan, route, new_id) for route in plan.routes),
            tools=tuple(_tool_card(tool, new_id) for tool in plan.tools),
        )
        for plan in plans
    )


def _holds_secret(plan: Plan) -> bool:
    """Whether the author wrote a secret, ours or the callers', into the document instead of naming a bind."""
    rules = (
        *(upstream.authentication for upstream in plan.upstreams),
        plan.rest_authentication,
        plan.mcp_authentication,
    )
    secrets = (
        template
        for rule in rules
        if isinstance(rule, Authentication)
        for template in (rule.token, rule.value, rule.password)
    )
    return any(template is not None and not template.variables for template in secrets)


def _id_maker() -> Callable[[str, str], str]:
    """A function that makes an element id of a kind and a name, never the same one twice."""
    taken: set[str] = set()

    def new_id(kind: str, name: str) -> str:
        stem = f"{kind}-{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-') or 'unnamed'}"
        made, number = stem, 2
        while made in taken:
            made, number = f"{stem}-{number}", number + 1
        taken.add(made)
        return made

    return new_id


def _route_card(plan: Plan, route: Route, new_id: Callable[[str, str], str]) -> RouteCard:
    display_name = route.name.capitalize()
    headline, notes = _headline(route.description or route.operation.description, display_name)
    card_id = new_id("operation", route.name)
    filled = {placeholder.parameter for placeholder in route.placeholders}
    fields = [
        _field(new_id(f"{card_id}-field", parameter.name), parameter, _place(route, parameter, filled))
        for parameter in route.operation.parameters
    ]
    fields.sort(key=lambda field: (not field.parameter.required, field.place != "path"))
    optional = [field for field in fields if not field.parameter.required]
    folded = optional if len(optional) > _MOST_OPEN_FIELDS else []
    schema = route.operation.response_schema
    return RouteCard(
        id=card_id,
        route=route,
        display_name=display_name,
        headline=headline,
        notes=notes,
        badges=_badges(route.operation.semantics),
        path=_text([part for pair in _path_parts(route) for part in pair]),
        fields=tuple(field for field in fields if field not in folded),
        folded=tuple(folded),
        command=tuple(_command(plan, route, fields)),
        response_schema=_pretty(dict(schema)) if schema else "",
    )


def _place(route: Route, parameter: Parameter, filled: Collection[str]) -> str:
    if parameter.name in filled:
        return "path"
    if parameter.location == "field" and takes_body(route):
        return "field"
    return parameter.location if parameter.location in {"header", "body"} else "query"


def _field(field_id: str, parameter: Parameter, place: str) -> Field:
    control = _control(parameter, place)
    return Field(
        id=field_id,
        parameter=parameter,
        place=place,
        control=control,
        placeholder=_placeholder(parameter),
        pattern=_portable_pattern(parameter.pattern) if control == "text" else "",
        options=_options(parameter),
    )


def _control(parameter: Parameter, place: str) -> str:
    if place == "body" or parameter.type in {"array", "object"}:
        return "textarea"
    if parameter.type == "boolean" or parameter.enum:
        return "select"
    return "number" if parameter.type in {"integer", "number"} else "text"


def _options(parameter: Parameter) -> tuple[str, ...]:
    if parameter.enum:
        return tuple(_text(value) for value in parameter.enum)
    return ("true", "false") if parameter.type == "boolean" else parameter.known_values


def _placeholder(parameter: Parameter) -> str:
    if parameter.default is not None:
        return f"{_text(parameter.default)} (default)"
    if parameter.example is not None:
        return f"for example {_text(parameter.example)}"
    return _FORMAT_EXAMPLES.get(parameter.format or "", "")


def _portable_pattern(pattern: str | None) -> str:
    """The pattern for an input element, which matches whole values where JSON Schema searches."""
    if not pattern or not _PORTABLE_PATTERN.fullmatch(pattern):
        return ""
    return f".*(?:{pattern}).*"


def _tool_card(tool: Tool, new_id: Callable[[str, str], str]) -> ToolCard:
    headline, notes = _headline(tool.description, tool.title or tool.name)
    parameters, aliases = tool.operation.parameters, tool.aliases
    return ToolCard(
        id=new_id("tool", tool.name),
        tool=tool,
        headline=headline,
        notes=notes,
        badges=_badges(tool.semantics),
        arguments=tuple((tool.aliases.get(parameter.name, parameter.name), parameter) for parameter in parameters),
        schema=_pretty(arguments_schema(parameters, aliases)),
    )


def _prose(text: str) -> Markup:
    """Text for a page, in which `this` is code."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped first


def _badges(semantics: Semantics) -> tuple[str, ...]:
    marks = {
        "read-only": semantics.read_only,
        "destructive": semantics.destructive,
        "idempotent": semantics.idempotent,
    }
    return tuple(mark for mark, holds in marks.items() if holds)


def _headline(text: str, fallback: str) -> tuple[str, str]:
    """A description as one line and what follows it; one without a short first line stays whole."""
    first, _, rest = text.strip().partition("\n")
    if not first or len(first) > _LONGEST_HEADLINE:
        return fallback, text.strip()
    return first, rest.strip()


def _command(plan: Plan, route: Route, fields: Iterable[Field]) -> Iterable[CommandPart]:
    """The curl command of a route with its required parameters, quoted for a shell."""
    required = [field for field in fields if field.parameter.required]
    yield CommandPart("curl '" if route.method == "GET" else f"curl -X {_quoted(route.method)} '")
    yield CommandPart(f"http://127.0.0.1:{plan.rest_port or _DEFAULT_PORT}", is_origin=True)
    for literal, name in _path_parts(route):
        yield CommandPart(_quoted(literal))
        if name:
            yield _replaceable(name)
    mark = "?"
    for field in required:
        if field.place == "query":
            yield CommandPart(f"{mark}{_quoted(field.parameter.name)}=")
            yield _replaceable(field.parameter.name)
            mark = "&"
    yield CommandPart("'")
    for field in required:
        if field.place == "header":
            yield CommandPart(f" -H '{_quoted(field.parameter.name)}: {_stand_in(field.parameter.name)}'")
    if any(field.place in {"body", "field"} for field in required):
        yield CommandPart(" -H 'Content-Type: application/json' --data @body.json")


def _quoted(text: str) -> str:
    return text.replace("'", "'\\''")


def _path_parts(route: Route) -> Iterable[tuple[str, str]]:
    """The literal texts of a path, each with the parameter after it; the last has none."""
    template = route.template
    return zip(template.literals, (*template.names, ""), strict=True)


def _replaceable(name: str) -> CommandPart:
    return CommandPart(_stand_in(name), name)


def _stand_in(name: str) -> str:
    """`ORGANIZATION_ID` for `organizationId`: a word to replace, safe in a URL and in a shell."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", name)
    return words.strip("_").upper() or "VALUE"


def _pretty(value: JsonValue) -> str:
    # Not orjson: a document may hold integers beyond 64 bits.
    return json.dumps(value, indent=2, ensure_ascii=False)


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _number(number: float) -> str:
    """`1` for 1.0, and every digit of the others."""
    return str(int(number)) if number == int(number) else repr(number)
