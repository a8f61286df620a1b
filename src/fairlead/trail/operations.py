"""What callers can ask of the archive beyond the upstream's own operations; each answer says how to get more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import get_args

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import DIMENSIONS, Archived, Bucket, Dimension, Filter, Gap, Tally, Turn
from fairlead.archive.periods import Period, by_period
from fairlead.archive.retention import headroom
from fairlead.archive.store import Archive
from fairlead.archive.timeline import Explained, Step, explained, timeline
from fairlead.errors import NotArchived
from fairlead.spec.source import JsonValue
from fairlead.trail.params import Params, fault
from fairlead.trail.room import ROOM, fitting
from fairlead.trail.shapes import cut, difference, instant, local, short, shortened, whole

Answer = dict[str, JsonValue]

_COUNTED: tuple[Dimension, ...] = ("event_type", "target_type", "triggered_by", "origin")
_PERIODS: tuple[Period, ...] = get_args(Period)
_MOST_BUCKETS = 1_000
# Bytes that telling how to get more may take.
_SAID = 800
_MOST_STRETCHES = 25
_PAGE, _LARGEST_PAGE = 20, 100


def search(archive: Archive, organization: str, params: Params) -> Answer:
    """Events by filters and words, newest first."""
    size = params.number("pageSize", _PAGE, _LARGEST_PAGE)
    page = archive.page(params.query(organization), Turn(limit=size, below=params.position("before")))
    rows = _page([short(event) for event in page.events], params)
    shown = page.events[: len(rows)]
    more = page.has_older or len(shown) < len(page.events)
    return {"events": rows, **_onward(shown, "the same search", more=more)}


def target_timeline(archive: Archive, organization: str, params: Params) -> Answer:
    """What happened to one target, newest first, and which fields each event changed."""
    target, before = params.given["targetId"], params.position("before")
    size = params.number("pageSize", _PAGE, _LARGEST_PAGE)
    # An id is no list of values, whatever stands in it.
    times = Params({name: params.given[name] for name in ("since", "until") if name in params.given}, params.now)
    query = replace(times.query(organization), filters=(Filter("target_id", (target, target.lower())),))
    found = timeline(archive, query, Turn(limit=size, below=before))
    if not found.steps and before is None:
        raise NotArchived(
            f"The archive has no event of the target {target[:60]} in this time.", remedy="Search for its name."
        )
    rows = _page([_on_timeline(each) for each in found.steps], params)
    shown = [each.archived for each in found.steps[: len(rows)]]
    more = found.has_older or len(shown) < len(found.steps)
    return {"target_id": cut(target), "events": rows, **_onward(shown, "the same timeline", more=more)}


def one_event(archive: Archive, organization: str, params: Params) -> Answer:
    """One event with all its fields, and what it changed."""
    found = explained(archive, organization, params.given["eventId"])
    rows: list[Answer] = [difference(each) for each in found.step.comparison.differences]
    answer = _described(found)
    if params.flag("all"):
        return {**answer, "changes": rows}  # type: ignore[dict-item]
    short_answer = shortened(answer)
    shown = fitting([shortened(each) for each in rows], ROOM, short_answer)
    if shown == rows and short_answer == answer:
        return {**answer, "changes": shown}
    left = f"{len(rows) - len(shown):,} more differences" if len(shown) < len(rows) else "Some values are longer"
    return {**short_answer, "changes": shown, "more": f"{left}; call again with all=true for everything."}


def statistics(archive: Archive, organization: str, params: Params) -> Answer:
    """How many events there are, by value and over time."""
    query, zone = params.query(organization), params.zone("timezone")
    periods, is_free = params.words("per", _PERIODS, ()), params.flag("all")
    most = params.number("most", 10, 100)
    tally = Tally(dimensions=params.words("by", DIMENSIONS, _COUNTED), most=most + 1)
    found = archive.statistics(query, tally)
    answer: Answer = {"since": instant(query.since), "until": instant(query.until), "total": found.total}
    # What comes over time wants its share.
    room = None if is_free else (ROOM - _SAID) // (2 if periods else 1) // len(found.counts)
    more = []
    for dimension, counts in found.counts.items():
        rows: list[Answer] = [{"value": each.value, "events": each.events} for each in counts[:most]]
        shown = fitting(rows if is_free else [shortened(row) for row in rows], room)
        answer[f"by_{dimension}"] = shown
        if len(shown) < len(counts):
            more.append(f"More values of {dimension}: call again with a larger `most` and all=true.")
    if periods:
        more += _over_time(answer, by_period(archive, query, periods[0], zone), zone, None if is_free else ROOM)
    answer["more"] = " ".join(more) or "These are all; the search shows the events themselves."
    return answer


def _over_time(answer: Answer, buckets: Sequence[Bucket], zone: tzinfo, room: int | None) -> list[str]:
    """Add the newest of the buckets that there is room for; says how to get the others."""
    if room is None and len(buckets) > _MOST_BUCKETS:
        raise fault("per", f"makes {len(buckets):,} of them; give a later `since`, or a longer period")
    rows: list[Answer] = [{"from": local(each.start, zone), "events": each.events} for each in reversed(buckets)]
    newest = fitting(rows, room and room - _SAID, answer)
    answer["over_time"] = newest[::-1]
    if len(newest) == len(rows):
        return []
    until = instant(buckets[-len(newest)].start)
    return [f"Earlier times: call again with until={until}, or with all=true."]


def coverage(archive: Archive, organization: str, params: Params) -> Answer:
    """What of time the archive has, and what is missing for ever; without `all` the newest stretches of each."""
    state = archive.state(organization)
    most = None if params.flag("all") else _MOST_STRETCHES
    gaps = sorted(state.gaps, key=lambda gap: gap.end, reverse=True)
    forgotten = [gap.end for gap in gaps if gap.start is None]
    left = headroom(state, params.now / NANOS_PER_SECOND)
    answer: Answer = {
        "events": state.events,
        "oldest": instant(state.oldest),
        "newest": instant(state.newest),
        "complete": not gaps,
        "forgotten_before": instant(max(forgotten, default=None)),
        "newest_read_at": instant(state.tail_read_at),
        "upstream_keeps_days": state.retention_days,
        "retention_headroom_seconds": None if left is None else int(left),
        "covered": [{"from": instant(each.start), "to": instant(each.end)} for each in state.covered[::-1][:most]],
        "gaps": [_gap(each) for each in gaps[:most]],
    }
    if most is not None and max(len(gaps), len(state.covered)) > most:
        answer["more"] = (
            f"The newest of {len(state.covered):,} covered stretches and {len(gaps):,} gaps; "
            "call again with all=true for every one."
        )
    return answer


def _gap(gap: Gap) -> Answer:
    found = {"from": gap.start, "to": gap.end, "found_at": gap.found_at}
    return {**{name: instant(at) for name, at in found.items()}, "reason": gap.reason}


Operation = Callable[[Archive, str, Params], Answer]
OPERATIONS: Mapping[str, Operation] = {
    "search": search,
    "statistics": statistics,
    "event": one_event,
    "timeline": target_timeline,
    "coverage": coverage,
}
"""The operations by the names they have in addresses."""


def _described(found: Explained) -> Answer:
    """What there is to say of an event beside what it changed."""
    archived, comparison = found.step.archived, found.step.comparison
    against: dict[str, str] = {"original": "original_change", "nothing": "nothing"}
    before = comparison.previous
    return {
        **whole(found.step.event),
        "number_in_log": archived.number,
        "revisions": len(found.revisions),
        "read_at": instant(archived.fetched_at),
        "changes_against": against.get(comparison.basis) or f"event {before.id if before else ''}",
    }


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


def _page(rows: list[Answer], params: Params) -> list[JsonValue]:
    """As many rows as there is room for; all of them for a caller who said how many."""
    return fitting(rows, None if "pageSize" in params.given else ROOM)


def _onward(shown: Sequence[Archived], what: str, *, more: bool) -> Answer:
    if not more or not shown:
        return {"more": "These are all."}
    token = str(shown[-1].position)
    return {"before": token, "more": f"There are older ones: call {what} again with before={token}."}
