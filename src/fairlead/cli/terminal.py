"""Text for a person: coloured where that is wanted, and with nothing in it that a terminal would obey."""

from __future__ import annotations

import sys

import click

from fairlead.cli.environment import colours


def say(text: str, *, colour: str = "", err: bool = False) -> None:
    """Print one line, its unprintable characters escaped."""
    line = escaped(text)
    if colour and colours(sys.stderr if err else sys.stdout):
        line = click.style(line, fg=colour)
    click.echo(line, err=err)


def escaped(text: str, *, lines: bool = False) -> str:
    """The text with all that would move the cursor, colour or reorder it as JSON escapes; `lines` keeps breaks."""
    return "".join(c if c.isprintable() or (lines and c == "\n") else _escape(c) for c in text)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
