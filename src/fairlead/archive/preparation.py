"""An event made ready to be kept: redacted, told apart from others, and taken to the parts that are stored."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from operator import attrgetter
from typing import NamedTuple

import msgspec

from fairlead.archive.events import Event, name_of, nanos_of, raw_fields, read_event
from fairlead.archive.model import DIMENSIONS, Prepared
from fairlead.archive.text import searchable

Redact = Callable[[bytes, Event], bytes]
"""What takes the secrets out of an event's bytes; the bytes themselves when there are none."""

HELD_APART = 512
"""From so many bytes on a change is stored on its own, once for all events that have the same one."""

_APART = ("change", "original_change")
_values = attrgetter(*DIMENSIONS)


class _Apart(msgspec.Struct):
    change: msgspec.Raw = msgspec.Raw()
    original_change: msgspec.Raw = msgspec.Raw()


_apart = msgspec.json.Decoder(_Apart)


class Incoming(NamedTuple):
    """An event as it came: its bytes, and where it stood for those whose own timestamp cannot be read."""

    raw: bytes
    near: int


def preparation(tag_key: bytes, redact: Redact | None) -> Callable[[Incoming], Prepared]:
    """How events are made ready with a key; without `redact` they keep their secrets."""

    def prepared(incoming: Incoming) -> Prepared:
        event = read_event(incoming.raw)
        raw = incoming.raw if redact is None else redact(incoming.raw, event)
        if raw is not incoming.raw:
            event = read_event(raw)
        tag = hmac.digest(tag_key, incoming.raw, "sha256")[:16]
        name = name_of(event, tag)
        nanos = nanos_of(event.timestamp)
        return Prepared(
            raw=raw,
            id=name,
            identity=identity_of(name),
            tag=tag,
            nanos=incoming.near if nanos is None else nanos,
            values=values_of(event),
            text=searchable(event),
        )

    return prepared


def identity_of(name: str) -> int:
    """64 bits that stand for an id in an index; equal ids have equal ones, and hardly ever others."""
    return int.from_bytes(sha256(name.lower().encode("utf-8", "surrogatepass")).digest()[:8], "big", signed=True)


def values_of(event: Event) -> tuple[str | None, ...]:
    """What an event has in each of DIMENSIONS; an empty text is nothing, as it is to whoever filters."""
    return tuple([value or None for value in _values(event)])


class Parts(NamedTuple):
    """An event's bytes without what is stored apart: each cut is an offset and the bytes that stood there."""

    envelope: bytes
    cuts: tuple[tuple[int, bytes], ...]


def parts_of(raw: bytes) -> Parts:
    """Take the long changes out of an event's bytes."""
    if len(raw) < HELD_APART:
        return Parts(raw, ())
    cuts = []
    for literal in _changes(raw):
        # Wherever the same bytes stand, putting them back there gives the same event.
        at = raw.find(literal) if len(literal) >= HELD_APART else -1
        if at >= 0:
            cuts.append((at, literal))
            raw = raw[:at] + raw[at + len(literal) :]
    return Parts(raw, tuple(cuts))


def _changes(raw: bytes) -> tuple[bytes, ...]:
    try:
        found = _apart.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fields = raw_fields(raw)
        return tuple(fields.get(key, b"") for key in _APART)
    return bytes(found.change), bytes(found.original_change)


def whole(envelope: bytes, cuts: tuple[tuple[int, bytes], ...]) -> bytes:
    """What `parts_of` took apart."""
    for at, literal in reversed(cuts):
        envelope = envelope[:at] + literal + envelope[at:]
    return envelope


class LeafHead(NamedTuple):
    """What the log proves of an event beside its bytes."""

    number: int
    organization: str
    id: str
    revision: int
    fetched_at: int


def leaf_data(head: LeafHead, raw: bytes) -> bytes:
    """The leaf of an event: its place in the log, whose it is, which revision, when it was read, every byte stored."""
    lines = "\n".join(["fairlead event 1", *map(str, head)])
    return f"{lines}\n".encode("utf-8", "replace") + raw
