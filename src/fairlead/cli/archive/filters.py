"""The options by which `list`, `targets`, `tail` and `stats` choose events."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import TypeVar

import click

from fairlead.archive.asking import API_NAMES, FOR_EVER, IDS, Stranger, condition, not_covered, strangers
from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.model import DIMENSIONS, Dimension, Filter, Query
from fairlead.archive.store import Archive
from fairlead.archive.text import words_of
from fairlead.cli.archive.instants import instant_option, instant_text, zone_option
from fairlead.cli.archive.opening import reading_options
from fairlead.cli.terminal import say

Command = TypeVar("Command", bound=Callable[..., object])
Option = Callable[[Callable[..., object]], Callable[..., object]]

_FILTERS: Mapping[Dimension, tuple[str, str]] = {
    "event_type": ("TYPE", "Such as DELETE."),
    "target_type": ("TYPE", "Such as CONTAINER."),
    "sub_target_type": ("TYPE", 'Such as VARIABLE; "" for events without any.'),
    "origin": ("ORIGIN", "Such as CONSOLE."),
    "triggered_by": ("ACTOR", "The actor's whole name; `\\,` for a comma in it."),
    "target_id": ("ID", "`fairlead events targets` lists the ids by name."),
    "project_id": ("ID", "A project."),
    "environment_id": ("ID", "An environment."),
}
_ALSO: Mapping[str, tuple[str, ...]] = {
    "since": ("--from", "--fromTimestamp", "--from-timestamp"),
    "until": ("--to", "--toTimestamp", "--to-timestamp"),
}
_HUMP = re.compile("(?=[A-Z])")
_HOLES_SAID = 3

FILTER_HELP = """\b
Several values: repeat the option, or put commas between them. For none of them there is --not-event-type,
--not-origin and so on. The API's names are taken as well: --eventType, --serviceProjectId, --fromTimestamp.
WHEN is `2h` (ago), `2026-10-01`, `2026-10-01T09:30` (both of --zone), `2026-10-01T09:30:00+02:00`, or
Unix seconds as the API takes them."""
"""What the help of a command says of all filters, at its end."""

zone_choice = click.option(
    "--zone", "zone_name", default="UTC", show_default=True, metavar="ZONE",
    help="The time zone of what you write and read, such as Europe/Paris.",
)  # fmt: skip


def filter_options(command: Command) -> Command:
    """The options that choose events, with those of `reading_options`; the command takes `archive`, `query`, `zone`."""

    @functools.wraps(command)
    def chosen(*, archive: Archive, organization: str, **others: object) -> object:
        zone = zone_option(str(others.pop("zone_name")))
        bounds = [_instant(others, name, zone) for name in ("since", "until")]
        query = Query(
            organization=organization,
            since=bounds[0],
            until=bounds[1],
            filters=tuple(found for dimension in DIMENSIONS for found in _filters(others, dimension)),
            text=_words(str(others.pop("text"))),
        )
        _warn(archive, query, zone)
        return command(archive=archive, query=query, zone=zone, **others)

    decorated: Callable[..., object] = reading_options(chosen)
    for option in reversed([*_filter_options(), *_other_options()]):
        decorated = option(decorated)
    return decorated  # type: ignore[return-value]


def _filter_options() -> list[Option]:
    made: list[Option] = []
    for dimension, (metavar, told) in _FILTERS.items():
        name = dimension.replace("_", "-")
        made += [
            click.option(f"--{name}", dimension, multiple=True, metavar=metavar, help=told),
            click.option(f"--not-{name}", f"not_{dimension}", multiple=True, hidden=True),
        ]
        if also := _api_spellings(dimension, f"--{name}"):
            made.append(click.option(*also, f"also_{dimension}", multiple=True, hidden=True))
    return made


def _api_spellings(dimension: Dimension, own: str) -> list[str]:
    """What the API calls a field, in its own case and as options are written, but for the name the option has."""
    names = [name for name, named in API_NAMES.items() if named == dimension]
    spelled = [f"--{name}" for name in names] + [f"--{_HUMP.sub('-', name).lower()}" for name in names]
    return [each for each in dict.fromkeys(spelled) if each != own]


def _other_options() -> list[Option]:
    words = (
        "All of these words: in names, the actor, the user agent, the values of the change. `nginx*`: as a beginning."
    )
    return [
        click.option("--text", default="", metavar="WORDS", help=words),
        click.option("--since", default="", metavar="WHEN", help="From then on."),
        click.option(*_ALSO["since"], "also_since", default="", hidden=True),
        click.option("--until", default="", metavar="WHEN", help="Up to then, and not including it."),
        click.option(*_ALSO["until"], "also_until", default="", hidden=True),
        zone_choice,
    ]


def _instant(given: dict[str, object], name: str, zone: tzinfo) -> int | None:
    text = str(given.pop(name) or given[f"also_{name}"])
    del given[f"also_{name}"]
    return instant_option(text, f"--{name}", zone) if text else None


def _filters(given: dict[str, object], dimension: Dimension) -> list[Filter]:
    wanted = (*_texts(given, dimension), *_texts(given, f"also_{dimension}"))
    unwanted = _texts(given, f"not_{dimension}")
    found = [condition(dimension, wanted)] if wanted else []
    return [*found, condition(dimension, unwanted, negated=True)] if unwanted else found


def _texts(given: dict[str, object], name: str) -> tuple[str, ...]:
    texts = given.pop(name, ())
    return texts if isinstance(texts, tuple) else ()


def _words(text: str) -> str:
    if text and not words_of(text):
        raise click.BadParameter(f"`{text}` has no letter and no digit to look for.", param_hint="--text")
    return text


def _warn(archive: Archive, query: Query, zone: tzinfo) -> None:
    """Say what may make an answer poorer than it looks; the answer is given all the same."""
    for stranger in strangers(archive, query):
        say(_said_of(stranger), err=True, colour="yellow")
    missing = [
        hole for hole in not_covered(archive.state(query.organization), query)
        if hole.end - hole.start >= NANOS_PER_SECOND
    ]  # fmt: skip
    for hole in missing[:_HOLES_SAID]:
        end = "any later time" if hole.end == FOR_EVER else instant_text(hole.end, zone)
        say(f"Not covered by the archive: {instant_text(hole.start, zone)} to {end}.", err=True, colour="yellow")
    if len(missing) > _HOLES_SAID:
        say(f"… and {len(missing) - _HOLES_SAID:,} more; `fairlead events gaps` has all.", err=True, colour="yellow")


def _said_of(stranger: Stranger) -> str:
    meant = f"; did you mean `{stranger.meant}`?" if stranger.meant else "."
    said = f"`{stranger.value[:100]}` of --{stranger.dimension.replace('_', '-')}"
    if stranger.dimension in IDS:
        return f"{said} is no UUID; `fairlead events targets` lists the ids by name."
    if stranger.dimension == "triggered_by":
        return f"{said} is the actor of no event here{meant}"
    return f"{said} is known neither to Qovery's API nor to the archive{meant}"
