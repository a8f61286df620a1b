"""The errors a person or a program is told about, each with its audience and its remedy.

Every error carries `public`, which is safe to send to anyone, and `detail`, which is for the log only.
`expose/problems.py` is the one table that turns them into REST problems and MCP results; `cli/` turns them
into one line and an exit code.
"""

from __future__ import annotations

from dataclasses import dataclass

# A body of a hundred thousand unknown names gets an answer a person can read.
MOST_FAULTS = 20


class FairleadError(Exception):
    """Anything Fairlead tells a caller; `remedy` says what to do next and may be empty."""

    def __init__(self, public: str, *, detail: str = "", remedy: str = "") -> None:
        super().__init__(public)
        self.public = public
        self.detail = detail
        self.remedy = remedy

    def __str__(self) -> str:
        if not self.remedy:
            return self.public
        stop = "" if self.public.endswith((".", "?", "!")) else "."
        return f"{self.public}{stop} {self.remedy}"


class ConfigurationError(FairleadError):
    """A setting, a flag or an environment variable is missing or cannot be used."""


class CannotListen(FairleadError):
    """An address cannot be served on, or no longer; `port` is the one it is about, 0 for none in particular."""

    def __init__(self, public: str, *, remedy: str = "", port: int = 0) -> None:
        super().__init__(public, remedy=remedy)
        self.port = port


class Unauthorized(FairleadError):
    """The caller presented no credential this server takes; `challenge` is the `WWW-Authenticate` that says which."""

    def __init__(self, public: str, *, challenge: str = 'Bearer realm="fairlead"', remedy: str = "") -> None:
        super().__init__(public, remedy=remedy)
        self.challenge = challenge


class InsufficientScope(FairleadError):
    """The caller's token is good but allows too little; `challenge` names the scope that is missing (RFC 6750)."""

    def __init__(self, public: str, *, challenge: str, remedy: str = "") -> None:
        super().__init__(public, remedy=remedy)
        self.challenge = challenge


class Deferred(FairleadError):
    """A call that may succeed later; `retry_after` is how many seconds later, at least."""

    def __init__(self, public: str, *, retry_after: float, detail: str = "", remedy: str = "") -> None:
        super().__init__(public, detail=detail, remedy=remedy)
        self.retry_after = retry_after


class TooManyRequests(Deferred):
    """The caller calls more often than this server allows it to."""


class Overloaded(Deferred):
    """This server has as many connections as it takes."""


class HostRefused(FairleadError):
    """The Host or Origin header names a place this server does not answer for (DNS rebinding)."""


class NoSuchRoute(FairleadError):
    """No operation of the document has this path."""


class MethodNotAllowed(FairleadError):
    """The path exists, the method does not; `allow` lists the methods that do."""

    def __init__(self, public: str, *, allow: tuple[str, ...]) -> None:
        super().__init__(public, remedy=f"Use {' or '.join(allow)}.")
        self.allow = allow


class RequestTooLarge(FairleadError):
    """The caller's body is larger than the server takes."""


class HeadersTooLarge(FairleadError):
    """The caller's headers are larger than the server takes."""


class RequestTimedOut(FairleadError):
    """The caller's body did not arrive in time."""


class RequestMalformed(FairleadError):
    """The caller's request cannot be read: bad percent-encoding, bad JSON, a wrong media type."""


@dataclass(frozen=True, slots=True)
class ArgumentFault:
    """One argument that cannot be used: its name and what is wrong with it, ready to be shown."""

    argument: str
    message: str


class InvalidArguments(FairleadError):
    """The caller's arguments do not fit the operation; `faults` are the first of them, `more` how many follow."""

    def __init__(self, faults: tuple[ArgumentFault, ...], *, more: int = 0) -> None:
        told = faults[:MOST_FAULTS]
        self.faults = told
        self.more = more + len(faults) - len(told)
        texts = [f"`{fault.argument}` {fault.message}" for fault in told]
        if self.more:
            texts.append(f"and {self.more:,} more")
        text = "; ".join(texts)
        super().__init__(text if text.endswith("?") else f"{text}.")


class ArchiveError(FairleadError):
    """The archive cannot do what was asked of it."""


class ArchiveUnusable(ArchiveError):
    """The archive cannot be read or written: damaged, full, read-only, of another key or version, or no archive."""


class ArchiveBusy(ArchiveError):
    """Somebody else holds the archive, or the organization's lease, for longer than could be waited."""


class NotArchived(ArchiveError):
    """The archive has no such event, target or organization."""


class UpstreamError(FairleadError):
    """The upstream did not give a usable answer."""


class UpstreamUnreachable(UpstreamError):
    """No connection to the upstream could be made, or it closed without an answer."""


class UpstreamTimeout(UpstreamError):
    """The upstream did not answer within the deadline."""


class UpstreamInvalid(UpstreamError):
    """The upstream's answer cannot be used: it broke off, is not what it says it is, or is a redirect."""


class UpstreamTooLarge(UpstreamError):
    """The upstream's answer is larger than the server reads."""


class UpstreamBusy(Deferred, UpstreamError):
    """As many calls of the upstream are running and waiting as this server allows; this one was not sent."""


class UpstreamResting(Deferred, UpstreamError):
    """The upstream failed too often just now, so it is left alone for a while; the call was not sent."""


class BudgetSpent(Deferred, UpstreamError):
    """The upstream's rate limit leaves no room for the call before it resets; the call was not sent."""


class UpstreamRejected(UpstreamError):
    """The upstream answered with an error status.

    `reason` is the upstream's own sentence with credentials removed, or empty; `headers` are those of its
    headers that callers may see.
    """

    def __init__(self, status: int, reason: str, headers: tuple[tuple[str, str], ...], *, remedy: str = "") -> None:
        said = f": {reason}" if reason else ""
        super().__init__(f"The upstream answered {status}{said}", remedy=remedy)
        self.status = status
        self.reason = reason
        self.headers = headers
