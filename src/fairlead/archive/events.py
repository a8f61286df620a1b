"""An event as typed fields, read from the bytes the upstream sent; whatever it sends, reading it cannot fail."""

from __future__ import annotations

import json
import re
from calendar import timegm
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec

from fairlead.archive.contract import EVENT_KEYS, NANOS_PER_SECOND
from fairlead.archive.json_tree import members_of, text_of

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d\d):?(\d\d))", re.IGNORECASE
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_typed = msgspec.json.Decoder(msgspec.defstruct("_Typed", [(key, str | None, None) for key in EVENT_KEYS]))
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)


class Event(NamedTuple):
    """The fields of an event, in the upstream's order; None for what is null, absent, or no field of an object.

    A value that is not a string is its JSON text. Half a surrogate pair becomes U+FFFD: databases refuse it.
    """

    id: str | None = None
    timestamp: str | None = None
    event_type: str | None = None
    target_id: str | None = None
    target_name: str | None = None
    target_type: str | None = None
    sub_target_type: str | None = None
    change: str | None = None
    origin: str | None = None
    triggered_by: str | None = None
    project_id: str | None = None
    project_name: str | None = None
    environment_id: str | None = None
    environment_name: str | None = None
    user_agent: str | None = None
    original_change: str | None = None


class Head(msgspec.Struct, frozen=True):
    """What tells an event from others, and when it was."""

    id: str | None = None
    timestamp: str | None = None


_head = msgspec.json.Decoder(Head)


def head_of(raw: bytes) -> Head:
    """The two fields of an event that reading goes on by, as `read_event` has them, in a third of the time."""
    try:
        return _head.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        event = read_event(raw)
        return Head(event.id, event.timestamp)


def read_event(raw: bytes) -> Event:
    """The typed fields of one event of an answer, given as the bytes of its JSON value."""
    try:
        return Event._make(msgspec.structs.astuple(_typed.decode(raw)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # Something in it is not as it should be; the slower way takes it as it is.
    found = raw_fields(raw)
    return Event(*[_value(found.get(key)) for key in EVENT_KEYS])


def raw_fields(raw: bytes) -> dict[str, bytes]:
    """The fields of an event as the JSON texts they are; nothing when it is no object."""
    try:
        return {key: bytes(value) for key, value in _fields.decode(raw).items()}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _repaired_fields(raw)


def _repaired_fields(raw: bytes) -> dict[str, bytes]:
    """For what msgspec refuses, such as half a surrogate pair in a key: the same, at the price of being rewritten."""
    try:
        value = json.loads(raw.decode("utf-8", "replace"))
    except RecursionError:
        return _deep_fields(raw)
    except ValueError:
        return {}
    if not isinstance(value, dict):
        return {}
    return {key: json.dumps(item).encode() for key, item in value.items()}


def _deep_fields(raw: bytes) -> dict[str, bytes]:
    """For what is nested deeper than a reader's stack, which is not as deep everywhere."""
    text = raw.decode("utf-8", "surrogateescape")
    return {name: text_of(text, each).encode("utf-8", "surrogateescape") for name, each in members_of(text).items()}


def _value(raw: bytes | None) -> str | None:
    if raw is None or raw == b"null":
        return None
    if not raw.startswith(b'"'):
        return raw.decode("utf-8", "replace")
    return string_of(raw)


def string_of(literal: bytes) -> str:
    """What a JSON string literal says; half a surrogate pair becomes U+FFFD."""
    try:
        return _text.decode(literal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = str(json.loads(literal.decode("utf-8", "replace"), strict=False))
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def name_of(event: Event, tag: bytes) -> str:
    """What an event is called: its id, or for one without any a name made from the tag of its bytes."""
    return event.id or f"keyed:{tag.hex()}"


def nanos_of(timestamp: str | None) -> int | None:
    """An RFC 3339 instant as nanoseconds since 1970, exact to the ninth digit; None for what is none.

    Instants that 64 bits do not hold (before 1970, after 2262) are none either.
    """
    if timestamp and timestamp[4:20:3] == "--T::." and timestamp[26:] == "Z":
        # As the upstream writes nearly all of them; what else has this look is left to the exact way.
        try:
            since = datetime.fromisoformat(timestamp) - _EPOCH
            nanos = (since.days * 86_400 + since.seconds) * NANOS_PER_SECOND + since.microseconds * 1_000
        except ValueError:
            pass
        else:
            return nanos if nanos >= 0 else None
    match = _TIMESTAMP.fullmatch(timestamp) if timestamp else None
    if match is None:
        return None
    fraction, sign = match[7], match[8]
    try:
        seconds = _seconds(*(int(match[i]) for i in range(1, 7)))
    except ValueError:
        return None
    if sign:
        shift = int(match[9]) * 3_600 + int(match[10]) * 60
        seconds += shift if sign == "-" else -shift
    nanos = seconds * NANOS_PER_SECOND + (int(fraction.ljust(9, "0")) if fraction else 0)
    return nanos if 0 <= nanos < 1 << 63 else None


@lru_cache(maxsize=4_096)
def _seconds(year: int, month: int, day: int, hour: int, minute: int, second: int) -> int:
    if not (1 <= month <= 12 and 1 <= day <= 31 and hour <= 23 and minute <= 59 and second <= 60):
        raise ValueError
    return timegm((year, month, day, hour, minute, second))
