"""The contract as data: the sets of August 2026, units of timestamps, and how an instant is printed."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.archive import contract


@pytest.mark.parametrize(
    ("values", "size"),
    [
        (contract.EVENT_TYPES, 57),
        (contract.TARGET_TYPES, 16),
        (contract.SUB_TARGET_TYPES, 40),
        (contract.ORIGINS, 7),
        (contract.TARGET_LEVELS, 2),
        (contract.SERVICE_TARGET_TYPES, 7),
        (contract.EVENT_KEYS, 16),
    ],
)
def test_known_sets_have_their_size_and_no_repeats(values: tuple[str, ...], size: int) -> None:
    """The counts of the upstream's specification on 2026-08-20."""
    assert len(values) == len(set(values)) == size


@given(st.integers(0, 99_999_999_999))
def test_short_numbers_are_seconds(number: int) -> None:
    """Up to 11 digits."""
    assert contract.filter_nanos(str(number)) == number * 1_000_000_000


@given(st.integers(10**15, 10**19 - 1))
def test_long_numbers_are_nanoseconds_unless_told_otherwise(number: int) -> None:
    """16 to 19 digits."""
    assert contract.filter_nanos(str(number)) == number
    assert contract.filter_nanos(str(number), seconds_only=True) == number * 1_000_000_000


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", " 1", "1\n", "9" * 12, "9" * 15, "9" * 20, "٣", "abc"])
def test_everything_else_is_refused(text: str) -> None:
    """A guess about milliseconds would lose data in silence."""
    with pytest.raises(ValueError, match="digits"):
        contract.filter_nanos(text)


@given(st.integers(0, 4_000_000_000_000_000))
def test_printed_instants_read_back_exactly(micros: int) -> None:
    """No microsecond is lost in print."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert datetime.fromisoformat(contract.instant_text(micros)) == epoch + timedelta(microseconds=micros)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_683_211_879_216_566, "2023-05-04T14:51:19.216566Z"),
        (1_683_211_879_216_000, "2023-05-04T14:51:19.216Z"),
        (1_683_211_879_200_000, "2023-05-04T14:51:19.200Z"),
    ],
)
def test_instants_print_as_java_does(micros: int, text: str) -> None:
    """0, 3 or 6 fraction digits."""
    assert contract.instant_text(micros) == text
