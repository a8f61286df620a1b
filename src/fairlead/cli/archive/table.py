"""Rows fitted to a terminal: every character counted as wide as it is shown, and none that a terminal would obey."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import click

from fairlead.cli.terminal import escaped

_BETWEEN = "  "
_LEAST = 8


class Cell(NamedTuple):
    """A text, and the colour it is shown in."""

    text: str
    colour: str = ""


class Column(NamedTuple):
    """A title, and its share of the room where not everything fits; a column without one is never cut."""

    title: str
    share: int = 0


def terminal_width() -> int:
    """How many characters a line of the terminal has."""
    return shutil.get_terminal_size().columns


def widths_for(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], room: int) -> list[int]:
    """How wide each column is: as wide as it needs; if not all fit, what may be cut is made narrower by its share."""
    widths = [width_of(column.title) for column in columns]
    for row in rows:
        widths = [max(width, width_of(escaped(cell.text))) for width, cell in zip(widths, row, strict=True)]
    excess = sum(widths) + len(_BETWEEN) * (len(widths) - 1) - room
    may_be_cut = [place for place, column in enumerate(columns) if column.share]
    while excess > 0 and (left := [place for place in may_be_cut if widths[place] > _LEAST]):
        widest = max(left, key=lambda place: widths[place] / columns[place].share)
        widths[widest] -= 1
        excess -= 1
    return widths


def line_of(row: Sequence[Cell], widths: Sequence[int], *, coloured: bool) -> str:
    """A row as a line: cells escaped, cut and filled up to their widths."""
    parts = []
    for cell, width in zip(row, widths, strict=True):
        text = fitted(escaped(cell.text), width)
        parts.append(click.style(text, fg=cell.colour) if coloured and cell.colour else text)
    return _BETWEEN.join(parts).rstrip()


def fitted(text: str, width: int) -> str:
    """A text made as wide as `width`, with `…` where it is cut."""
    taken = width_of(text)
    if taken <= width:
        return text + " " * (width - taken)
    kept, room = [], width - 1
    for character in text:
        room -= width_of(character)
        if room < 0:
            break
        kept.append(character)
    cut = "".join(kept)
    return f"{cut}…" + " " * (width - 1 - width_of(cut))


def width_of(text: str) -> int:
    """How many places of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def bar(share: float, width: int) -> str:
    """A bar of a chart, in eighths of a character."""
    eighths = round(share * width * 8)
    whole, part = divmod(eighths, 8)
    return "█" * whole + ("▏▎▍▌▋▊▉"[part - 1] if part else "")
