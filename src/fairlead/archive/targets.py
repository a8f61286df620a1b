"""The targets that have events, with the names they had last; and their projects and environments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from fairlead.archive.events import Event, read_event
from fairlead.archive.model import Archived, Dimension, Filter, Query, Tally, Turn
from fairlead.archive.store import Archive

Level = Literal["target", "project", "environment"]
LEVELS: Mapping[Level, Dimension] = {
    "target": "target_id",
    "project": "project_id",
    "environment": "environment_id",
}
"""What can be listed, and the field that tells it apart."""


class Seen(NamedTuple):
    """A target, project or environment: its name and type when it was last seen, and how many events it has."""

    id: str
    name: str | None
    type: str | None
    events: int
    last_seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """Those with the most events, and whether there are more."""

    seen: tuple[Seen, ...]
    has_more: bool


def targets(archive: Archive, query: Query, level: Level = "target", most: int = 100) -> Targets:
    """What has events among those that a query finds, the one with the most first; events without any are left out."""
    dimension = LEVELS[level]
    # One more for the events that have none, and one to know whether there are more.
    tally = Tally(dimensions=(dimension,), most=most + 2)
    counts = [(each.value, each.events) for each in archive.statistics(query, tally).counts[dimension]]
    found = [(value, events) for value, events in counts if value]
    seen = [_seen(archive, query, level, counted) for counted in found[:most]]
    return Targets(seen=tuple(each for each in seen if each is not None), has_more=len(found) > most)


def _seen(archive: Archive, query: Query, level: Level, counted: tuple[str, int]) -> Seen | None:
    value, events = counted
    archived = newest(archive, query, LEVELS[level], value)
    if archived is None:  # came to be superseded since it was counted
        return None
    event = read_event(archived.raw)
    kind = event.target_type if level == "target" else level.upper()
    return Seen(value, name_in(event, LEVELS[level]), kind, events, archived.position)


def newest(archive: Archive, query: Query, dimension: Dimension, value: str) -> Archived | None:
    """The newest event of a query that has a value."""
    narrowed = replace(query, filters=(*query.filters, Filter(dimension, (value,))))
    return next(iter(archive.page(narrowed, Turn(limit=1)).events), None)


def name_in(event: Event, dimension: Dimension) -> str | None:
    """The name that an event gives to the id it has in a dimension; None where ids have no names."""
    names = {"target_id": event.target_name, "project_id": event.project_name, "environment_id": event.environment_name}
    return names.get(dimension)
