"""Events as CSV (RFC 4180) that a spreadsheet opens as text, whatever an event's names are made of.

A cell that a spreadsheet would compute begins with an apostrophe. Null, absent and "" are all an empty cell: to tell
them apart, take NDJSON.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence

from fairlead.archive.contract import EVENT_KEYS
from fairlead.archive.events import Event

MEDIA_TYPE = "text/csv; charset=utf-8"
COLUMNS = ("organization_id", *EVENT_KEYS)
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""Comes before the header for Excel, which takes CSV for its own code page otherwise."""

_BLOCK = 256 * 1024
_PLAIN = frozenset('{["_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789')
# Spaces and invisible characters in front of a formula are no protection, and some spreadsheets compute the wide forms
# of = + - @ as well. An apostrophe is doubled, so that taking one off always gives what was there.
_COMPUTED = re.compile(r"[\s\x00-\x1f\x7f-\xa0\xad\ufeff\u200b-\u200f\u2060]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n']")
# Terminals obey control characters, and readers of CSV stop at NUL.
_CONTROLS = bytes.maketrans(bytes({*range(32), 127} - {9, 10, 13}), b"?" * 30)
_HIGH_CONTROLS = re.compile(rb"\xc2[\x80-\x9f]")


def header(columns: Sequence[str] = COLUMNS) -> bytes:
    """The first line."""
    return (",".join(columns) + "\r\n").encode()


def row(event: Event, organization_id: str) -> list[str]:
    """An event's cells, in the order of `COLUMNS`, none of which a spreadsheet computes."""
    cells = [value if value and value[0] in _PLAIN else safe_cell(value or "") for value in event]
    return [safe_cell(organization_id), *cells]


def safe_cell(text: str) -> str:
    """A text as a cell that no spreadsheet computes; taking off a leading apostrophe gives the text."""
    return f"'{text}" if _COMPUTED.match(text) else text


def csv_blocks(events: Iterable[Event], organization_id: str, columns: Sequence[str] = COLUMNS) -> Iterator[bytes]:
    """The lines of many events, without the header, in blocks of about 256 KiB; control characters become `?`."""
    places = None if tuple(columns) == COLUMNS else [COLUMNS.index(column) for column in columns]
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    for event in events:
        cells = row(event, organization_id)
        writer.writerow(cells if places is None else [cells[place] for place in places])
        if lines.tell() >= _BLOCK:
            yield _encoded(lines)
    if lines.tell():
        yield _encoded(lines)


def _encoded(lines: io.StringIO) -> bytes:
    """What was written, as bytes; begins the next block."""
    block = lines.getvalue().encode("utf-8", "replace").translate(_CONTROLS)
    lines.seek(0)
    lines.truncate()
    return block if block.isascii() else _HIGH_CONTROLS.sub(b"?", block)
