"""What a sandbox can be told: its organization, its manners and its faults."""

from dataclasses import dataclass, field
from typing import Literal

from fairlead.archive.contract import RATE_LIMIT_PER_HOUR

DEMO_ORGANIZATION_ID = "5f3c1a52-7a0e-4d5b-9c61-2f8e4b90d7a1"
DEMO_ORGANIZATION_NAME = "Northwind Ferries"
OTHER_ORGANIZATION_ID = "b7e20c44-19d8-4f0a-8a35-6cd1f0e2935b"

DEMO_TOKEN = "qov_demo_owner_0000000000000000"  # noqa: S105  fixed and public on purpose
DEMO_VIEWER_TOKEN = "qov_demo_viewer_000000000000000"  # noqa: S105
DEMO_OTHER_TOKEN = "qov_demo_other_organization_000"  # noqa: S105
DEMO_POLICY_TOKEN = "sk-qov-01-demo-read-events-only"  # noqa: S105
DEMO_JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzYW5kYm94LWRlbW8ifQ.c2FuZGJveA"

Boundary = Literal["exact", "exclusive", "inclusive"]
TimestampProfile = Literal["micro", "nano", "nofraction"]
Vocabulary = Literal["2024-03", "2026-08", "future"]
LinkStyle = Literal["relative", "absolute", "token_only", "html_escaped", "foreign"]
LinkEnd = Literal["absent", "null", "empty"]
ChangeStyle = Literal["compact", "postgres"]
UnknownOrganization = Literal[400, 403, 404]

ARCHIVED_ANCHOR = 1_793_491_200.0
"""Where the history of an organization ends whose events are kept: sandboxes of different days must have one past."""

FAULTS = {
    "late-arrivals": "one event in five appears 1 to 900 seconds after its timestamp",
    "duplicate-id": "every n-th page starts with the event before it, already sent on another page",
    "repeated-page": "every n-th continued page is the page before it once more",
    "self-link": "links.next of every n-th continued page repeats the token it was asked with",
    "empty-page": "every n-th page is empty, with a next link that leads on",
    "html-ok": "every n-th answer is a 200 with an HTML page",
    "truncated-gzip": "every n-th answer is gzip cut off in the middle",
    "slow-body": "every n-th answer stops half-way for slow_seconds",
    "server-errors": "after every n answers come a 500, a 502 and a 503",
    "revoked-token": "after n answers every token is refused with 401",
    "sliding-retention": "on the n-th request, if continued, retention overtakes the cursor for good",
    "unknown-enum": "some events carry an event_type nobody has seen",
    "unknown-field": "every event carries the undocumented environment_type",
    "huge-change": "the fourth newest event has a change of 5 MB",
    "broken-change": "some events have a change that is not JSON",
    "null-events": "every n-th page has events: null, with a next link that leads on",
    "clock-ahead": "the sandbox's clock, and its newest events, are 90 seconds ahead",
}
"""Every fault by name, with what it does; n is `fault_every`, requests are counted per sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """Everything that shapes a sandbox; the defaults are the faithful ones."""

    events: int = 10_000
    seed: int = 1
    now: float | None = None
    """Unix seconds the sandbox takes for the present at start; None takes the clock's."""
    anchor: float | None = None
    """Unix seconds just after the newest of the `events`, which else are anchored at the present."""
    live: bool = False
    """Whether further events appear as time passes, at the organization's own pace."""
    retention_days: int = 3_650
    """The enterprise plan's own retention; the default shows every event of up to 100 million."""
    boundary: Boundary = "exact"
    unknown_organization: UnknownOrganization = 404
    timestamps: TimestampProfile = "micro"
    omit_nulls: bool = False
    change_style: ChangeStyle = "compact"
    vocabulary: Vocabulary = "2026-08"
    link_style: LinkStyle = "relative"
    link_end: LinkEnd = "absent"
    seconds_only: bool = False
    """Whether every timestamp filter is read as seconds, whatever its length."""
    to_inclusive: bool = False
    reject_large_pages: bool = False
    """Whether a pageSize above the maximum is a 400 rather than the maximum."""
    reject_bad_filters: bool = True
    """Whether an unknown enum value or malformed UUID is a 400 rather than an empty list."""
    lenient_targets: bool = True
    """Whether targets of a service type may be asked for without project and environment."""
    relaxed_schemes: bool = False
    """Whether Token and Bearer are interchangeable."""
    rate_limit: int = RATE_LIMIT_PER_HOUR
    """Requests per hour and token; 0 never refuses and tells the upstream's limit as untouched."""
    rate_headers: bool = True
    retry_after: bool = False
    html_429: bool = False
    faults: frozenset[str] = field(default_factory=frozenset)
    fault_every: int = 3
    slow_seconds: float = 5.0

    def __post_init__(self) -> None:
        unknown = sorted(self.faults - FAULTS.keys())
        if unknown:
            raise ValueError(f"unknown faults: {', '.join(unknown)}; known are {', '.join(FAULTS)}")
        if not 0 <= self.events <= 1_000_000_000:
            raise ValueError("events must be between 0 and 1,000,000,000")
        if min(self.rate_limit, self.retention_days, self.slow_seconds) < 0 or self.fault_every < 1:
            raise ValueError("rate_limit, retention_days and slow_seconds cannot be negative; fault_every is >= 1")


def archived_sandbox() -> SandboxOptions:
    """The sandbox that stands in where events are kept: unlimited, living on, and on every day with the same past.

    It has some 240 events a day, so that years of them are still read in seconds.
    """
    return SandboxOptions(events=1_000, rate_limit=0, live=True, anchor=ARCHIVED_ANCHOR)
