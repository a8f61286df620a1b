"""Instants as people write and read them: `2h` ago, dates with an explicit time zone, and nothing in between."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from fairlead.archive.contract import NANOS_PER_SECOND, filter_nanos
from fairlead.archive.events import nanos_of

_HIGHEST = (1 << 63) - 1
_AGO = re.compile(r"(\d{1,6})\s*(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_WITHOUT_ZONE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?")

_FAR = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def instant_option(text: str, option: str, zone: tzinfo = UTC) -> int:
    """The nanoseconds since 1970 of `2h` (ago), a day, or a time of day; without an offset it is of the zone.

    Digits are what the API takes: Unix seconds, or 16 to 19 of nanoseconds. What 64 bits do not hold becomes the
    nearest instant that they do. Raises click.BadParameter for anything else.
    """
    return min(max(_instant(text, option, zone), 0), _HIGHEST)


def _instant(text: str, option: str, zone: tzinfo) -> int:
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return time.time_ns() - int(ago[1]) * _SECONDS[ago[2]] * NANOS_PER_SECOND
    try:
        if text.isascii() and text.isdigit():
            return filter_nanos(text)
        if _DAY.fullmatch(text) or _WITHOUT_ZONE.fullmatch(text):
            return _nanos(datetime.fromisoformat(text).replace(tzinfo=zone))
        nanos = nanos_of(text)
        # What 64 bits do not hold is a time all the same, and often stands for no bound at all.
        return _nanos(datetime.fromisoformat(text)) if nanos is None and _FAR.fullmatch(text) else _given(nanos)
    except ValueError as failure:
        raise click.BadParameter(f"`{text}` is no time: {failure}.", param_hint=option) from None


def _nanos(moment: datetime) -> int:
    return int(moment.timestamp()) * NANOS_PER_SECOND + moment.microsecond * 1_000


def _given(nanos: int | None) -> int:
    if nanos is None:
        raise ValueError("write `2h`, `2026-10-01` or `2026-10-01T09:30:00Z`")
    return nanos


def span_option(text: str, option: str) -> float:
    """The seconds of `90s`, `5m` or `1h`; raises click.BadParameter for anything else, and for no time at all."""
    found = _AGO.fullmatch(text.strip())
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not seconds:
        raise click.BadParameter(f"`{text}` is no span of time; write `90s`, `5m` or `1h`.", param_hint=option)
    return float(seconds)


def zone_option(name: str) -> tzinfo:
    """The time zone of a name such as `Europe/Paris`; raises click.BadParameter for what is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter(
            f"`{name}` is no time zone; write `Europe/Paris` or `UTC`.", param_hint="--zone"
        ) from None


def instant_text(nanos: int | None, zone: tzinfo = UTC) -> str:
    """An instant to the second, with its offset."""
    if nanos is None:
        return "the beginning"
    moment = datetime.fromtimestamp(nanos // NANOS_PER_SECOND, zone)
    text = moment.strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}Z" if moment.utcoffset() is None or not moment.utcoffset() else f"{text}{moment:%z}"


def json_instant(nanos: int, zone: tzinfo = UTC) -> str:
    """An instant to the microsecond as RFC 3339 has it, for programs."""
    seconds, rest = divmod(nanos, NANOS_PER_SECOND)
    return datetime.fromtimestamp(seconds, zone).replace(microsecond=rest // 1_000).isoformat()
