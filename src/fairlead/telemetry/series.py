"""The numbers a process counts, as plain values: added up over workers, and kept for a worker's successor."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TypeAlias

import orjson

from fairlead.telemetry.families import BUCKETS, BUDGET_LIMIT, BUDGET_REMAINING, BUDGET_RESET, FAMILIES

Labels: TypeAlias = tuple[str, ...]
Histogram: TypeAlias = list[float]
"""How many fell into each bucket, how many into none, and the sum."""


def _numbers() -> dict[str, defaultdict[Labels, float]]:
    return {name: defaultdict(int) for name, family in FAMILIES.items() if family.kind != "histogram"}


def _histograms() -> dict[str, dict[Labels, Histogram]]:
    return {name: {} for name, family in FAMILIES.items() if family.kind == "histogram"}


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of each family, by label values.

    They are changed and read by one thread, the event loop's, so that counting takes no lock.
    """

    numbers: dict[str, defaultdict[Labels, float]] = field(default_factory=_numbers)
    histograms: dict[str, dict[Labels, Histogram]] = field(default_factory=_histograms)

    def histogram(self, family: str, labels: Labels) -> Histogram:
        """The histogram of these labels, empty at first; observing changes it in place."""
        return self.histograms[family].setdefault(labels, [0] * (len(BUCKETS) + 2))

    def add(self, other: Series) -> None:
        """Take in another worker's numbers."""
        _keep_newest_budgets(self, other)
        for family, numbers in other.numbers.items():
            mine, merge = self.numbers[family], FAMILIES[family].merge
            for labels, number in numbers.items():
                mine[labels] = merge(mine[labels], number) if labels in mine else number
        for family, histograms in other.histograms.items():
            for labels, cells in histograms.items():
                own = self.histogram(family, labels)
                own[:] = [before + more for before, more in zip(own, cells, strict=True)]

    def without_gauges(self) -> Series:
        """What stays true when the process is gone: what was counted."""
        kept = {name: numbers for name, numbers in self.numbers.items() if FAMILIES[name].kind == "counter"}
        return Series({**_numbers(), **kept}, self.histograms)


def _keep_newest_budgets(one: Series, another: Series) -> None:
    """Forget what a worker last heard of a rate limit that has been reset since: another one knows better."""
    ends, others = one.numbers[BUDGET_RESET], another.numbers[BUDGET_RESET]
    for labels in [labels for labels in ends if ends[labels] != others.get(labels, ends[labels])]:
        older = one if ends[labels] < others[labels] else another
        for family in (BUDGET_REMAINING, BUDGET_LIMIT, BUDGET_RESET):
            older.numbers[family].pop(labels, None)


def encode(series: Series) -> bytes:
    """The numbers as JSON, for `decode`; histograms that nothing fell into are left out."""
    numbers = [[family, list(values.items())] for family, values in series.numbers.items() if values]
    histograms = [
        [family, [item for item in values.items() if any(item[1])]] for family, values in series.histograms.items()
    ]
    return orjson.dumps([numbers, histograms])


def decode(text: bytes) -> Series:
    """The numbers that `encode` wrote."""
    series = Series()
    numbers, histograms = orjson.loads(text)
    for family, values in numbers:
        series.numbers[family].update((tuple(labels), number) for labels, number in values)
    for family, values in histograms:
        series.histograms[family].update((tuple(labels), cells) for labels, cells in values)
    return series
