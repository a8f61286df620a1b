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
