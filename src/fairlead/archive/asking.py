"""How the archive is asked: the API's own names as filters, words nobody ever used, pages, and what is not covered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from fairlead.archive.contract import EVENT_TYPES, ORIGINS, SUB_TARGET_TYPES, TARGET_TYPES
from fairlead.archive.coverage import Slice, Slices, holes
from fairlead.archive.model import Archived, Dimension, Filter, OrganizationState, Query, Tally, Turn
from fairlead.archive.store import Archive
from fairlead.spec.diagnostics import closest_word

API_NAMES: Mapping[str, Dimension] = {
    "eventType": "event_type",
    "targetType": "target_type",
    "subTargetType": "sub_target_type",
    "origin": "origin",
    "triggeredBy": "triggered_by",
    "targetId": "target_id",
    "projectId": "project_id",
    "serviceProjectId": "project_id",
    "environmentId": "environment_id",
    "serviceEnvironmentId": "environment_id",
}
"""The fields that events are filtered by, as the upstream's parameters call them."""

KNOWN_VALUES: Mapping[Dimension, tuple[str, ...]] = {
    "event_type": EVENT_TYPES,
    "target_type": TARGET_TYPES,
    "sub_target_type": SUB_TARGET_TYPES,
    "origin": ORIGINS,
}
"""The values that the upstream's contract names; it adds some every month."""

IDS: frozenset[Dimension] = frozenset({"target_id", "project_id", "environment_id"})
"""The fields that hold ids."""

FOR_EVER = (1 << 63) - 1
"""The last instant there is."""

_AT_ONCE = 500
_MOST_VALUES = 20_000
_COMMA = re.compile(r"(?<!\\),")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def condition(dimension: Dimension, texts: Iterable[str], *, negated: bool = False) -> Filter:
    """A filter by what a caller wrote: several values in one text have commas between them, `\\,` is a comma.

    Values of the contract are found in any case, ids in both cases.
    """
    values: dict[str, None] = {}
    for text in texts:
        for part in _COMMA.split(text):
            value = part.replace("\\,", ",").strip()
            values.update(dict.fromkeys(_spellings(dimension, value)))
    return Filter(dimension, tuple(values), negated)


def _spellings(dimension: Dimension, value: str) -> tuple[str, ...]:
    known = KNOWN_VALUES.get(dimension, ())
    if value not in known and value.upper() in known:
        return (value.upper(), value)
    return (value, value.lower()) if dimension in IDS else (value,)


class Stranger(NamedTuple):
    """A value of a filter that neither the contract nor any event of the archive has, and the one that may be meant."""

    dimension: Dimension
    value: str
    meant: str | None


def strangers(archive: Archive, query: Query) -> tuple[Stranger, ...]:
    """The values that a query asks for in vain, in its order; ids only where they are none."""
    return tuple(found for each in query.filters for found in _strangers(archive, query.organization, each))


def _strangers(archive: Archive, organization: str, asked: Filter) -> Iterator[Stranger]:
    if asked.dimension in IDS:
        # Two spellings of an id may be asked for.
        given = dict.fromkeys(value.lower() for value in asked.values if value and not _UUID.fullmatch(value))
        yield from (Stranger(asked.dimension, value, None) for value in given)
        return
    known = KNOWN_VALUES.get(asked.dimension, ())
    doubtful = [value for value in asked.values if value and value not in known]
    if not doubtful:
        return
    kept = _values_kept(archive, organization, asked.dimension)
    for value in doubtful:
        if value not in kept:
            yield Stranger(asked.dimension, value, _meant(value, (*known, *kept)))


def _values_kept(archive: Archive, organization: str, dimension: Dimension) -> tuple[str, ...]:
    tally = Tally(dimensions=(dimension,), most=_MOST_VALUES)
    counts = archive.statistics(Query(organization=organization), tally).counts[dimension]
    return tuple(count.value for count in counts if count.value is not None)


def _meant(value: str, known: tuple[str, ...]) -> str | None:
    """The closest of the known values, or the first that the value is a part of, as a person's name may be."""
    within = (each for each in known if value.lower() in each.lower())
    return closest_word(value, known) or next(within, None)


class Part(NamedTuple):
    """Some of the events that a query finds; `token` is where it goes on, None at its end."""

    events: tuple[Archived, ...]
    token: int | None


def parts(
    archive: Archive, query: Query, *, limit: int, token: int | None = None, oldest_first: bool = False
) -> Iterator[Part]:
    """At most `limit` events of a query in pieces, as they are read, newest first unless asked otherwise.

    There is always one piece; the token of the last is where a further call goes on.
    """
    while True:
        size = min(limit, _AT_ONCE)
        if oldest_first:
            page = archive.page(query, Turn(limit=size, above=-1 if token is None else token))
            events, has_more = page.events[::-1], page.has_newer
        else:
            page = archive.page(query, Turn(limit=size, below=token))
            events, has_more = page.events, page.has_older
        token = events[-1].position if events and has_more else None
        yield Part(events, token)
        limit -= len(events)
        if token is None or limit <= 0:
            return


def newcomers(archive: Archive, query: Query, start: int, end: int) -> Iterator[Archived]:
    """The events of a query that have numbers of the log from `start` up to `end`, in the log's order.

    What was superseded meanwhile is left out. The archive itself decides what a query finds, so that
    words mean here what they mean in a search.
    """
    for archived in archive.log(start, end - start):
        if archived.organization == query.organization and _finds(archive, query, archived):
            yield archived


def _finds(archive: Archive, query: Query, archived: Archived) -> bool:
    at = archived.position
    if archived.superseded or at < (query.since or 0) or (query.until is not None and at >= query.until):
        return False
    if not query.selective:
        return True
    return bool(archive.page(replace(query, since=at, until=at + 1), Turn(limit=1)).events)


def not_covered(state: OrganizationState, query: Query) -> Slices:
    """What of the time that a query asks for is not covered, oldest first: its events may be missing.

    A query without bounds asks for what is covered; one that begins later asks for what is yet to come, for ever.
    """
    span = state.span
    if span is None:
        return ()
    start = span.start if query.since is None else query.since
    open_end = span.end if start < span.end else FOR_EVER
    return holes(state.covered, Slice(start, open_end if query.until is None else query.until))
