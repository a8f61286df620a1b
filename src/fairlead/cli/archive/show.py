"""`fairlead events show`: one event, and what it changed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import tzinfo

import click

from fairlead.archive.contract import EVENT_KEYS
from fairlead.archive.diff import Difference
from fairlead.archive.events import raw_fields
from fairlead.archive.fields import shown
from fairlead.archive.forms.ndjson import one_line
from fairlead.archive.model import Archived
from fairlead.archive.store import Archive
from fairlead.archive.timeline import Comparison, Explained, explained
from fairlead.cli.archive.filters import zone_choice
from fairlead.cli.archive.instants import instant_text, json_instant, zone_option
from fairlead.cli.archive.opening import reading_options
from fairlead.cli.archive.rows import write_json
from fairlead.cli.terminal import say

_COLOURS = {"added": "green", "removed": "red", "changed": "yellow"}
_LONGEST = 300
_LABEL = 18
_SEGMENT = re.compile(r"\[(?:\?@\['(\w+)'\]==)?(?:'((?:[^'\\]|\\.)*)'|(-?[0-9]+))\]")
_PLAIN_NAME = re.compile(r"[\w-]+")
_CHANGES = ("change", "original_change")


@click.command()
@click.argument("name", metavar="ID|NUMBER")
@click.option("--all", "keep_noise", is_flag=True, help="Do not leave out `updated_at`, which every update changes.")
@zone_choice
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object: the event as stored, and all of this.")
@click.option("--raw", is_flag=True, help="Write the stored bytes, and nothing else.")
@reading_options
def show(
    archive: Archive, organization: str, name: str, keep_noise: bool, zone_name: str, as_json: bool, raw: bool
) -> None:
    """Show one event: its fields, what it changed field by field, its place in the log, its revisions.

    An event is named by its whole id or by its number, which `list` shows. What an update changed is told against
    the event's own `original_change`; where it has none, against the previous comparable event of the target.

    \b
    Examples:
      fairlead events show 72020e28-a14a-4a63-8655-ccb99ee1edfe
      fairlead events show 6053 --zone Europe/Paris
      fairlead events show 6053 --json | jq .differences
    """
    zone = zone_option(zone_name)
    found = explained(archive, organization, name, keep_noise=keep_noise)
    if raw:
        write_json(found.step.archived.raw)
    elif as_json:
        write_json(_json_of(found, zone))
    else:
        _print_fields(found, zone)
        _print_comparison(found.step.comparison, zone)
        _print_revisions(found, zone)


def _json_of(found: Explained, zone: tzinfo) -> bytes:
    archived, comparison = found.step.archived, found.step.comparison
    previous = comparison.previous
    told = {
        **_place(archived, zone),
        "organization": archived.organization,
        "id": archived.id,
        "compared_with": comparison.basis,
        "previous": None if previous is None else {"id": previous.id, "number": previous.number},
        "differences": [each._asdict() for each in comparison.differences],
        "revisions": [_place(each, zone) for each in found.revisions],
        "redaction_tags": list(found.tags),
    }
    return json.dumps(told).encode()[:-1] + b', "event": ' + one_line(archived.raw) + b"}\n"


def _place(archived: Archived, zone: tzinfo) -> dict[str, object]:
    return {
        "number": archived.number,
        "revision": archived.revision,
        "superseded": archived.superseded,
        "kept": json_instant(archived.fetched_at, zone),
    }


def _print_fields(found: Explained, zone: tzinfo) -> None:
    archived = found.step.archived
    fields = {name: literal.decode("utf-8", "replace") for name, literal in raw_fields(archived.raw).items()}
    _print_field("time", instant_text(archived.position, zone))
    # Null, absent and "" are three different things, and shown as such.
    for name in (*EVENT_KEYS, *(name for name in fields if name not in EVENT_KEYS)):
        if name in fields and name not in _CHANGES:
            _print_field(name, shown(fields[name]) or fields[name])
    if "id" not in fields:
        _print_field("id", f"{archived.id} (made from its bytes: it has none)")
    _print_field("organization", archived.organization)
    _print_field("number", f"{archived.number} of the log, kept {instant_text(archived.fetched_at, zone)}")


def _print_field(name: str, value: str) -> None:
    say(f"{name:<{_LABEL}}{_short(value)}")


def _print_comparison(comparison: Comparison, zone: tzinfo) -> None:
    click.echo()
    say(_title(comparison, zone))
    for line, colour in _difference_lines(comparison.differences):
        say(line, colour=colour)


def _title(comparison: Comparison, zone: tzinfo) -> str:
    if not comparison.differences:
        return "It says nothing of what changed." if comparison.basis == "nothing" else "Nothing changed, noise aside."
    if comparison.basis == "original":
        return "What it changed:"
    previous = comparison.previous
    if previous is None:
        return "What it says; no older event here can be compared with it:"
    when = instant_text(previous.position, zone)
    return f"It has no original_change; against the previous event of the target, {previous.number} of {when}:"


def _difference_lines(differences: tuple[Difference, ...]) -> Iterator[tuple[str, str]]:
    for each in differences:
        said = {
            "added": f"+ {_path(each.path)}: {_short(each.after)}",
            "removed": f"- {_path(each.path)}: {_short(each.before)}",
            "changed": f"~ {_path(each.path)}: {_short(each.before)} → {_short(each.after)}",
        }[each.kind]
        note = " (another secret now)" if each.note == "rotated" else f" ({each.note})" if each.note else ""
        yield f"  {said}{note}", _COLOURS[each.kind]


def _path(path: str) -> str:
    """A normalized path as people write it, and as `--fields` takes it after `change.`."""

    def spelled(match: re.Match[str]) -> str:
        key, name, index = match.groups()
        if key is not None:
            return f"[{key}={index if name is None else name}]"
        if name is None:
            return f"[{index}]"
        return f".{name}" if _PLAIN_NAME.fullmatch(name) else f"[{json.dumps(name, ensure_ascii=False)}]"

    return _SEGMENT.sub(spelled, path[1:]).removeprefix(".") or "all of it"


def _short(text: str | None) -> str:
    if text is None or len(text) <= _LONGEST:
        return text or ""
    return f"{text[:_LONGEST]}… ({len(text):,} characters; --json has all)"


def _print_revisions(found: Explained, zone: tzinfo) -> None:
    if found.tags:
        count = "A secret is" if len(found.tags) == 1 else f"{len(found.tags)} secrets are"
        click.echo()
        say(f"{count} hidden: the same `redacted:…` stands for the same secret everywhere in this archive.")
    if len(found.revisions) > 1:
        click.echo()
        say("Its revisions:")
        for each in found.revisions:
            mark = "superseded" if each.superseded else "the latest"
            say(f"  {each.revision}: number {each.number}, kept {instant_text(each.fetched_at, zone)}, {mark}")
