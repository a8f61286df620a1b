"""Counts by hour, day and week of a time zone, whose days have 23 to 25 hours."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice
from fairlead.archive.model import Bucket, Query, Tally
from fairlead.archive.store import Archive

Period = Literal["hour", "day", "week"]

_HOUR = 3_600
_DAY = 24 * _HOUR


def by_period(archive: Archive, query: Query, period: Period, zone: tzinfo) -> tuple[Bucket, ...]:
    """How many events of a query there are in each hour, day or week (from Monday) of a zone, oldest first.

    Periods without events are left out.
    """
    state = archive.state(query.organization)
    if state.oldest is None or state.newest is None:
        return ()
    span = Slice(max(state.oldest, query.since or 0), min(state.newest + 1, query.until or state.newest + 1))
    if span.start >= span.end:
        return ()
    # Whole hours of UTC come from sums that are kept; where a zone is half an hour off, events are counted.
    tally = Tally(width=_grain(span, zone) * NANOS_PER_SECOND)
    counted: Counter[int] = Counter()
    for bucket in archive.statistics(query, tally).buckets:
        counted[start_of(bucket.start, period, zone)] += bucket.events
    return tuple(Bucket(start, counted[start]) for start in sorted(counted))


def _grain(span: Slice, zone: tzinfo) -> int:
    """The widest part of an hour, in seconds, that every period of a zone is made of."""
    first, last = span.start // NANOS_PER_SECOND, span.end // NANOS_PER_SECOND
    offsets = {_offset(moment, zone) for moment in range(first, last + _DAY, _DAY)}
    return math.gcd(_HOUR, *offsets)


def _offset(seconds: int, zone: tzinfo) -> int:
    offset = datetime.fromtimestamp(seconds, zone).utcoffset() or timedelta()
    return int(offset.total_seconds())


def start_of(nanos: int, period: Period, zone: tzinfo) -> int:
    """When the hour, day or week of an instant began in a zone."""
    seconds = nanos // NANOS_PER_SECOND
    moment = datetime.fromtimestamp(seconds, zone)
    if period == "hour":
        return (seconds - moment.minute * 60 - moment.second) * NANOS_PER_SECOND
    day = moment.date()
    return _midnight(day - timedelta(days=day.weekday()) if period == "week" else day, zone)


def _midnight(day: date, zone: tzinfo) -> int:
    return int(datetime.combine(day, time(), zone).timestamp()) * NANOS_PER_SECOND


def with_empty_ones(buckets: tuple[Bucket, ...], period: Period, zone: tzinfo, most: int) -> tuple[Bucket, ...]:
    """The same with the periods between them that have no events, unless that makes more than `most`."""
    if not buckets:
        return ()
    counted = dict(buckets)
    filled: list[Bucket] = []
    for start in _starts(buckets[0].start, period, zone):
        if start > buckets[-1].start:
            break
        if len(filled) == most:
            return buckets
        filled.append(Bucket(start, counted.get(start, 0)))
    return tuple(filled)


def _starts(start: int, period: Period, zone: tzinfo) -> Iterator[int]:
    while True:
        yield start
        if period == "hour":
            start = start_of(start + _HOUR * NANOS_PER_SECOND, period, zone)
        else:
            day = datetime.fromtimestamp(start // NANOS_PER_SECOND, zone).date()
            start = _midnight(day + timedelta(days=7 if period == "week" else 1), zone)
