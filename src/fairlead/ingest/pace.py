"""When a follower runs, reads everything again, signs, and counts as stalled: pure decisions, in seconds."""

from __future__ import annotations

from fairlead.archive.retention import DAY

MINUTE = 60.0
HOUR = 60 * MINUTE

YIELDING = 3
"""From so many failures in a row on the lease is given back between runs: another process may have more luck."""

SIGNING = 10 * MINUTE
"""The least time between two checkpoints, because every one is kept for ever."""

_FIRST_DELAY = 15.0
_LONGEST_DELAY = 15 * MINUTE
_LEAST_PATIENCE = 15 * MINUTE
_DEEP_TRIES = HOUR


def interval(every: float, requests: int, hourly: float) -> float:
    """Time between runs that make so many requests in all: as wished, or more, so that an hour's budget lasts."""
    return max(every, requests * HOUR / hourly)


def rest(between: float, chance: float) -> float:
    """Time from a good run to the next: a tenth more or less, so that followers do not come in step; chance in 0…1."""
    return between * (0.9 + chance / 5)


def back_off(between: float, failures: int, asked: float, chance: float) -> float:
    """Time to the next run after so many failed ones in a row; at least what the upstream asked for.

    It doubles up to a quarter of an hour, or to the time between good runs if that is longer.
    """
    longest = max(between, _LONGEST_DELAY)
    doubled = min(longest, min(between, _FIRST_DELAY) * 2.0 ** min(failures - 1, 30))
    return asked + doubled * (0.5 + chance / 2)


def deep_is_due(age: float | None, tried: float | None, took: float, chance: float) -> bool:
    """Whether to read everything again; `age` is that of the last such reading, None when there was none.

    Once a day, spread over a tenth of one by chance; not within an hour of the last try, and never so often that it
    takes more than a sixth of the time.
    """
    if tried is not None and tried < _DEEP_TRIES:
        return False
    return age is None or age >= max(DAY, 5 * took) * (1 + chance / 10)


def signing_is_due(since: float | None) -> bool:
    """Whether a log that grew is signed now, so long after the last checkpoint; None when there was none."""
    return since is None or since >= SIGNING


def patience(between: float, retention: float | None) -> float:
    """How long nothing may be achieved before a follower counts as stalled."""
    most = max(5 * between, _LEAST_PATIENCE)
    return most if retention is None else min(most, retention / 4)
