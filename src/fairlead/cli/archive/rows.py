"""Events as `list` and `tail` write them: a table on a terminal, tab-separated in a pipe, or JSON, one on each line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import TypeVar

import click

from fairlead.archive.events import Event, read_event
from fairlead.archive.fields import Field, fields_of, shown, value_at
from fairlead.archive.forms.meaning import Outcome, meaning
from fairlead.archive.forms.ndjson import ndjson, one_line
from fairlead.archive.model import Archived
from fairlead.cli.archive.instants import instant_text
from fairlead.cli.archive.table import Cell, Column, line_of, terminal_width, widths_for
from fairlead.cli.environment import colours
from fairlead.cli.terminal import escaped, say

Command = TypeVar("Command", bound=Callable[..., object])
Row = tuple[Cell, ...]

_COLUMNS = (
    Column("NUMBER"), Column("TIME"), Column("TYPE", 6), Column("TARGET", 6), Column("ACTOR", 4), Column("ORIGIN", 3),
)  # fmt: skip
_COLOURS = {Outcome.SUCCESS: "green", Outcome.FAILURE: "red"}


def row_options(command: Command) -> Command:
    """The options that say how events are written; the command takes `as_json` and `fields`."""
    fields = click.option(
        "--fields", default="", metavar="FIELDS", callback=_read_fields,
        help="Only these, such as id,timestamp,target.name,change.cpu; also number, position, organization.",
    )  # fmt: skip
    as_json = click.option(
        "--json", "as_json", is_flag=True, help="Write JSON, one event on each line, exactly as it was stored."
    )
    return as_json(fields(command))


def _read_fields(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[Field, ...]:
    try:
        return fields_of(text) if text else ()
    except ValueError as failure:
        raise click.BadParameter(
            f'`{str(failure)[:60]}` is no path; write `target_name`, `change.ports[0].port` or `change["a.b"]`.',
            param_hint="--fields",
        ) from None


class Rows:
    """Writes events as they come; the first of them decide how wide the columns of a table are."""

    def __init__(self, zone: tzinfo, fields: tuple[Field, ...], *, as_json: bool) -> None:
        self._zone, self._fields, self._as_json = zone, fields, as_json
        self._absent = {field for field in fields if not field.is_fixed}
        self._widths: list[int] = []
        self._written = 0

    def write(self, events: Sequence[Archived]) -> None:
        """Write events in this order."""
        self._written += len(events)
        if self._as_json:
            write_json(b"".join(self._json(archived) for archived in events))
        elif sys.stdout.isatty():
            self._write_table([self._row(archived) for archived in events])
        else:
            lines = ["\t".join(escaped(text) for text in self._texts(archived)) for archived in events]
            click.echo("".join(f"{line}\n" for line in lines), nl=False)

    def tell_absent(self) -> None:
        """Say which fields none of the events had: a path may be mistyped."""
        if self._written:
            for field in sorted(self._absent, key=lambda each: each.text):
                say(f"None of these events has `{field.text}`.", err=True, colour="yellow")

    def _json(self, archived: Archived) -> bytes:
        if not self._fields:
            return ndjson(archived.raw)
        values = [(field.text, self._value(archived, field)) for field in self._fields]
        members = ",".join(f"{json.dumps(name)}:{value}" for name, value in values if value is not None)
        return one_line(f"{{{members}}}".encode("utf-8", "replace")) + b"\n"

    def _value(self, archived: Archived, field: Field) -> str | None:
        value = value_at(archived, field)
        if value is not None:
            self._absent.discard(field)
        return value

    def _texts(self, archived: Archived) -> list[str]:
        if self._fields:
            return [shown(self._value(archived, field)) for field in self._fields]
        event = read_event(archived.raw)
        return [
            str(archived.number), instant_text(archived.position, self._zone), event.event_type or "",
            event.target_type or "", event.sub_target_type or "", event.target_name or "", event.triggered_by or "",
            event.origin or "", archived.id,
        ]  # fmt: skip

    def _row(self, archived: Archived) -> Row:
        if self._fields:
            return tuple(Cell(shown(self._value(archived, field))) for field in self._fields)
        event = read_event(archived.raw)
        return (
            Cell(str(archived.number)), Cell(instant_text(archived.position, self._zone)), type_cell(event),
            Cell(target_text(event)), Cell(event.triggered_by or ""), Cell(event.origin or ""),
        )  # fmt: skip

    def _write_table(self, rows: list[Row]) -> None:
        columns = tuple(Column(field.text, 1) for field in self._fields) if self._fields else _COLUMNS
        coloured = colours(sys.stdout)
        if not self._widths and rows:
            self._widths = widths_for(columns, rows, terminal_width())
            titles = [Cell(column.title, "bright_black") for column in columns]
            click.echo(line_of(titles, self._widths, coloured=coloured))
        for row in rows:
            click.echo(line_of(row, self._widths, coloured=coloured))


def type_cell(event: Event) -> Cell:
    """An event's type, in the colour of how it ended."""
    outcome = meaning(event.event_type, event.target_type, event.sub_target_type).outcome
    return Cell(event.event_type or "", _COLOURS.get(outcome, ""))


def target_text(event: Event) -> str:
    """What an event is about: the name first, because it tells most."""
    kind = " ".join(part for part in (event.target_type, event.sub_target_type) if part)
    return f"{event.target_name} ({kind})" if event.target_name else kind


def write_json(lines: bytes) -> None:
    """Write lines of JSON: their bytes as they are, but on a terminal what it would obey as escapes of JSON."""
    if sys.stdout.isatty():
        click.echo(escaped(lines.decode("utf-8", "replace"), lines=True), nl=False)
    else:
        click.echo(lines, nl=False)
