"""How following stands, at any moment: for metrics, readiness and pages, which may ask whenever they like."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fairlead.archive.model import OrganizationState
from fairlead.archive.retention import headroom, retention_of
from fairlead.ingest.pace import patience
from fairlead.upstream.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowState:
    """How following an organization stands; instants are nanoseconds since 1970.

    `tail_read_at` is when the newest events were last read to their end, by whoever did. `failure` is what the last
    run failed with, safe to show, and "" after a good one; `failed` counts failed runs. `stalled` says that for too
    long nothing was achieved and nobody else does it either: whoever depends on new events should not wait.
    """

    organization: str
    events: int
    gaps: int
    lost_before: bool
    """Whether the upstream had forgotten events already when the archive began; that is no gap of `gaps`."""
    last_gap_at: int | None
    tail_read_at: int | None
    retention_seconds: float | None
    headroom_seconds: float | None
    standing_by: bool
    waiting_for_budget: bool
    failure: str
    failed: int
    stalled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a follower knows of an organization; the times are those of a clock that never goes back.

    `alive_at` is when something was last achieved, `complete_at` when a run was last complete, both at first the
    beginning; `excused_until` is when a told wait for the budget ends, `between` the time between two runs.
    """

    known: OrganizationState
    between: float
    alive_at: float
    complete_at: float
    excused_until: float = 0.0
    standing_by: bool = False
    failure: str = ""
    in_a_row: int = 0
    failed: int = 0


class Following:
    """The courses of all organizations; changed by the follower, read by anyone in the same thread."""

    def __init__(self, clock: Clock, every: float) -> None:
        self._clock = clock
        self.every = every
        """The time between two runs that is wished for, in seconds."""
        self._begun = clock.now()
        self._courses: dict[str, Course] = {}
        self.failure = ""
        """Why it is not known which organizations to follow; "" once it is."""

    def states(self) -> tuple[FollowState, ...]:
        """How each organization stands now."""
        now, wall = self._clock.now(), self._clock.wall()
        return tuple(state_of(course, now, wall) for course in self._courses.values())

    @property
    def stalled(self) -> bool:
        """Whether any organization is stalled, or it is still not known which ones there are: not ready, then."""
        if not self._courses:
            return self._clock.now() - self._begun > patience(self.every, None)
        return any(state.stalled for state in self.states())

    def course(self, organization: str) -> Course:
        """What is known of an organization; it begins when it is first asked for."""
        if organization not in self._courses:
            now = self._clock.now()
            nothing = OrganizationState(organization=organization)
            self._courses[organization] = Course(known=nothing, between=self.every, alive_at=now, complete_at=now)
        return self._courses[organization]

    def keep(self, course: Course) -> None:
        """Put a course in the place of the one before."""
        self._courses[course.known.organization] = course


def state_of(course: Course, now: float, wall: float) -> FollowState:
    """How an organization stands, by both clocks."""
    known = course.known
    later = tuple(gap for gap in known.gaps if gap.start is not None)
    return FollowState(
        organization=known.organization,
        events=known.events,
        gaps=len(later),
        lost_before=len(later) < len(known.gaps),
        last_gap_at=max((gap.found_at for gap in later), default=None),
        tail_read_at=known.tail_read_at,
        retention_seconds=retention_of(known),
        headroom_seconds=headroom(known, wall),
        standing_by=course.standing_by,
        waiting_for_budget=course.excused_until > now,
        failure=course.failure,
        failed=course.failed,
        stalled=is_stalled(course, now),
    )


def is_stalled(course: Course, now: float) -> bool:
    """Whether nothing was achieved for too long: neither a page kept, nor a told wait for the budget.

    However busy a run is, one has to be complete within half the retention. Who stands by is not stalled: whoever
    holds the lease says so of itself.
    """
    if course.standing_by:
        return False
    retention = retention_of(course.known)
    if retention is not None and now - course.complete_at > retention / 2:
        return True
    return now - max(course.alive_at, course.excused_until) > patience(course.between, retention)


def completed(course: Course, now: float, between: float) -> Course:
    """The course after a good run."""
    ended = replace(course, alive_at=now, complete_at=now)
    return replace(ended, between=between, failure="", in_a_row=0)


def failed(course: Course, before: Course, failure: str) -> Course:
    """The course after a run that failed; what it read again without any gain was no sign of life."""
    gained = (course.known.events, course.known.covered) != (before.known.events, before.known.covered)
    ended = replace(course, alive_at=course.alive_at if gained else before.alive_at)
    return replace(ended, failure=failure, in_a_row=before.in_a_row + 1, failed=before.failed + 1)
