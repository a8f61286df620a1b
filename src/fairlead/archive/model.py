"""What the archive takes and gives, as plain values. Instants are nanoseconds since 1970, spans nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, get_args

from fairlead.archive.coverage import Slice, Slices
from fairlead.archive.events import name_of, read_event

Dimension = Literal[
    "event_type",
    "target_type",
    "sub_target_type",
    "origin",
    "triggered_by",
    "target_id",
    "project_id",
    "environment_id",
]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
"""The fields of an event that can be filtered by and counted, in the order they are stored."""

GapReason = Literal["beyond-retention", "not-read-in-time", "tie-longer-than-pages", "upstream-refused"]


class Prepared(NamedTuple):
    """An event that only lacks its place in the archive.

    `id` is the upstream's, or made from the bytes when they have none; `tag` tells the upstream's own bytes apart from
    others without showing them; `nanos` is its timestamp, or where it stood; `values` are those of DIMENSIONS.
    """

    raw: bytes
    id: str
    identity: int
    tag: bytes
    nanos: int
    values: tuple[str | None, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Time whose events may be missing for ever; `start` None means since always."""

    start: int | None
    end: int
    reason: GapReason
    found_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Events of one organization, and what is known once they are kept: all of it is, or nothing.

    `holder` is who has the organization's lease. What is None stays as it was.
    """

    organization: str
    holder: str
    fetched_at: int
    events: tuple[Prepared, ...] = ()
    covered: Slices = ()
    gaps: tuple[Gap, ...] = ()
    retention_days: float | None = None
    tail_read_at: int | None = None
    deep_read_at: int | None = None


class Kept(NamedTuple):
    """What became of a batch: events that were new, other bytes for known ids, and those known already."""

    new: int = 0
    revisions: int = 0
    known: int = 0
    gaps: int = 0


class Archived(NamedTuple):
    """One event of the archive.

    `position` orders and pages events: its timestamp, or the first free nanosecond after it. `number` is its place in
    the log. `revision` counts other bytes for the same id, and a superseded one has a later one. `raw` is what was
    stored, redacted; `tag` tells the upstream's own bytes apart.
    """

    organization: str
    position: int
    number: int
    revision: int
    superseded: bool
    fetched_at: int
    tag: bytes
    raw: bytes

    @property
    def id(self) -> str:
        """The upstream's id, or one made from the event's bytes."""
        return name_of(read_event(self.raw), self.tag)


class Stored(NamedTuple):
    """A row of the log with what was derived from its bytes to find it by; nothing of it is checked.

    `raw` is None when the stored bytes cannot be read. `values` are those of DIMENSIONS.
    """

    organization: str
    position: int
    number: int
    revision: int
    superseded: bool
    fetched_at: int
    tag: bytes
    identity: int
    values: tuple[str | None, ...]
    raw: bytes | None


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on one field: its value is one of these, or none of them when `negated`; "" stands for none."""

    dimension: Dimension
    values: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which events, of the latest revisions: `since <= position < until`, all filters, all words of the text."""

    organization: str
    since: int | None = None
    until: int | None = None
    filters: tuple[Filter, ...] = ()
    text: str = ""

    @property
    def selective(self) -> bool:
        """Whether anything but time decides."""
        return bool(self.filters or self.text.strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Which page of a query: `below` goes on to older events, `above` back to newer ones."""

    limit: int
    below: int | None = None
    above: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Events, newest first, and whether the query has older and newer ones."""

    events: tuple[Archived, ...]
    has_older: bool
    has_newer: bool


class Bucket(NamedTuple):
    """How many events there are from `start` on, to the next bucket."""

    start: int
    events: int


class Count(NamedTuple):
    """How many events have this value; None stands for those that have none."""

    value: str | None
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What to count: in buckets of this width that begin at `origin` (0: none), and the most frequent values."""

    width: int = 0
    origin: int = 0
    dimensions: tuple[Dimension, ...] = ()
    most: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Counts of a query; of each dimension the most frequent values, equal counts in the order of the values."""

    total: int
    buckets: tuple[Bucket, ...] = ()
    counts: dict[Dimension, tuple[Count, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationState:
    """What is known of an organization's events.

    `tail_read_at` is when the newest events were last read to their end; `covered` ends a while before, because events
    come late.
    """

    organization: str
    events: int = 0
    covered: Slices = ()
    gaps: tuple[Gap, ...] = ()
    oldest: int | None = None
    newest: int | None = None
    retention_days: float | None = None
    tail_read_at: int | None = None
    deep_read_at: int | None = None

    @property
    def span(self) -> Slice | None:
        """From the first covered instant to the last."""
        return Slice(self.covered[0].start, self.covered[-1].end) if self.covered else None
