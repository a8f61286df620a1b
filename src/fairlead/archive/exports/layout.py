"""How events are laid out in files: the form, what a form leaves open, and the suffixes of names."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import zstandard

from fairlead.archive.events import read_event
from fairlead.archive.forms import csv_rows
from fairlead.archive.forms.ecs import ecs_json
from fairlead.archive.forms.ndjson import enveloped, ndjson
from fairlead.archive.forms.ocsf import ocsf_json
from fairlead.archive.model import Archived

Form = Literal["ndjson", "csv", "parquet", "ocsf", "ecs"]
FORMS: tuple[Form, ...] = get_args(Form)

Compression = Literal["", "gz", "zst"]
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)

_BLOCK = 256 * 1024
_GZIP = zlib.MAX_WBITS + 16  # a stream with the header of gzip, which has no time and no name in it
_GZIP_LEVEL = 6
_ZSTD_LEVEL = 3


class _Squeeze(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A form and how it is compressed; the columns of CSV, and whether Excel is to read it; NDJSON with envelopes."""

    form: Form
    compression: Compression = ""
    columns: tuple[str, ...] = csv_rows.COLUMNS
    for_excel: bool = False
    envelope: bool = False

    @property
    def suffix(self) -> str:
        """What names of files end with; OCSF and ECS are lines of JSON as well."""
        named = {"ocsf": "ocsf.ndjson", "ecs": "ecs.ndjson"}.get(self.form, self.form)
        return f".{named}.{self.compression}" if self.compression else f".{named}"


def text_blocks(events: Iterable[Archived], organization: str, layout: Layout) -> Iterator[bytes]:
    """The events of an organization in any form but Parquet, compressed; the same events make the same bytes."""
    return _compressed(_plain_blocks(events, organization, layout), layout.compression)


def _plain_blocks(events: Iterable[Archived], organization: str, layout: Layout) -> Iterator[bytes]:
    """The text, in blocks of about 256 KiB."""
    if layout.form == "csv":
        yield (csv_rows.BYTE_ORDER_MARK if layout.for_excel else b"") + csv_rows.header(layout.columns)
        yield from csv_rows.csv_blocks((read_event(each.raw) for each in events), organization, layout.columns)
    else:
        yield from _blocks(_lines(events, organization, layout))


def _lines(events: Iterable[Archived], organization: str, layout: Layout) -> Iterator[bytes]:
    if layout.form == "ocsf":
        return (ocsf_json(each.raw, read_event(each.raw), organization) + b"\n" for each in events)
    if layout.form == "ecs":
        return (ecs_json(each.raw, read_event(each.raw), organization) + b"\n" for each in events)
    if layout.envelope:
        return (enveloped(each.raw, organization, each.number) for each in events)
    return (ndjson(each.raw) for each in events)


def _blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for line in lines:
        block += line
        if len(block) >= _BLOCK:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)


def _compressed(blocks: Iterator[bytes], compression: Compression) -> Iterator[bytes]:
    if not compression:
        yield from blocks
        return
    squeeze: _Squeeze = (
        zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)
        if compression == "gz"
        else zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()
    )
    for block in blocks:
        if found := squeeze.compress(block):
            yield found
    yield squeeze.flush()
