"""A small HTTP request and response: what an adapter reads and answers, whatever server is in front."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

from fairlead.errors import FairleadError, RequestMalformed
from fairlead.expose.problems import to_problem

Headers: TypeAlias = list[tuple[bytes, bytes]]


class Request(NamedTuple):
    """A request as it arrived: `path` still percent-encoded, header names in lower case, the body complete.

    `remote` is the address it came from. Its `repr` shows no header, no query and no body.
    """

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes = b""
    remote: str = ""

    def header(self, name: bytes) -> bytes | None:
        """The first header of this lower-case name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path})"


class Response(NamedTuple):
    """An answer; its length, date and framing are added when it is written."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


Answer: TypeAlias = Callable[[Request], Awaitable[Response]]


def problem_response(error: FairleadError) -> Response:
    """The REST answer for an error."""
    problem = to_problem(error)
    return Response(problem.status, problem.headers, problem.body)


def request_target(target: bytes, headers: Headers) -> tuple[str, bytes, Headers]:
    """Path, query and headers of a request's target (RFC 9112, section 3.2); raises RequestMalformed.

    The host of an absolute target replaces the `Host` header.
    """
    if not target.startswith(b"/"):
        scheme, found, rest = target.partition(b"://")
        if not found or scheme.lower() not in {b"http", b"https"}:
            if target == b"*":
                return "*", b"", headers
            raise RequestMalformed("The request's target is no path.")
        host, slash, rest = rest.partition(b"/")
        headers = [(b"host", host.rpartition(b"@")[2]), *((name, value) for name, value in headers if name != b"host")]
        target = slash + rest or b"/"
    if b"#" in target:
        target = target.partition(b"#")[0]
    path, _, query = target.partition(b"?")
    return path.decode("latin-1"), query, headers
