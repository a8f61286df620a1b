"""Every metric there is: its name, what it says, its labels, and how the numbers of several workers make one."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

# Seconds. A gateway adds less than a millisecond; the longest call ends with FAIRLEAD_TOTAL_TIMEOUT, 60 by default.
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


@dataclass(frozen=True, slots=True)
class Family:
    """A metric: `name` is what a query says, without the `_bucket` and its like that a histogram adds.

    `merge` makes one number of those of two workers. A counter or a histogram outlives the worker that counted.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    merge: Callable[[float, float], float] = operator.add


REQUESTS = "fairlead_requests_total"
REQUEST_SECONDS = "fairlead_request_duration_seconds"
ANSWERS = "fairlead_upstream_answers_total"
ANSWER_SECONDS = "fairlead_upstream_answer_duration_seconds"
FAILURES = "fairlead_upstream_failures_total"
RETRIES = "fairlead_upstream_retries_total"
COALESCED = "fairlead_upstream_coalesced_total"
CACHED = "fairlead_upstream_cached_total"
REFUSED = "fairlead_upstream_refused_total"
BREAKER = "fairlead_upstream_breaker"
RUNNING = "fairlead_upstream_running_calls"
WAITING = "fairlead_upstream_waiting_calls"
BUDGET_REMAINING = "fairlead_upstream_budget_remaining"
BUDGET_LIMIT = "fairlead_upstream_budget_limit"
BUDGET_RESET = "fairlead_upstream_budget_reset_timestamp_seconds"
CONNECTIONS = "fairlead_connections"
RELOADS = "fairlead_reloads_total"
LAST_RELOAD = "fairlead_last_reload_success_timestamp_seconds"
WORKERS = "fairlead_workers"
BUILD = "fairlead_build_info"
ARCHIVE_EVENTS = "fairlead_archive_events_total"
ARCHIVE_GAPS = "fairlead_archive_gaps_total"
ARCHIVE_LAST_GAP = "fairlead_archive_last_gap_timestamp_seconds"
ARCHIVE_LAST_SYNC = "fairlead_archive_last_sync_timestamp_seconds"
ARCHIVE_HEADROOM = "fairlead_archive_retention_headroom_seconds"
ARCHIVE_RETENTION = "fairlead_archive_retention_seconds"
ARCHIVE_FAILURES = "fairlead_archive_sync_failures_total"
ARCHIVE_STALLED = "fairlead_archive_stalled"
ARCHIVE_UNSEEN = "fairlead_archive_unseen_values_total"
CPU = "process_cpu_seconds_total"

_ORGANIZATION = ("organization",)

# Of the archive every worker that follows tells the same, so nothing is added up but what each did itself.
_FAMILIES = (
    Family(REQUESTS, "counter", "Calls that were answered.", ("adapter", "operation", "outcome")),
    Family(REQUEST_SECONDS, "histogram", "Time from a call's arrival to its answer.", ("adapter", "operation")),
    Family(ANSWERS, "counter", "Answers of the upstream, those of repeated attempts included.", ("upstream", "status")),
    Family(ANSWER_SECONDS, "histogram", "Time the upstream took for an answer.", ("upstream",)),
    Family(FAILURES, "counter", "Attempts the upstream gave no answer to.", ("upstream", "kind")),
    Family(RETRIES, "counter", "Attempts that repeated a failed one.", ("upstream",)),
    Family(COALESCED, "counter", "Calls that shared the answer of another one in flight.", ("upstream",)),
    Family(CACHED, "counter", "Calls that were answered from the cache.", ("upstream",)),
    Family(REFUSED, "counter", "Calls that were not sent.", ("upstream", "reason")),
    Family(BREAKER, "gauge", "Workers whose breaker is in this state.", ("upstream", "state")),
    Family(RUNNING, "gauge", "Calls of the upstream that run now.", ("upstream",)),
    Family(WAITING, "gauge", "Calls of the upstream that wait for their turn.", ("upstream",)),
    Family(BUDGET_REMAINING, "gauge", "Calls the upstream's rate limit leaves until it resets.", ("upstream",), min),
    Family(BUDGET_LIMIT, "gauge", "Calls the upstream's rate limit allows in all.", ("upstream",), min),
    Family(BUDGET_RESET, "gauge", "When the upstream's rate limit resets, in seconds since 1970.", ("upstream",), max),
    Family(CONNECTIONS, "gauge", "Connections that are open.", ("adapter",)),
    Family(RELOADS, "counter", "Times the documents were read again, counted by each worker.", ("outcome",)),
    Family(LAST_RELOAD, "gauge", "The last good reload of the worker whose is the oldest, since 1970.", (), min),
    Family(WORKERS, "gauge", "Workers that serve."),
    Family(BUILD, "gauge", "Always 1; the version is the label.", ("version",), max),
    Family(ARCHIVE_EVENTS, "counter", "Events in the archive.", _ORGANIZATION, max),
    Family(ARCHIVE_GAPS, "counter", "Gaps since the archive began: events lost for ever.", _ORGANIZATION, max),
    Family(ARCHIVE_LAST_GAP, "gauge", "When a gap was last found, since 1970.", _ORGANIZATION, max),
    Family(ARCHIVE_LAST_SYNC, "gauge", "When the newest events were last read, since 1970.", _ORGANIZATION, max),
    Family(ARCHIVE_HEADROOM, "gauge", "Time until the upstream forgets unread events.", _ORGANIZATION, max),
    Family(ARCHIVE_RETENTION, "gauge", "Time that the upstream keeps events.", _ORGANIZATION, max),
    Family(ARCHIVE_FAILURES, "counter", "Runs that failed.", _ORGANIZATION),
    Family(ARCHIVE_STALLED, "gauge", "1 when nothing was read for too long, else 0.", _ORGANIZATION, max),
    Family(ARCHIVE_UNSEEN, "counter", "Different values that came and the contract lacks.", ("field",), max),
    Family(CPU, "counter", "CPU time of all workers, in user and system mode."),
    Family("process_resident_memory_bytes", "gauge", "Resident memory of all workers; shared pages count for each."),
    Family("process_virtual_memory_bytes", "gauge", "Virtual memory of all workers."),
    Family("process_open_fds", "gauge", "Open file descriptors of all workers."),
    Family("process_max_fds", "gauge", "Open file descriptors that one worker may have.", (), min),
    Family("process_start_time_seconds", "gauge", "When the youngest worker started, since 1970.", (), max),
)

FAMILIES: Mapping[str, Family] = {family.name: family for family in _FAMILIES}
