"""What is told of the archive: how following each organization stands, in numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fairlead.telemetry import families
from fairlead.telemetry.metrics import OTHER
from fairlead.telemetry.series import Series

MOST_ORGANIZATIONS = 100


class Standing(NamedTuple):
    """How following an organization stands, in seconds; None for what is not known.

    `failed` counts the failed runs of this process.
    """

    organization: str
    events: int = 0
    gaps: int = 0
    last_gap_at: float | None = None
    last_sync_at: float | None = None
    retention: float | None = None
    headroom: float | None = None
    failed: int = 0
    stalled: bool = False


@dataclass(slots=True, eq=False)
class ArchiveMetrics:
    """The numbers of the archive; beyond the first 100 organizations the worst of the others is told as `other`."""

    series: Series
    _failed: dict[str, int] = field(default_factory=dict)
    _unseen: dict[str, int] = field(default_factory=dict)

    def show(self, standings: Iterable[Standing], unseen: Mapping[str, int]) -> None:
        """Bring the numbers up to date; `unseen` counts values by field, in this process."""
        told = list(standings)
        shown = told[:MOST_ORGANIZATIONS]
        if len(told) > MOST_ORGANIZATIONS:
            shown.append(_worst(told[MOST_ORGANIZATIONS:]))
        for standing in shown:
            self._show(standing)
        for name, count in unseen.items():
            # Counted on from where a worker before this one ended.
            self._add(families.ARCHIVE_UNSEEN, name, count - self._unseen.get(name, 0))
        self._unseen.update(unseen)

    def _show(self, standing: Standing) -> None:
        name = standing.organization
        values = {
            families.ARCHIVE_EVENTS: standing.events,
            families.ARCHIVE_GAPS: standing.gaps,
            families.ARCHIVE_LAST_GAP: standing.last_gap_at,
            families.ARCHIVE_LAST_SYNC: standing.last_sync_at,
            families.ARCHIVE_RETENTION: standing.retention,
            families.ARCHIVE_HEADROOM: standing.headroom,
            families.ARCHIVE_STALLED: int(standing.stalled),
        }
        for family, value in values.items():
            if value is not None:
                self.series.numbers[family][name,] = value
        self._add(families.ARCHIVE_FAILURES, name, standing.failed - self._failed.get(name, 0))
        self._failed[name] = standing.failed

    def _add(self, family: str, label: str, number: int) -> None:
        self.series.numbers[family][label,] += number


def _worst(standings: list[Standing]) -> Standing:
    """One standing that hides no trouble of these."""
    return Standing(
        organization=OTHER,
        events=sum(each.events for each in standings),
        gaps=sum(each.gaps for each in standings),
        last_gap_at=max((each.last_gap_at for each in standings if each.last_gap_at is not None), default=None),
        last_sync_at=min((each.last_sync_at for each in standings if each.last_sync_at is not None), default=None),
        retention=min((each.retention for each in standings if each.retention is not None), default=None),
        headroom=min((each.headroom for each in standings if each.headroom is not None), default=None),
        failed=sum(each.failed for each in standings),
        stalled=any(each.stalled for each in standings),
    )
