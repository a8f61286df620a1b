"""The working week: when an organization is busy, as a closed form both ways.

Busyness is integrated into *effort*, an integer that grows fast in office hours and slowly at night, so that
events spread evenly over effort follow the rhythm, and any instant is found without a table of events.
"""

from bisect import bisect_right
from itertools import accumulate

HOUR = 3_600_000_000
WEEK = 168 * HOUR
_FIRST_MONDAY = 4 * 24 * HOUR  # 1970-01-01 was a Thursday.
_WEEKDAY = (3, 2, 2, 2, 3, 6, 24, 34, 60, 70, 66, 40, 48, 66, 70, 62, 44, 34, 26, 14, 10, 8, 6, 4)
_WEEKEND = (2, 2, 2, 2, 2, 2, 3, 3, 4, 5, 6, 6, 5, 5, 6, 6, 5, 5, 4, 4, 4, 3, 3, 2)
_WEIGHTS = _WEEKDAY * 5 + _WEEKEND * 2
_BEFORE = (0, *accumulate(_WEIGHTS))
WEEK_EFFORT = _BEFORE[-1] * HOUR


def effort_at(micros: int) -> int:
    """The effort spent from the first Monday of 1970 until an instant."""
    week, rest = divmod(micros - _FIRST_MONDAY, WEEK)
    hour, within = divmod(rest, HOUR)
    return week * WEEK_EFFORT + _BEFORE[hour] * HOUR + _WEIGHTS[hour] * within


def instant_of(effort: int) -> int:
    """The first instant, in microseconds since 1970, by which that effort was spent."""
    week, rest = divmod(effort, WEEK_EFFORT)
    hour = bisect_right(_BEFORE, rest // HOUR) - 1
    within = -((_BEFORE[hour] * HOUR - rest) // _WEIGHTS[hour])
    return _FIRST_MONDAY + week * WEEK + hour * HOUR + within
