"""Reads one page of an organization's events from the API, as bytes that are not looked into."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from fairlead.archive.json_tree import Branch, Tree, members_of, text_of
from fairlead.engine.execute import Result, Runnable, execute, read_result
from fairlead.errors import UpstreamInvalid, UpstreamRejected
from fairlead.spec.source import JsonValue
from fairlead.upstream.request import UpstreamRequest, UpstreamResponse


class Ask(NamedTuple):
    """Which page: of the events from `since` up to `until` (Unix seconds) the newest `size`, or those a token names."""

    since: int
    until: int
    size: int
    onward: str | None = None
    back: str | None = None


class ApiPage(NamedTuple):
    """Events, newest first, as the bytes they came in; tokens to the neighbouring pages; whether retention cuts here.

    `read_at` is when the answer was there, in Unix seconds.
    """

    events: tuple[bytes, ...]
    onward: str | None
    back: str | None
    limit_reached: bool
    read_at: float


class OrganizationFacts(NamedTuple):
    """What the API says of an organization, and what time it was there; None for what it does not say."""

    name: str | None
    retention_days: float | None
    wall: float | None = None


# What a policy token is told of a path that it may not read, and of one that is not there.
_HIDDEN = (401, 403, 404)

Read = Callable[[Ask], Awaitable[ApiPage]]
Hear = Callable[[Result], None]


class _Page(msgspec.Struct):
    events: list[msgspec.Raw] | None = None
    links: dict[str, msgspec.Raw] | None = None
    organization_max_limit_reached: bool | None = None


class _Plan(msgspec.Struct):
    audit_logs_retention_in_days: float | None = None


class _Organization(msgspec.Struct):
    name: str | None = None
    organization_plan: _Plan | None = None


_read_page = msgspec.json.Decoder(_Page)
_read_organization = msgspec.json.Decoder(_Organization)
_read_text = msgspec.json.Decoder(str)


def page_reader(ready: Runnable, organization: str, hear: Hear, wall: Callable[[], float]) -> Read:
    """How pages of an organization are read; `hear` gets every answer, for what it says of the rate limit.

    `wall` tells when an answer is there.
    """
    # Nobody but `page_of` looks into it: one odd event must not hide all others of its page.
    call = replace(ready.operation.call, raw_format="")
    ready = replace(ready, operation=replace(ready.operation, call=call))

    async def read(ask: Ask) -> ApiPage:
        arguments: dict[str, JsonValue] = {
            "organizationId": organization,
            "fromTimestamp": str(ask.since),
            "toTimestamp": str(ask.until),
            "pageSize": ask.size,
        }
        if ask.onward is not None:
            arguments["continueToken"] = ask.onward
        if ask.back is not None:
            arguments["stepBackToken"] = ask.back
        result = await execute(ready, arguments)
        hear(result)
        return page_of(result.body, wall())

    return read


def page_of(body: bytes, read_at: float) -> ApiPage:
    """The page in an answer; raises UpstreamInvalid for one that is none."""
    try:
        page = _read_page.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as failure:
        odd = _odd_page(body)
        if odd is None:
            raise UpstreamInvalid(
                "The upstream's answer is no page of events.", detail=str(failure), remedy="Try again later."
            ) from failure
        page = odd
    links = page.links or {}
    return ApiPage(
        events=tuple(bytes(event) for event in page.events or ()),
        onward=_token(links.get("next"), "continueToken"),
        back=_token(links.get("previous"), "stepBackToken"),
        limit_reached=bool(page.organization_max_limit_reached),
        read_at=read_at,
    )


def _odd_page(body: bytes) -> _Page | None:
    """A page that strict readers refuse, for half a surrogate pair, a byte that is no UTF-8 or its depth; else None."""
    text = body.decode("utf-8", "surrogateescape")
    try:
        members = members_of(text)
    except ValueError:
        return None
    if not members:
        return None

    def raw(value: Tree) -> msgspec.Raw:
        return msgspec.Raw(text_of(text, value).encode("utf-8", "surrogateescape"))

    events, links = members.get("events"), members.get("links")
    listed = events.members if isinstance(events, Branch) else []
    linked = links.members if isinstance(links, Branch) else {}
    if not (isinstance(listed, list) and isinstance(linked, dict)) or (isinstance(events, str) and events != "null"):
        return None
    return _Page(
        events=[raw(each) for each in listed],
        links={name: raw(each) for name, each in linked.items()},
        organization_max_limit_reached=members.get("organization_max_limit_reached") == "true",
    )


async def read_organization(ready: Runnable, organization: str, hear: Hear) -> OrganizationFacts:
    """What the API says of an organization; the operation's own credential is sent, to its own address.

    A token that may see its events alone learns nothing but the time.
    """
    url = f"{ready.filler.base}/organization/{quote(organization, safe='')}"
    response = await ready.call(UpstreamRequest("GET", url, ready.filler.fixed_headers))
    wall = _wall(response)
    try:
        result = read_result(ready, response)
    except UpstreamRejected as refusal:
        if refusal.status not in _HIDDEN:
            raise
        return OrganizationFacts(None, None, wall)
    hear(result)
    try:
        found = _read_organization.decode(result.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return OrganizationFacts(None, None, wall)
    plan = found.organization_plan
    days = plan.audit_logs_retention_in_days if plan else None
    return OrganizationFacts(found.name, days if days and days > 0 else None, wall)


def _wall(response: UpstreamResponse) -> float | None:
    """What time it was where an answer was made, in Unix seconds."""
    text = next((value for name, value in response.headers if name == "date"), "")
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError):
        return None


async def list_organizations(ready: Runnable) -> tuple[str, ...]:
    """The ids of the organizations that the operation's credential may see."""
    url = f"{ready.filler.base}/organization"
    result = read_result(ready, await ready.call(UpstreamRequest("GET", url, ready.filler.fixed_headers)))
    value = result.value if isinstance(result.value, dict) else {}
    listed = value.get("results")
    rows = listed if isinstance(listed, list) else []
    return tuple(str(row["id"]) for row in rows if isinstance(row, dict) and row.get("id"))


def _token(link: msgspec.Raw | None, name: str) -> str | None:
    """The token in a link: only its query is read, so that no host in it is ever followed."""
    try:
        text = _read_text.decode(link) if link is not None else ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    # Some writers escape `&` for HTML.
    found = parse_qs(urlsplit(text.replace("&amp;", "&")).query).get(name)
    return found[0] if found else None
