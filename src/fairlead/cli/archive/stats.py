"""`fairlead events stats`: how many events, of what, by whom, and when."""

from __future__ import annotations

import json
import sys
from datetime import tzinfo
from typing import NamedTuple

import click

from fairlead.archive.events import read_event
from fairlead.archive.model import DIMENSIONS, Bucket, Dimension, Query, Statistics, Tally
from fairlead.archive.periods import Period, by_period, with_empty_ones
from fairlead.archive.store import Archive
from fairlead.archive.targets import LEVELS, name_in, newest
from fairlead.cli.archive.filters import FILTER_HELP, filter_options
from fairlead.cli.archive.instants import instant_text, json_instant
from fairlead.cli.archive.table import Cell, Column, bar, fitted, line_of, terminal_width, widths_for
from fairlead.cli.environment import colours
from fairlead.cli.terminal import escaped, say

_SHORT: dict[str, Dimension] = {
    "type": "event_type",
    "actor": "triggered_by",
    "target": "target_id",
    "project": "project_id",
    "environment": "environment_id",
}
_BY: dict[str, Dimension] = _SHORT | {dimension.replace("_", "-"): dimension for dimension in DIMENSIONS}
_USUAL = ("type", "actor", "origin", "target")
_MOST_PERIODS = 1_000


class Named(NamedTuple):
    """A counted value, and what it is called when it is an id."""

    value: str | None
    name: str | None
    events: int


class Counted(NamedTuple):
    """What was counted: all, by field, and by period."""

    total: int
    fields: dict[Dimension, list[Named]]
    per: Period | None
    buckets: tuple[Bucket, ...]


@click.command(epilog=FILTER_HELP)
@click.option(
    "--by", "chosen", type=click.Choice(tuple(_BY)), multiple=True, metavar="FIELD",
    help=f"What to count: {', '.join(_BY)}. Repeatable.  [default: {', '.join(_USUAL)}]",
)  # fmt: skip
@click.option(
    "--per", type=click.Choice(("hour", "day", "week")), help="Count over time as well; weeks begin on Monday."
)
@click.option("--top", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many values of each.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@filter_options
def stats(
    archive: Archive, query: Query, zone: tzinfo, chosen: tuple[str, ...], per: Period | None, top: int, as_json: bool
) -> None:
    """Count events: by type, actor, origin and target, and over time.

    Days and weeks are those of the zone, also where the clock is changed. In a pipe, values with tabs between them:
    the field, the value, how many, the name of an id.

    \b
    Examples:
      fairlead events stats --since 30d
      fairlead events stats --by actor --by origin --target-type CLUSTER
      fairlead events stats --per day --since 7d --zone Europe/Paris --event-type DEPLOY_FAILED
    """
    dimensions = tuple(dict.fromkeys(_BY[name] for name in (chosen or (() if per else _USUAL))))
    found = archive.statistics(query, Tally(dimensions=dimensions, most=top))
    fields = {dimension: _named(archive, query, dimension, found) for dimension in dimensions}
    counted = Counted(found.total, fields, per, by_period(archive, query, per, zone) if per else ())
    if as_json:
        click.echo(json.dumps(_as_json(query, zone, counted)))
    elif sys.stdout.isatty():
        _write_charts(counted, zone)
    else:
        _write_tabs(counted, zone)


def _named(archive: Archive, query: Query, dimension: Dimension, found: Statistics) -> list[Named]:
    return [
        Named(value, _name_of(archive, query, dimension, value), events) for value, events in found.counts[dimension]
    ]


def _name_of(archive: Archive, query: Query, dimension: Dimension, value: str | None) -> str | None:
    if value is None or dimension not in LEVELS.values():
        return None
    archived = newest(archive, query, dimension, value)
    return None if archived is None else name_in(read_event(archived.raw), dimension)


def _as_json(query: Query, zone: tzinfo, counted: Counted) -> dict[str, object]:
    told: dict[str, object] = {
        "organization": query.organization,
        "since": None if query.since is None else json_instant(query.since, zone),
        "until": None if query.until is None else json_instant(query.until, zone),
        "total": counted.total,
        "by": {dimension: [each._asdict() for each in values] for dimension, values in counted.fields.items()},
    }
    if counted.per:
        buckets = [{"start": json_instant(each.start, zone), "events": each.events} for each in counted.buckets]
        told |= {"per": counted.per, "periods": buckets}
    return told


def _write_tabs(counted: Counted, zone: tzinfo) -> None:
    lines = [("total", "", counted.total, "")]
    for dimension, values in counted.fields.items():
        lines += [(dimension, each.value or "", each.events, each.name or "") for each in values]
    lines += [(str(counted.per), instant_text(each.start, zone), each.events, "") for each in counted.buckets]
    for line in lines:
        click.echo("\t".join(escaped(str(value)) for value in line))


def _write_charts(counted: Counted, zone: tzinfo) -> None:
    say(f"{counted.total:,} events")
    for dimension, values in counted.fields.items():
        lines = [(_label(each), each.events) for each in values]
        others = counted.total - sum(events for _, events in lines)
        _write_chart(dimension.replace("_", " "), lines + ([("all others", others)] if others else []))
    if counted.per:
        filled = with_empty_ones(counted.buckets, counted.per, zone, _MOST_PERIODS)
        _write_chart(f"per {counted.per}", [(instant_text(each.start, zone), each.events) for each in filled])


def _label(each: Named) -> str:
    return f"{each.name or '?'} {each.value}" if each.name is not None else each.value or "(none)"


def _write_chart(title: str, lines: list[tuple[str, int]]) -> None:
    """A bar for each line; what was left out has a number and no bar."""
    if not lines:
        return
    columns = (Column(title.upper(), 1), Column("EVENTS"))
    rows = [(Cell(label), Cell(f"{events:,}")) for label, events in lines]
    label, number = widths_for(columns, rows, terminal_width() * 2 // 3)
    room = max(terminal_width() - label - number - 4, 1)
    most = max((events for name, events in lines if name != "all others"), default=1)
    click.echo()
    coloured = colours(sys.stdout)
    click.echo(line_of([Cell(column.title, "bright_black") for column in columns], [label, number], coloured=coloured))
    for name, events in lines:
        drawn = "" if name == "all others" else bar(events / max(most, 1), room)
        text = f"{fitted(escaped(name), label)}  {f'{events:,}':>{number}}  "
        click.echo((text + (click.style(drawn, fg="cyan") if coloured and drawn else drawn)).rstrip())
