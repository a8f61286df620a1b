"""What goes wrong on purpose: faults of pages and faults of delivery, each by count, never by chance."""

import gzip
from dataclasses import replace

from fairlead.archive.contract import MICROS_PER_SECOND
from fairlead.sandbox.chance import number
from fairlead.sandbox.options import SandboxOptions
from fairlead.sandbox.paging import Ask, Page, View, token_of
from fairlead.sandbox.replies import RefusalError, Response, html_reply
from fairlead.sandbox.world import World, instant_at

LATEST = 900 * MICROS_PER_SECOND


def due(name: str, options: SandboxOptions, turn: int) -> bool:
    """Whether a fault acts on the turn-th answer."""
    return name in options.faults and turn % options.fault_every == 0


def arrived(history: World, k: int, now_micros: int) -> bool:
    """Whether event k has appeared yet, when one event in five is 1 to 900 seconds late."""
    lateness = number(history.seed, "late", k)
    seconds = 1 + lateness // 5 % 900 if lateness % 5 == 0 else 0
    return instant_at(history, k) + seconds * MICROS_PER_SECOND <= now_micros


def outage(options: SandboxOptions, turn: int) -> Response | None:
    """The answer in place of the real one: an error burst, a refused token, or a page of HTML."""
    if "revoked-token" in options.faults and turn > options.fault_every:
        raise RefusalError(401, "Invalid or missing authentication token")
    if "server-errors" in options.faults:
        place = (turn - 1) % (options.fault_every + 3) - options.fault_every
        if place == 1:
            return html_reply(502, "502 Bad Gateway")
        if place in (0, 2):
            raise RefusalError(500 + 3 * (place == 2), "the service is having a bad moment")
    if due("html-ok", options, turn):
        return html_reply(200, "Scheduled maintenance")
    return None


def bent_ask(ask: Ask, options: SandboxOptions, turn: int) -> Ask:
    """The page really turned to: now and then the one before it once more."""
    if due("repeated-page", options, turn) and ask.token is not None and ask.direction == "older":
        return replace(ask, direction="again")
    return ask


def bent_page(view: View, ask: Ask, page: Page, options: SandboxOptions, turn: int) -> Page:
    """The page really sent: with an event from its neighbour, a link to itself, or nothing but a link."""
    if due("duplicate-id", options, turn) and page.newer is not None:
        page = replace(page, numbers=(page.newer, *page.numbers))
    if due("self-link", options, turn) and ask.direction == "older" and page.next is not None:
        page = replace(page, next=ask.token or page.next)
    if page.numbers and (due("empty-page", options, turn) or due("null-events", options, turn)):
        # One nanosecond past the first event continues with it, so the empty page loses nothing.
        resume = token_of(view.history, view.boundary, page.numbers[0]) + 1
        page = replace(page, numbers=(), next=resume, limit_reached=False)
    return page


def delivered(response: Response, options: SandboxOptions, turn: int) -> Response:
    """The answer as it travels: cut-off gzip, or a stop half-way."""
    if due("truncated-gzip", options, turn):
        body = gzip.compress(response.body, mtime=0)
        headers = (*response.headers, ("content-encoding", "gzip"))
        response = replace(response, body=body[: len(body) // 2], headers=headers)
    if due("slow-body", options, turn):
        response = replace(response, pause=options.slow_seconds)
    return response
