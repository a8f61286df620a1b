"""The share of the upstream's hourly budget that reading events may use; the rest is for others with the same token."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from fairlead.archive.contract import RATE_LIMIT_PER_HOUR
from fairlead.upstream.budget import Told, told_by

_HOUR = 3_600.0


@dataclass(slots=True)
class Allowance:
    """What may be used: of a limit that the upstream tells its share, else its share of the documented limit."""

    share: float
    told: Told | None = None
    _asked: deque[float] = field(default_factory=deque)

    def hear(self, headers: Iterable[tuple[str, str]], wall: float) -> None:
        """Learn from an answer."""
        told = told_by(dict(headers), wall)
        if told is not None:
            self.told = told

    @property
    def hourly(self) -> float:
        """How many requests an hour may be made, as far as is known."""
        limit = self.told.limit if self.told is not None else 0
        return max(1.0, (limit or RATE_LIMIT_PER_HOUR) * self.share)

    def pause(self, wall: float) -> float:
        """Seconds to wait before the next request; 0 when it may be made now."""
        told = self.told
        if told is not None and told.limit:
            kept_for_others = told.limit * (1 - self.share)
            spent = told.remaining <= kept_for_others and wall < told.resets_at
            return told.resets_at - wall if spent else 0.0
        while self._asked and self._asked[0] <= wall - _HOUR:
            self._asked.popleft()
        if len(self._asked) < max(1, int(RATE_LIMIT_PER_HOUR * self.share)):
            return 0.0
        return self._asked[0] + _HOUR - wall

    def asked(self, wall: float) -> None:
        """Count a request."""
        self._asked.append(wall)
