"""Times one call at a time: on the clock, and of a core, which other programs of the machine do not disturb."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Spent(NamedTuple):
    """Milliseconds of one call."""

    clock: float
    core: float


class Timing(NamedTuple):
    """Milliseconds of many calls: half of them and 99 of 100 took no longer, on the clock; the same 99 of a core."""

    p50: float
    p99: float
    core_p99: float


def spent_by(call: Callable[[], object]) -> Spent:
    """Make a call and time it."""
    begun, worked = time.perf_counter(), time.thread_time()
    call()
    return Spent((time.perf_counter() - begun) * 1e3, (time.thread_time() - worked) * 1e3)


def timing_of(calls: Iterable[Callable[[], object]]) -> Timing:
    """Make calls one after the other and time each."""
    spent = [spent_by(call) for call in calls]
    clock, core = [each.clock for each in spent], [each.core for each in spent]
    return Timing(percentile(clock, 50), percentile(clock, 99), percentile(core, 99))


def percentile(values: Sequence[float], share: int) -> float:
    """The smallest of the values that so many of a hundred do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]
