"""From a request to a response: the sandbox as a plain function over its state."""

import re
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import NamedTuple

import orjson

from fairlead.archive.contract import MICROS_PER_SECOND
from fairlead.sandbox import access, faults, filters, paging
from fairlead.sandbox.access import Caller, Ledger, Usage
from fairlead.sandbox.links import links
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, SandboxOptions
from fairlead.sandbox.organizations import organization
from fairlead.sandbox.rendering import Look, events_at, look
from fairlead.sandbox.replies import (
    RefusalError,
    Request,
    Response,
    html_reply,
    json_reply,
    refused,
)
from fairlead.sandbox.targets import targets
from fairlead.sandbox.world import DAY, World, older_than, step_at, world

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RESOURCES = ("", "events", "targets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A running stand-in: its options, its history, and the ledger it keeps."""

    options: SandboxOptions
    history: World
    nothing: World
    style: Look
    ledger: Ledger


class Route(NamedTuple):
    """Where a request goes: an organization, or all of them, a resource of it, and the path as received."""

    organization_id: str | None
    resource: str
    path: str


Answer = Generator[None, None, Response]


def sandbox(options: SandboxOptions, now: float) -> Sandbox:
    """A sandbox whose newest event lies shortly before now, or before its anchor."""
    micros = int((now if options.anchor is None else options.anchor) * MICROS_PER_SECOND)
    return Sandbox(
        options=options,
        history=world(options.seed, options.events, micros),
        nothing=world(options.seed, 0, micros),
        style=look(options),
        ledger=Ledger(),
    )


def respond(state: Sandbox, request: Request, now: float) -> Answer:
    """Answer a request received now; yields while a long search lasts, so that others can be served."""
    caller = access.identify(request.authorizations, state.options)
    usage = access.spend(state.ledger, caller, state.options, now)
    try:
        response = yield from _answer(state, request, now, caller, usage)
    except RefusalError as refusal:
        response = refused(refusal)
        if refusal.status == 429 and state.options.html_429:
            page = html_reply(429, "Too Many Requests")
            response = replace(page, headers=(*page.headers, *refusal.headers))
    return replace(response, headers=(*response.headers, *access.rate_headers(usage, state.options)))


def _answer(state: Sandbox, request: Request, now: float, caller: Caller | None, usage: Usage) -> Answer:
    route = _route(request)
    known = access.require_caller(caller)
    if usage.exceeded:
        wait = (("retry-after", str(max(usage.reset - int(now), 1))),) if state.options.retry_after else ()
        raise RefusalError(429, "Rate limit exceeded", wait)
    if route.organization_id is None:
        access.require_listing(known)
    elif _UUID.fullmatch(route.organization_id) is None:
        raise RefusalError(400, "organizationId must be a UUID")
    else:
        access.require_access(known, route.organization_id, route.resource, state.options)
    state.ledger.answers += 1
    turn = state.ledger.answers
    response = faults.outage(state.options, turn)
    if response is None:
        response = yield from _resource(state, request, route, now, turn)
    return faults.delivered(response, state.options, turn)


def _route(request: Request) -> Route:
    # Split before decoding: an encoded slash is part of a segment, never the end of one.
    head, *segments = [filters.decoded(segment, "path") for segment in request.path.split(b"/")]
    if head or "" in segments or segments[:1] != ["organization"] or len(segments) > 3:
        raise RefusalError(404, "no such path")
    resource = segments[2] if len(segments) == 3 else ""
    if resource not in _RESOURCES:
        raise RefusalError(404, "no such path")
    if request.method != "GET":
        raise RefusalError(405, "only GET is allowed", (("allow", "GET"),))
    path = "/".join(["", *segments])
    return Route(segments[1].lower() if len(segments) > 1 else None, resource, path)


def _resource(state: Sandbox, request: Request, route: Route, now: float, turn: int) -> Answer:
    if route.organization_id is None:
        found: object = {"results": [organization(DEMO_ORGANIZATION_ID, state.options)]}
        return json_reply(orjson.dumps(found))
    if not route.resource:
        return json_reply(orjson.dumps(organization(route.organization_id, state.options)))
    if route.resource == "events":
        return (yield from _events(state, request, route, now, turn))
    values = filters.given(filters.parameters(request.query))
    view = _view(state, route, filters.targets_search(values, state.options), now)
    return json_reply((yield from targets(view, values.get("targetLevelToFetch"))))


def _ask(values: dict[str, str], options: SandboxOptions) -> paging.Ask:
    onward, back = filters.token(values, "continueToken"), filters.token(values, "stepBackToken")
    if onward is not None and back is not None:
        raise RefusalError(400, "continueToken and stepBackToken exclude each other")
    size = filters.page_size(values, options)
    if back is not None:
        return paging.Ask(size=size, token=back, direction="newer")
    return paging.Ask(size=size, token=onward)


def _events(state: Sandbox, request: Request, route: Route, now: float, turn: int) -> Answer:
    received = filters.parameters(request.query)
    values = filters.given(received)
    asked = _ask(values, state.options)
    search = filters.events_search(values, state.options)
    if faults.due("sliding-retention", state.options, turn) and asked.direction == "older" and asked.token:
        state.ledger.lost_before = max(state.ledger.lost_before, asked.token // 1000)
    view = _view(state, route, search, now)
    page = yield from paging.turn(view, faults.bent_ask(asked, state.options, turn))
    page = faults.bent_page(view, asked, page, state.options, turn)
    found = orjson.dumps(links(page, route.path, received, request.safe_host, state.options))
    listed = events_at(view.history, page.numbers, state.style)
    if faults.due("null-events", state.options, turn):
        listed = b"null"
    reached = b"true" if page.limit_reached else b"false"
    return json_reply(b'{"links":%b,"organization_max_limit_reached":%b,"events":%b}' % (found, reached, listed))


def _view(state: Sandbox, route: Route, search: filters.Search, now: float) -> paging.View:
    """What a search may see at this moment, as numbers of the history."""
    options, micros = state.options, int(now * MICROS_PER_SECOND)
    history = state.history if route.organization_id == DEMO_ORGANIZATION_ID else state.nothing
    present = older_than(history, micros + 1) if options.live else history.count
    edge = max(micros - options.retention_days * DAY, state.ledger.lost_before)
    top = present if search.before is None else min(present, older_than(history, search.before))
    bottom = 0 if search.since is None else older_than(history, search.since)
    return paging.View(
        history=history,
        visible=_visible(state, history, search, micros),
        bottom=bottom,
        floor=max(bottom, min(older_than(history, edge), present)),
        top=top,
        boundary=options.boundary,
    )


def _visible(state: Sandbox, history: World, search: filters.Search, micros: int) -> paging.Visible | None:
    kept = filters.keep(search, state.options)
    if "late-arrivals" in state.options.faults:
        recent = older_than(history, micros - faults.LATEST)
        return lambda k: (
            (kept is None or kept(step_at(history, k))) and (k < recent or faults.arrived(history, k, micros))
        )
    return None if kept is None else lambda k: kept(step_at(history, k))
