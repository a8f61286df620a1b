"""One HTTP request to an upstream and its answer, as plain values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias


class UpstreamRequest(NamedTuple):
    """A request ready to be sent; `url` is complete and encoded. Its `repr` shows no header and no query.

    `timeout` is set when less time is left than a request usually has.
    """

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None
    timeout: float | None = None

    def __repr__(self) -> str:
        return f"UpstreamRequest({self.method})"


class UpstreamResponse(NamedTuple):
    """An answer, its body decoded from any content encoding and complete; header names in lower case.

    It may be given again for `fresh_for` seconds; `age` seconds ago the upstream gave it. `source` says who answered
    where it could have been somebody else.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    fresh_for: float = 0.0
    age: float = 0.0
    source: str = ""


Call: TypeAlias = Callable[[UpstreamRequest], Awaitable[UpstreamResponse]]

Identity: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...], bytes | None]


def identity(request: UpstreamRequest) -> Identity:
    """What two requests must have in common to get one answer: everything that is sent, credentials included."""
    return request[:4]
