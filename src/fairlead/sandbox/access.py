"""Who may ask: tokens, schemes, roles, and how often."""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from fairlead.archive.contract import RATE_LIMIT_PER_HOUR
from fairlead.sandbox.options import (
    DEMO_JWT,
    DEMO_ORGANIZATION_ID,
    DEMO_OTHER_TOKEN,
    DEMO_POLICY_TOKEN,
    DEMO_TOKEN,
    DEMO_VIEWER_TOKEN,
    OTHER_ORGANIZATION_ID,
    SandboxOptions,
)
from fairlead.sandbox.replies import Header, RefusalError

_HOUR = 3_600
_UNAUTHENTICATED = "Invalid or missing authentication token"
_FORBIDDEN = "Insufficient permissions to access this resource"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A known token, what it is and what it may."""

    token: str
    scheme: Literal["token", "bearer"] = "token"
    organization_id: str = DEMO_ORGANIZATION_ID
    reads_events: bool = True
    policy: bool = False


_CALLERS = {
    caller.token: caller
    for caller in (
        Caller(token=DEMO_TOKEN),
        Caller(token=DEMO_VIEWER_TOKEN, reads_events=False),
        Caller(token=DEMO_OTHER_TOKEN, organization_id=OTHER_ORGANIZATION_ID),
        Caller(token=DEMO_POLICY_TOKEN, policy=True),
        Caller(token=DEMO_JWT, scheme="bearer"),
    )
}


class Usage(NamedTuple):
    """How much of its hour a token has used."""

    limit: int
    remaining: int
    reset: int
    exceeded: bool


@dataclass(slots=True)
class Ledger:
    """All a sandbox remembers between requests: uses per token and hour, answers, and lost history."""

    uses: dict[str, tuple[int, int]] = field(default_factory=dict)
    answers: int = 0
    lost_before: int = 0


def identify(authorizations: tuple[str, ...], options: SandboxOptions) -> Caller | None:
    """The caller an Authorization header names, if scheme and token fit and it is the only such header."""
    if len(authorizations) != 1:
        return None
    scheme, _, credential = authorizations[0].partition(" ")
    caller = _CALLERS.get(credential.strip())
    if caller is None or scheme.lower() not in ("token", "bearer"):
        return None
    return caller if options.relaxed_schemes or scheme.lower() == caller.scheme else None


def spend(ledger: Ledger, caller: Caller | None, options: SandboxOptions, now: float) -> Usage:
    """Count one request against the caller's fixed hour; an unknown caller and no limit count nothing."""
    hour = int(now) // _HOUR
    reset = (hour + 1) * _HOUR
    if caller is None or options.rate_limit == 0:
        limit = options.rate_limit or RATE_LIMIT_PER_HOUR
        return Usage(limit, limit, reset, exceeded=False)
    last, used = ledger.uses.get(caller.token, (hour, 0))
    used = used + 1 if last == hour else 1
    ledger.uses[caller.token] = (hour, used)
    return Usage(options.rate_limit, max(options.rate_limit - used, 0), reset, used > options.rate_limit)


def rate_headers(usage: Usage, options: SandboxOptions) -> tuple[Header, ...]:
    """The three headers that go with every answer."""
    if not options.rate_headers:
        return ()
    return (
        ("x-ratelimit-limit", str(usage.limit)),
        ("x-ratelimit-remaining", str(usage.remaining)),
        ("x-ratelimit-reset", str(usage.reset)),
    )


def require_caller(caller: Caller | None) -> Caller:
    """The caller, or 401."""
    if caller is None:
        raise RefusalError(401, _UNAUTHENTICATED)
    return caller


def require_access(caller: Caller, organization_id: str, resource: str, options: SandboxOptions) -> None:
    """Refuse what the caller may not read; things that do not exist are refused as the options say."""
    if caller.policy and organization_id != caller.organization_id:
        raise RefusalError(401, "")
    if organization_id not in (DEMO_ORGANIZATION_ID, OTHER_ORGANIZATION_ID):
        details = {400: "organization does not exist", 403: _FORBIDDEN, 404: "organization not found"}
        raise RefusalError(options.unknown_organization, details[options.unknown_organization])
    if organization_id != caller.organization_id or (resource and not caller.reads_events):
        raise RefusalError(403, _FORBIDDEN)


def require_listing(caller: Caller) -> None:
    """Refuse the list of organizations to a policy token, which allows single paths only."""
    if caller.policy:
        raise RefusalError(401, "")
