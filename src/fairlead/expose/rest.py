"""The REST adapter: exactly the document's routes, and beside them the pages, the health and the description."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from fairlead.engine.execute import Runnable, execute
from fairlead.errors import FairleadError, MethodNotAllowed, NoSuchRoute
from fairlead.expose.freshness import freshness, is_known
from fairlead.expose.http import Answer, Request, Response, problem_response
from fairlead.expose.inbound import InboundPolicy
from fairlead.expose.links import RouteLinks, route_links
from fairlead.expose.metrics_page import METRICS_PATH, metrics_page
from fairlead.expose.problems import INERT
from fairlead.expose.records import record_access, record_dead_end, record_failure
from fairlead.expose.rest_arguments import ArgumentReader, argument_reader
from fairlead.expose.router import Found, Router
from fairlead.plan.model import Arguments, Operation, Route, Segment
from fairlead.spec.diagnostics import closest_word
from fairlead.spec.source import JsonValue
from fairlead.telemetry.instruments import Instruments
from fairlead.telemetry.metrics import OperationMetrics
from fairlead.telemetry.requests import begin

# An answer by its path, or what makes it anew each time.
Pages: TypeAlias = Mapping[str, Response | Callable[[], Response]]

_MOVED = frozenset({"etag", "last-modified", "cache-control"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RestOperation:
    """A route with what it runs, how its arguments are read, and what is told of it."""

    route: Route
    runnable: Runnable
    reader: ArgumentReader
    links: RouteLinks
    counted: OperationMetrics
    instruments: Instruments

    async def answer(self, request: Request, path_values: Sequence[str]) -> Response:
        """Run the operation for one request, and count it; the upstream's bytes are the answer's bytes."""
        began, outcome = self.instruments.now(), "cancelled"
        tracing = self.instruments.tracing
        try:
            if tracing is None:
                response = await self._answer(request, path_values)
            else:
                with tracing.route_span(self.route.method, self.route.path) as span:
                    response = await self._answer(request, path_values)
                    span.status = response.status
            outcome = str(response.status)
            return response
        finally:
            seconds = self.instruments.now() - began
            self.counted.finished(outcome, seconds)
            if self.instruments.access:
                record_access("rest", self.route.operation.name, outcome, seconds)

    async def _answer(self, request: Request, path_values: Sequence[str]) -> Response:
        try:
            arguments, faults = self.reader.read(request, path_values)
            result = await execute(self.runnable, arguments, faults)
        except FairleadError as error:
            record_failure("rest", self.route.operation.name, error)
            return problem_response(error)
        headers = [*INERT, *result.headers]
        if result.content_type:
            headers.append(("content-type", result.content_type))
        if result.fresh_for or result.age:
            headers += freshness(result)
        headers += self._paging(arguments, result.value, request.path)
        if is_known(request, result.headers):
            return Response(304, tuple([pair for pair in headers if pair[0] in _MOVED]))
        return Response(result.status, tuple(headers), result.body)

    def _paging(self, arguments: Arguments, value: JsonValue, called: str) -> list[tuple[str, str]]:
        found = self.links.neighbours(arguments, value)
        headers = [("link", self.links.header(found, arguments, called))] if found.pages else []
        for dead_end in found.dead_ends:
            record_dead_end("rest", self.route.operation.name, dead_end.notice)
            headers.append(("fairlead-notice", dead_end.notice))
        return headers


def rest_adapter(
    routes: Iterable[Route],
    runnables: Mapping[Operation, Runnable],
    pages: Pages,
    policy: InboundPolicy,
    instruments: Instruments,
) -> Answer:
    """The function that answers every request on the REST port.

    The document's routes come first, then `pages` (answers by path, open to everyone who may reach the port), then
    the metrics, which are for callers. It never raises a FairleadError: each becomes a problem.
    """
    operations = [
        RestOperation(
            route=route,
            runnable=runnables[route.operation],
            reader=argument_reader(route),
            links=route_links(route),
            counted=instruments.metrics.operation(route.operation.name, "rest"),
            instruments=instruments,
        )
        for route in routes
    ]
    router = Router((op.route.method, op.route.segments, op) for op in operations)
    described = [op.route for op in operations]

    async def answer(request: Request) -> Response:
        identity = instruments.ids.identify(request.headers)
        begin(identity)
        try:
            policy.check_place(request.headers)
            found = router.find(request.path)
            if found is None and request.path != METRICS_PATH:
                return _page(request, pages, described)
            caller, request = await policy.admit(request)
            if caller.name:
                begin(identity._replace(caller=caller.name))
            if found is None:
                return _page(request, {METRICS_PATH: metrics_page(instruments.metrics, request)}, described)
            response = await _run(found, request)
        except FairleadError as error:
            response = problem_response(error)
        return Response(response.status, (*response.headers, ("x-request-id", identity.request_id)), response.body)

    return answer


async def _run(found: Found[RestOperation], request: Request) -> Response:
    operation = found.targets.get(request.method)
    if operation is None and request.method == "HEAD":
        operation = found.targets.get("GET")
    if operation is not None:
        return await operation.answer(request, found.values)
    allow = _allowed(found.targets)
    if request.method == "OPTIONS":
        return Response(204, (("allow", ", ".join(allow)),))
    raise MethodNotAllowed(f"{_shown(request.method)} is not a method of this path.", allow=allow)


def _allowed(targets: Iterable[str]) -> tuple[str, ...]:
    methods = dict.fromkeys(targets)
    if "GET" in methods:
        methods["HEAD"] = None
    methods["OPTIONS"] = None
    return tuple(methods)


def _page(request: Request, pages: Pages, routes: Sequence[Route]) -> Response:
    page = pages.get(request.path)
    if page is None:
        fixed = [path for path in pages if not path.startswith("/_")]
        likely = [*(_like(route, request.path) for route in routes), *fixed]
        closest = closest_word(request.path, [path for path in likely if path != request.path])
        hint = f"Did you mean `{closest}`?" if closest else "GET /openapi.json lists the paths."
        raise NoSuchRoute(f"Nothing is at {_shown(request.path)}.", remedy=hint)
    if request.method in {"GET", "HEAD"}:
        return page if isinstance(page, Response) else page()
    if request.method == "OPTIONS":
        return Response(204, (("allow", "GET, HEAD, OPTIONS"),))
    raise MethodNotAllowed(f"{_shown(request.method)} is not a method of this path.", allow=("GET", "HEAD", "OPTIONS"))


def _like(route: Route, path: str) -> str:
    """A route's path with the placeholders filled as `path` fills them, where it has as many segments."""
    given = path.split("/")[1:]
    if len(given) != len(route.segments) or not path.isascii() or not path.isprintable():
        return route.path
    return "/" + "/".join(_filled(segment, text) for segment, text in zip(route.segments, given, strict=True))


def _filled(segment: Segment, text: str) -> str:
    if segment.literals == ("", "") and text:
        return text
    return segment.filled(lambda placeholder: f"{{{placeholder.text}}}")


def _shown(text: str) -> str:
    short = text if len(text) <= 120 else f"{text[:117]}..."
    return short if short.isprintable() else ascii(short)
