"""One event with what it changed, and the events of one target after each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fairlead.archive.diff import Difference, differences
from fairlead.archive.events import Event, read_event
from fairlead.archive.forms.meaning import RECORDED, meaning
from fairlead.archive.json_tree import Branch, plain, read_tree
from fairlead.archive.model import Archived, Filter, Query, Turn
from fairlead.archive.redaction_looks import TAG
from fairlead.archive.store import Archive
from fairlead.errors import NotArchived

Basis = Literal["original", "previous", "nothing"]

_LOOK_BACK = 20
_HIGHEST_NUMBER = (1 << 63) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What an event changed, and against what: its own `original_change`, the *previous* event, or nothing at all."""

    basis: Basis
    differences: tuple[Difference, ...]
    previous: Archived | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """An event of a timeline, its fields, and what it changed."""

    archived: Archived
    event: Event
    comparison: Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Events, newest first, and whether there are older and newer ones."""

    steps: tuple[Step, ...]
    has_older: bool
    has_newer: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """An event with what it changed, every revision of it (oldest first), and the tags that stand for its secrets."""

    step: Step
    revisions: tuple[Archived, ...]
    tags: tuple[str, ...]


def explained(archive: Archive, organization: str, name: str, *, keep_noise: bool = False) -> Explained:
    """The event with an id, in its latest revision, or with a number of the log; raises NotArchived."""
    revisions = _of_id(archive, organization, name)
    chosen = revisions[-1] if revisions else _numbered(archive, organization, name)
    if not revisions:
        revisions = _of_id(archive, organization, chosen.id)
    tags = dict.fromkeys(TAG.findall(chosen.raw.decode("utf-8", "replace")))
    return Explained(step=step(archive, chosen, keep_noise=keep_noise), revisions=revisions, tags=tuple(tags))


def _of_id(archive: Archive, organization: str, name: str) -> tuple[Archived, ...]:
    found = archive.revisions(name)
    own = tuple(each for each in found if each.organization == organization)
    if found and not own:
        raise NotArchived(
            f"The event {name[:60]} is another organization's.", remedy=f"Name that one: {found[0].organization}."
        )
    return own


def _numbered(archive: Archive, organization: str, name: str) -> Archived:
    text = name.removeprefix("#")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else _HIGHEST_NUMBER
    found = next(iter(archive.log(number, 1)), None) if number < archive.frontier().size else None
    if found is None or found.organization != organization:
        raise NotArchived(
            f"The archive {archive.name} has no event {name[:60]}.",
            remedy="An event is named by its whole id or by its number in the log; `fairlead events list` shows the "
            "numbers, `fairlead events sync` keeps what is newer.",
        )
    return found


def timeline(archive: Archive, query: Query, turn: Turn) -> Timeline:
    """A page of a query, which should be about one target, each event with what it changed."""
    page = archive.page(query, turn)
    steps = tuple(step(archive, archived) for archived in page.events)
    return Timeline(steps=steps, has_older=page.has_older, has_newer=page.has_newer)


def step(archive: Archive, archived: Archived, *, keep_noise: bool = False) -> Step:
    """An event with what it changed."""
    event = read_event(archived.raw)
    return Step(archived=archived, event=event, comparison=_compared(archive, archived, event, keep_noise))


def _compared(archive: Archive, archived: Archived, event: Event, keep_noise: bool) -> Comparison:
    change = event.change or None
    if event.original_change:
        found = differences(event.original_change, change, keep_noise=keep_noise)
        return Comparison(basis="original", differences=found)
    if change is None:
        return Comparison(basis="nothing", differences=())
    before = previous(archive, archived)
    if before is not None:
        found = differences(read_event(before.raw).change, change, keep_noise=keep_noise)
        return Comparison(basis="previous", differences=found, previous=before)
    # Of an object that was not there before, every field is new.
    is_object = change.lstrip().startswith("{") and read_tree(change) is not None
    return Comparison(basis="nothing", differences=differences("{}" if is_object else None, change, keep_noise=True))


def previous(archive: Archive, archived: Archived) -> Archived | None:
    """The newest older event whose change can be compared: of the same target, sub-target type and object.

    What was configured is compared with what was configured, a run with a run: their changes have other fields.
    """
    event = read_event(archived.raw)
    if not event.target_id:
        return None
    filters = (
        Filter("target_id", (event.target_id,)),
        Filter("target_type", (event.target_type or "",)),
        Filter("sub_target_type", (event.sub_target_type or "",)),
    )
    query = Query(organization=archived.organization, until=archived.position, filters=filters)
    older = archive.page(query, Turn(limit=_LOOK_BACK)).events
    return next((each for each in older if _is_comparable(event, read_event(each.raw))), None)


def _is_comparable(event: Event, other: Event) -> bool:
    if not other.change or _is_recorded(event) != _is_recorded(other):
        return False
    return _object_id(event.change) == _object_id(other.change)


def _is_recorded(event: Event) -> bool:
    return meaning(event.event_type, event.target_type, event.sub_target_type).act in RECORDED


def _object_id(change: str | None) -> str | None:
    """The id of the object that a change is about."""
    tree = read_tree(change or "")
    members = tree.members if isinstance(tree, Branch) else None
    found = members.get("id") if isinstance(members, dict) else None
    return plain(found) if isinstance(found, str) and found.startswith('"') else None
