"""The one table that turns each kind of Error into what a caller receives: an RFC 9457 problem or an MCP error text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from fairlead import errors
from fairlead.errors import FairleadError, InvalidArguments, MethodNotAllowed, UpstreamRejected
from fairlead.spec.source import JsonValue

PROBLEM_MEDIA_TYPE = "application/problem+json"
# What an upstream wrote must not run on our origin, where a browser would trust it.
INERT = (("x-content-type-options", "nosniff"), ("content-security-policy", "sandbox; default-src 'none'"))


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """A kind of problem: `slug` is its anchor in /docs, `status` None means the upstream's own."""

    slug: str
    title: str
    status: int | None
    meaning: str


@dataclass(frozen=True, slots=True)
class Problem:
    """What a REST caller receives instead of an answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


_TABLE: Mapping[type[FairleadError], ProblemKind] = {
    errors.InvalidArguments: ProblemKind(
        "invalid-arguments", "Invalid arguments", 400,
        "Arguments are missing, unknown or of the wrong type; `errors` lists the first 20. Nothing was sent upstream.",
    ),
    errors.RequestMalformed: ProblemKind(
        "malformed-request", "Malformed request", 400, "The request cannot be read: its encoding, its body or its form."
    ),
    errors.Unauthorized: ProblemKind(
        "unauthorized", "Unauthorized", 401,
        "The caller did not show what this server asks for; `WWW-Authenticate` says what. It is not the upstream's.",
    ),
    errors.InsufficientScope: ProblemKind(
        "insufficient-scope", "Scope missing", 403,
        "The token is valid and allows too little; `WWW-Authenticate` names the scope.",
    ),
    errors.TooManyRequests: ProblemKind(
        "too-many-requests", "Too many requests", 429,
        "The caller's own rate is used up; `Retry-After` says until when.",
    ),
    errors.Overloaded: ProblemKind(
        "overloaded", "Server overloaded", 503, "The server has as many connections as it takes."
    ),
    errors.NoSuchRoute: ProblemKind("no-such-route", "Not found", 404, "No operation has this path."),
    errors.MethodNotAllowed: ProblemKind(
        "method-not-allowed", "Method not allowed", 405, "The path has other methods; `Allow` lists them."
    ),
    errors.RequestTooLarge: ProblemKind(
        "request-too-large", "Request too large", 413, "The request's body is larger than the server takes."
    ),
    errors.HeadersTooLarge: ProblemKind(
        "headers-too-large", "Headers too large", 431, "The request's headers are larger than the server takes."
    ),
    errors.RequestTimedOut: ProblemKind(
        "request-timeout", "Request timed out", 408, "The request's body did not arrive in time."
    ),
    errors.HostRefused: ProblemKind(
        "host-refused", "Host or origin refused", 403,
        "The Host or Origin header names a place this server does not answer for, as in DNS rebinding.",
    ),
    errors.UpstreamRejected: ProblemKind(
        "upstream-rejected", "The upstream refused", None,
        "The upstream answered with an error; `upstream` holds its status and its own sentence.",
    ),
    errors.NotArchived: ProblemKind(
        "not-archived", "Not in the archive", 404, "The archive has no such event, target or organization."
    ),
    errors.ArchiveBusy: ProblemKind(
        "archive-busy", "Archive busy", 503, "Somebody else held the archive for longer than could be waited."
    ),
    errors.ArchiveUnusable: ProblemKind(
        "archive-unusable", "Archive unusable", 503, "The archive cannot be read: it is damaged, or not there yet."
    ),
    errors.UpstreamBusy: ProblemKind(
        "upstream-busy", "Too many calls at once", 503,
        "As many calls of the upstream are running and waiting as the server allows; nothing was sent.",
    ),
    errors.UpstreamResting: ProblemKind(
        "upstream-resting", "Upstream failing", 503,
        "The upstream failed too often just now and is left alone for a while; nothing was sent.",
    ),
    errors.BudgetSpent: ProblemKind(
        "budget-spent", "Upstream's rate limit used up", 429,
        "The upstream's rate limit leaves no room before it resets; `Retry-After` says when. Nothing was sent.",
    ),
    errors.UpstreamError: ProblemKind(
        "upstream-not-called", "Upstream not called", 502, "The call could not be put into a request; nothing was sent."
    ),
    errors.UpstreamUnreachable: ProblemKind(
        "upstream-unreachable", "Upstream unreachable", 502, "No connection to the upstream, or it broke."
    ),
    errors.UpstreamInvalid: ProblemKind(
        "upstream-invalid", "Unusable upstream answer", 502, "The upstream's answer is not what it says it is."
    ),
    errors.UpstreamTooLarge: ProblemKind(
        "upstream-too-large", "Upstream answer too large", 502, "The upstream's answer is larger than the server reads."
    ),
    errors.UpstreamTimeout: ProblemKind(
        "upstream-timeout", "Upstream timed out", 504, "The upstream did not answer within the deadline."
    ),
}  # fmt: skip
_INTERNAL = ProblemKind("internal", "Internal error", 500, "A fault of this server; its log has the record.")

PROBLEM_KINDS: tuple[ProblemKind, ...] = (*_TABLE.values(), _INTERNAL)
# What an upstream says of the caller's own request is the caller's to know.
_UPSTREAM_STATUS_KEPT = range(400, 500)


def problem_kind(error: FairleadError) -> ProblemKind:
    """The kind of an error, or of what it is a kind of; `internal` for one the table does not name."""
    kinds = (_TABLE[each] for each in type(error).__mro__ if each in _TABLE)
    return next(kinds, _INTERNAL)


def problem_status(error: FairleadError) -> int:
    """The HTTP status of an error: the upstream's for 4xx, 502 when the upstream is at fault."""
    kind = problem_kind(error)
    if isinstance(error, UpstreamRejected):
        return error.status if error.status in _UPSTREAM_STATUS_KEPT else 504 if error.status == 504 else 502
    return kind.status or 500


def to_problem(error: FairleadError) -> Problem:
    """The REST answer for an error (RFC 9457); `remedy`, `errors` and `upstream` are extension members."""
    kind, status = problem_kind(error), problem_status(error)
    body: dict[str, JsonValue] = {
        "type": f"/docs#problem-{kind.slug}",
        "title": kind.title,
        "status": status,
        "detail": error.public,
    }
    headers = [("content-type", PROBLEM_MEDIA_TYPE), ("cache-control", "no-store"), *INERT]
    if error.remedy:
        body["remedy"] = error.remedy
    if isinstance(error, InvalidArguments):
        body["errors"] = [{"parameter": fault.argument, "detail": fault.message} for fault in error.faults]
    if isinstance(error, UpstreamRejected):
        body["upstream"] = {"status": error.status, "detail": error.reason}
        headers += error.headers
    if isinstance(error, MethodNotAllowed):
        headers.append(("allow", ", ".join(error.allow)))
    if isinstance(error, errors.RequestTimedOut):
        headers.append(("connection", "close"))  # the rest of the body would be waited for
    if isinstance(error, errors.Unauthorized | errors.InsufficientScope):
        headers.append(("www-authenticate", error.challenge))
    if isinstance(error, errors.Deferred):
        headers.append(("retry-after", str(max(1, math.ceil(error.retry_after)))))
    return Problem(status, tuple(headers), orjson.dumps(body))


def to_tool_text(error: FairleadError) -> str:
    """The text of an MCP error result: what happened, which argument, and what to do next."""
    lines = [error.public if error.public.endswith((".", "?", "!")) else f"{error.public}."]
    if isinstance(error, InvalidArguments):
        lines.append("Mend the arguments named above and call the tool again.")
    if isinstance(error, UpstreamRejected) and error.status == 429:
        lines += [
            f"{name}: {value}" for name, value in error.headers if name.startswith(("retry", "x-rate", "ratelimit"))
        ]
    if isinstance(error, errors.Deferred):
        lines.append(f"Call again in {max(1, math.ceil(error.retry_after)):,} s, not before.")
    if error.remedy:
        lines.append(error.remedy)
    return "\n".join(lines)


def internal_error() -> FairleadError:
    """What a caller is told of a fault of ours; the log has the rest."""
    return FairleadError("The server failed to answer.", remedy="Its log has the record of this fault.")
