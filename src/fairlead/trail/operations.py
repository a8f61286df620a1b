"""What callers can ask of the archive beyond the upstream's own operations; each answer says how to get more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

import orjson

from fairlead.archive.model import DIMENSIONS, Archived, Dimension, OrganizationState, Tally, Turn
from fairlead.archive.periods import Period, by_period
from fairlead.archive.store import Archive
from fairlead.archive.timeline import Step, explained, timeline
from fairlead.errors import NotArchived
from fairlead.spec.source import JsonValue
from fairlead.trail.params import Params, fault
from fairlead.trail.shapes import cut, difference, instant, local, seconds, short, whole

Answer = dict[str, JsonValue]
ROOM = 7_500
"""Bytes of a page when nobody asks for another size: what a model reads without losing its thread."""

_COUNTED: tuple[Dimension, ...] = ("event_type", "target_type", "triggered_by", "origin")
_PERIODS: tuple[Period, ...] = get_args(Period)
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


def target_timeline(archive: Archive, organization: str, params: Params) -> Answer:
    """What happened to one target, newest first, and which fields each event changed."""
    target, before = params.given["targetId"], params.position("before")
    size = params.number("pageSize", _PAGE, _LARGEST_PAGE)
    found = timeline(archive, params.query(organization), Turn(limit=size, below=before))
    if not found.steps and before is None:
        raise NotArchived(
            f"The archive has no event of the target {target[:60]} in this time.", remedy="Search for its name."
        )
    rows = [(each.archived, _on_timeline(each)) for each in found.steps]
    shown, listed = _fitting(rows, is_free="pageSize" in params.given)
    answer: Answer = {"target_id": target, "events": listed}
    return {**answer, **_onward(shown, "the same timeline", more=found.has_older or len(shown) < len(rows))}


def one_event(archive: Archive, organization: str, params: Params) -> Answer:
    """One event with all its fields, and what it changed."""
    found = explained(archive, organization, params.given["eventId"])
    archived, comparison = found.step.archived, found.step.comparison
    differences = comparison.differences
    most = len(differences) if params.given.get("all") == "true" else _MOST_DIFFERENCES
    against: dict[str, str] = {"original": "original_change", "nothing": "nothing"}
    before = comparison.previous
    answer: Answer = {
        **whole(found.step.event),
        "number_in_log": archived.number,
        "revisions": len(found.revisions),
        "read_at": instant(archived.fetched_at),
        "changes_against": against.get(comparison.basis) or f"event {before.id if before else ''}",
        "changes": [difference(each) for each in differences[:most]],
    }
    if len(differences) > most:
        answer["more"] = f"{len(differences) - most:,} more differences; call again with all=true for every one."
    return answer


def statistics(archive: Archive, organization: str, params: Params) -> Answer:
    """How many events there are, by value and over time."""
    query, zone = params.query(organization), params.zone("timezone")
    periods = params.words("per", _PERIODS, ())
    tally = Tally(dimensions=params.words("by", DIMENSIONS, _COUNTED), most=params.number("most", 10, 100))
    found = archive.statistics(query, tally)
    answer: Answer = {"since": instant(query.since), "until": instant(query.until), "total": found.total}
    for dimension, counts in found.counts.items():
        answer[f"by_{dimension}"] = [{"value": each.value, "events": each.events} for each in counts]
    if periods:
        buckets = by_period(archive, query, periods[0], zone)
        if len(buckets) > _MOST_BUCKETS:
            raise fault("per", f"makes {len(buckets):,} of them; give a later `since`, or a longer period")
        answer["over_time"] = [{"from": local(each.start, zone), "events": each.events} for each in buckets]
    answer["more"] = "Narrow it with since, until and filters; the search shows the events themselves."
    return answer


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


Operation = Callable[[Archive, str, Params], Answer]
OPERATIONS: Mapping[str, Operation] = {
    "search": search,
    "statistics": statistics,
    "event": one_event,
    "timeline": target_timeline,
    "coverage": coverage,
}
"""The operations by the names they have in addresses."""


def _on_timeline(found: Step) -> Answer:
    shown = short(found.archived)
    for name in ("target_id", "target_type", "project_name", "environment_name"):
        shown.pop(name, None)
    differences = found.comparison.differences if found.comparison.basis != "nothing" else ()
    if differences:
        shown["changed"] = [cut(each.path) for each in differences[:5]]
    if len(differences) > 5:
        shown["more_changed"] = len(differences) - 5
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
