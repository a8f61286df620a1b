"""The errors a person or a program is told about, each with its audience and its remedy.

Every error carries `public`, which is safe to send to anyone, and `detail`, which is for the log only.
`expose/problems.py` is the one table that turns them into REST problems and MCP results; `cli/` turns them
into one line and an exit code.
"""

from __future__ import annotations

from dataclasses import dataclass


class FairleadError(Exception):
    """Anything Fairlead tells a caller; `remedy` says what to do next and may be empty."""

    def __init__(self, public: str, *, detail: str = "", remedy: str = "") -> None:
        super().__init__(public)
        self.public = public
        self.detail = detail
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.public} {self.remedy}".rstrip()


class ConfigurationError(FairleadError):
    """A setting, a flag or an environment variable is missing or cannot be used."""


class CannotListen(FairleadError):
    """An address to serve on cannot be bound."""


class Unauthorized(FairleadError):
    """The caller did not present the token this server asks for."""


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


class RequestMalformed(FairleadError):
    """The caller's request cannot be read: bad percent-encoding, bad JSON, a wrong media type."""


@dataclass(frozen=True, slots=True)
class ArgumentFault:
    """One argument that cannot be used: its name and what is wrong with it, ready to be shown."""

    argument: str
    message: str


class InvalidArguments(FairleadError):
    """The caller's arguments do not fit the operation; every fault is listed."""

    def __init__(self, faults: tuple[ArgumentFault, ...]) -> None:
        text = "; ".join(f"`{fault.argument}` {fault.message}" for fault in faults)
        super().__init__(text if text.endswith("?") else f"{text}.")
        self.faults = faults


class UpstreamError(FairleadError):
    """The upstream did not give a usable answer."""


class UpstreamUnreachable(UpstreamError):
    """No connection to the upstream, or it broke before the answer was complete."""


class UpstreamTimeout(UpstreamError):
    """The upstream did not answer within the deadline."""


class UpstreamInvalid(UpstreamError):
    """The upstream's answer is not what it says it is: not JSON, a broken encoding, a redirect."""


class UpstreamTooLarge(UpstreamError):
    """The upstream's answer is larger than the server reads."""


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
