"""What callers can ask of the archive beyond the upstream's own operations; each answer says how to get more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.diff import Difference, differences
from fairlead.archive.events import read_event
from fairlead.archive.model import (
    Archived,
    Dimension,
    Filter,
    OrganizationState,
    Query,
    Statistics,
    Tally,
    Turn,
)
from fairlead.archive.store import Archive
from fairlead.errors import NotArchived
from fairlead.spec.source import JsonValue
from fairlead.trail.params import Params, fault
from fairlead.trail.shapes import cut, difference, instant, seconds, short, whole

Answer = dict[str, JsonValue]
ROOM = 7_500
"""Bytes of a page when nobody asks for another size: what a model reads without losing its thread."""

_DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
_COUNTED: tuple[Dimension, ...] = ("event_type", "target_type", "triggered_by", "origin")
_HOUR = 3_600 * NANOS_PER_SECOND
_WIDTHS = {"hour": _HOUR, "day": 24 * _HOUR, "week": 7 * 24 * _HOUR}
_MONDAY = 4 * 24 * _HOUR
"""The first Monday after 1970 began; weeks begin with Mondays."""

_MOST_BUCKETS = 400
_MOST_DIFFERENCES = 40
_PAGE, _LARGEST_PAGE = 20, 100


def search(archive: Archive, organization: str, params: Params) -> Answer:
    """Events by filters and words, newest first."""
    size = params.number("pageSize", _PAGE, _LARGEST_PAGE)
    page = archive.page(params.query(organization), Turn(limit=size, below=params.position("before")))
    shown, rows = _fitting([(event, short(event)) for event in page.events], is_free="pageSize" in params.given)
    more = page.has_older or len(shown) < len(page.events)
    answer: Answer = {"events": rows}
    return {**answer, **_onward(shown, "the same search", more=more)}


def timeline(archive: Archive, organization: str, params: Params) -> Answer:
    """What happened to one target, newest first, and which fields each event changed."""
    target = params.given["targetId"]
    query = Query(
        organization=organization,
        since=params.instant("since"),
        until=params.instant("until"),
        filters=(Filter("target_id", (target,)),),
    )
    size = params.number("pageSize", _PAGE, _LARGEST_PAGE)
    page = archive.page(query, Turn(limit=size, below=params.position("before")))
    if not page.events and params.position("before") is None and params.given.keys() <= {"targetId", "pageSize"}:
        raise NotArchived(f"The archive has no event of the target {target[:60]}.", remedy="Search by its name.")
    rows = [(event, _on_timeline(event)) for event in page.events]
    shown, listed = _fitting(rows, is_free="pageSize" in params.given)
    answer: Answer = {"target_id": target, "events": listed}
    return {**answer, **_onward(shown, "the same timeline", more=page.has_older or len(shown) < len(page.events))}


def one_event(archive: Archive, organization: str, params: Params) -> Answer:
    """One event with all its fields, and what it changed."""
    event_id = params.given["eventId"]
    revisions = [each for each in archive.revisions(event_id) if each.organization == organization]
    if not revisions:
        raise NotArchived(f"The archive has no event {event_id[:60]}.", remedy="Search for it; ids are exact.")
    newest = revisions[-1]
    event = read_event(newest.raw)
    found, against = changes(archive, newest)
    most = len(found) if params.given.get("all") == "true" else _MOST_DIFFERENCES
    answer: Answer = {
        **whole(event),
        "number_in_log": newest.number,
        "revisions": len(revisions),
        "read_at": instant(newest.fetched_at),
        "changes_against": against,
        "changes": [difference(each) for each in found[:most]],
    }
    if len(found) > most:
        answer["more"] = f"{len(found) - most:,} more differences; call again with all=true for every one."
    return answer


def statistics(archive: Archive, organization: str, params: Params) -> Answer:
    """How many events there are, by value and over time."""
    query = params.query(organization)
    counted = params.words("by", _DIMENSIONS, _COUNTED)
    per = params.words("per", tuple(_WIDTHS), ())
    width = _WIDTHS[per[0]] if per else 0
    begin = _zone_shift(params) + (_MONDAY if per == ("week",) else 0)
    tally = Tally(
        width=width,
        origin=begin,
        dimensions=counted,
        most=params.number("most", 10, 100),
    )
    if width:
        _refuse_too_many(archive.state(organization), query, width, params.now)
    found = archive.statistics(query, tally)
    return _counted(found, {"since": instant(query.since), "until": instant(query.until)})


def coverage(archive: Archive, organization: str, params: Params) -> Answer:
    """What of time the archive has, and what is missing for ever."""
    state = archive.state(organization)
    gaps = [
        {"from": instant(gap.start), "to": instant(gap.end), "reason": gap.reason, "found_at": instant(gap.found_at)}
        for gap in state.gaps
    ]
    covered = [{"from": instant(each.start), "to": instant(each.end)} for each in state.covered]
    return {
        "events": state.events,
        "oldest": instant(state.oldest),
        "newest": instant(state.newest),
        "covered": covered,  # type: ignore[dict-item]
        "gaps": gaps,  # type: ignore[dict-item]
        "complete": not state.gaps,
        "newest_read_at": instant(state.tail_read_at),
        "upstream_keeps_days": state.retention_days,
        "retention_headroom_seconds": headroom(state, params.now),
    }


def headroom(state: OrganizationState, now: int) -> int | None:
    """Seconds until the upstream forgets events that were not read; None while its retention is unknown."""
    if state.retention_days is None or state.tail_read_at is None:
        return None
    return int(state.retention_days * 86_400) - seconds(now - state.tail_read_at)


def changes(archive: Archive, found: Archived) -> tuple[tuple[Difference, ...], str]:
    """What an event changed, and against what that is: its own original, or the event of its target before it."""
    event = read_event(found.raw)
    if event.original_change is not None:
        return differences(event.original_change, event.change), "original_change"
    if event.target_id is None or event.change is None:
        return (), "nothing"
    same = (Filter("target_id", (event.target_id,)), Filter("sub_target_type", (event.sub_target_type or "",)))
    before = archive.page(
        Query(organization=found.organization, filters=same), Turn(limit=1, below=found.position)
    ).events
    if not before:
        return (), "nothing"
    return differences(read_event(before[0].raw).change, event.change), f"event {before[0].id}"


Operation = Callable[[Archive, str, Params], Answer]
OPERATIONS: Mapping[str, Operation] = {
    "search": search,
    "statistics": statistics,
    "event": one_event,
    "timeline": timeline,
    "coverage": coverage,
}
"""The operations by the names they have in addresses."""


def _on_timeline(event: Archived) -> Answer:
    shown = short(event)
    for name in ("target_id", "target_type", "project_name", "environment_name"):
        shown.pop(name, None)
    original = read_event(event.raw).original_change
    if original is not None:
        found = differences(original, read_event(event.raw).change)
        shown["changed"] = [cut(each.path) for each in found[:5]]
        if len(found) > 5:
            shown["more_changed"] = len(found) - 5
    return shown


def _fitting(rows: list[tuple[Archived, Answer]], *, is_free: bool) -> tuple[list[Archived], list[JsonValue]]:
    """As many rows as there is room for, at least one; all of them for a caller who said how many."""
    room = ROOM
    shown: list[Archived] = []
    listed: list[JsonValue] = []
    for event, row in rows:
        room -= len(orjson.dumps(row)) + 1
        if room < 0 and listed and not is_free:
            break
        shown.append(event)
        listed.append(row)
    return shown, listed


def _onward(shown: list[Archived], what: str, *, more: bool) -> Answer:
    if not more or not shown:
        return {"more": "These are all."}
    token = str(shown[-1].position)
    return {"before": token, "more": f"There are older ones: call {what} again with before={token}."}


def _counted(found: Statistics, window: Answer) -> Answer:
    answer: Answer = {**window, "total": found.total}
    for dimension, counts in found.counts.items():
        answer[f"by_{dimension}"] = [{"value": each.value, "events": each.events} for each in counts]
    if found.buckets:
        answer["over_time"] = [{"from": instant(each.start), "events": each.events} for each in found.buckets]
    answer["more"] = "Narrow it with since, until and filters; see single events with the search."
    return answer


def _refuse_too_many(state: OrganizationState, query: Query, width: int, now: int) -> None:
    begin = query.since or state.oldest or now
    end = min(query.until or now, (state.newest or now) + 1)
    if (end - begin) // width > _MOST_BUCKETS:
        raise fault("per", f"would make more than {_MOST_BUCKETS} buckets; give a later `since`, or a wider one")


def _zone_shift(params: Params) -> int:
    """Where days begin: in the zone's offset of the moment."""
    name = params.given.get("timezone", "")
    if not name:
        return 0
    try:
        offset = datetime.fromtimestamp(params.now / NANOS_PER_SECOND, ZoneInfo(name)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise fault("timezone", "must be a name such as `Europe/Paris`") from None
    return -int(offset.total_seconds()) * NANOS_PER_SECOND if offset else 0
