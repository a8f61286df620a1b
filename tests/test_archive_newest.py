"""Reading forwards in stretches finds what reading backwards would, and does not read everything for it."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.positions import HIGHEST, Bounds
from fairlead.archive.sqlite.newest import newest

MINUTE = 60 * NANOS_PER_SECOND


class Index:
    """Positions that are read forwards; counts the readings and what they gave."""

    def __init__(self, positions: list[int]) -> None:
        self.positions = sorted(positions)
        self.readings = self.given = 0

    def read(self, bounds: Bounds, limit: int) -> list[int]:
        """The lowest positions within bounds."""
        low, high = (bisect_left(self.positions, end) for end in bounds)
        found = self.positions[low:high][:limit]
        self.readings += 1
        self.given += len(found)
        return found


# Moments far apart, with bursts of events a nanosecond after each other.
bursts = st.tuples(st.integers(0, HIGHEST - 2_000), st.integers(1, 1_500))
moments = st.lists(bursts, max_size=6).map(
    lambda found: list({begin + k for begin, number in found for k in range(number)})
)
ends = st.integers(0, HIGHEST + 1)


@given(positions=moments, one=ends, other=ends, limit=st.integers(1, 501))
def test_the_newest_are_those_that_reading_backwards_would_find(
    positions: list[int], one: int, other: int, limit: int
) -> None:
    """However events lie in time, and wherever a page begins."""
    low, high = sorted((one, other))
    expected = [position for position in sorted(positions, reverse=True) if low <= position < high][:limit]
    assert newest(Index(positions).read, Bounds(low, high), limit) == expected


@pytest.mark.parametrize("limit", [1, 20, 101, 501])
def test_a_burst_with_silence_behind_it_is_read_in_few_steps(limit: int) -> None:
    """A robot's thousands of events in one instant, and nothing of it for a year."""
    index = Index(list(range(3_000)))
    assert newest(index.read, Bounds(0, 500_000 * MINUTE), limit) == list(range(2_999, 2_999 - limit, -1))
    assert index.readings <= 75


def test_what_is_read_does_not_grow_with_what_there_is() -> None:
    """A page in a history of a million events takes a handful of readings."""
    index = Index([number * MINUTE for number in range(1_000_000)])
    found = newest(index.read, Bounds(0, 700_000 * MINUTE), 101)
    assert found == [number * MINUTE for number in range(699_999, 699_898, -1)]
    assert index.readings <= 5
    assert index.given <= 1_000
