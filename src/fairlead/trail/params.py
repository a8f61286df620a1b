"""Reads what a caller asks of the archive: filters with several values and negation, times, sizes, lists of words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fairlead.archive.asking import API_NAMES, condition
from fairlead.archive.contract import NANOS_PER_SECOND, filter_nanos
from fairlead.archive.events import nanos_of
from fairlead.archive.model import Dimension, Filter, Query
from fairlead.errors import ArgumentFault, InvalidArguments

Word = TypeVar("Word", bound=str)

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


class Params(NamedTuple):
    """What was given, by name, and the present in nanoseconds; readers raise InvalidArguments."""

    given: Mapping[str, str]
    now: int

    def instant(self, name: str) -> int | None:
        """`2h` ago, a day in UTC, a time with its offset, or Unix seconds."""
        text = self.given.get(name, "").strip()
        if not text:
            return None
        if ago := _AGO.fullmatch(text):
            return max(0, self.now - int(ago[1]) * _SECONDS[ago[2]] * NANOS_PER_SECOND)
        nanos = nanos_of(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)
        if nanos is not None:
            return nanos
        try:
            return filter_nanos(text)
        except ValueError:
            raise fault(name, "must be `2h`, `2026-10-01`, `2026-10-01T09:30:00Z` or Unix seconds") from None

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 1 on; more than the most is the most."""
        text = self.given.get(name, "")
        try:
            number = int(float(text)) if text else default
        except (ValueError, OverflowError):
            number = 0
        if number < 1:
            raise fault(name, f"must be a whole number from 1 to {most}")
        return min(number, most)

    def words(self, name: str, known: tuple[Word, ...], default: tuple[Word, ...]) -> tuple[Word, ...]:
        """Words of those that are known, separated by commas."""
        given = [word.strip() for word in self.given.get(name, "").split(",") if word.strip()]
        unknown = [word for word in given if word not in known]
        if unknown:
            raise fault(name, f"knows no `{unknown[0][:40]}`; there are {', '.join(known)}")
        return tuple(word for word in known if word in given) or default

    def flag(self, name: str) -> bool:
        """`true` or `false`; false when it is not given."""
        text = self.given.get(name, "false").lower()
        if text not in {"true", "false"}:
            raise fault(name, "must be `true` or `false`")
        return text == "true"

    def zone(self, name: str) -> tzinfo:
        """A time zone of the IANA database; UTC when none is given."""
        try:
            return ZoneInfo(self.given[name]) if self.given.get(name) else UTC
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise fault(name, "must be a name such as `Europe/Paris`") from None

    def position(self, name: str) -> int | None:
        """The token of a page."""
        text = self.given.get(name, "")
        if text and not (text.isascii() and text.isdigit() and len(text) <= 19):
            raise fault(name, "is no token of this archive")
        return int(text) if text else None

    def query(self, organization: str) -> Query:
        """The events that are asked for."""
        return Query(
            organization=organization,
            since=self.instant("since"),
            until=self.instant("until"),
            filters=tuple(
                _filter(dimension, self.given[name]) for name, dimension in API_NAMES.items() if self.given.get(name)
            ),
            text=self.given.get("text", ""),
        )


def fault(name: str, message: str) -> InvalidArguments:
    """One argument that cannot be used."""
    return InvalidArguments((ArgumentFault(name, message),))


def _filter(dimension: Dimension, text: str) -> Filter:
    """One or several values; behind a leading `!` those that are not wanted."""
    return condition(dimension, [text.removeprefix("!")], negated=text.startswith("!"))
