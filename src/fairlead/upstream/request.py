"""One HTTP request to an upstream and its answer, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """A request ready to be sent; `url` is complete and encoded. Its `repr` shows no header and no query."""

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)


class UpstreamResponse(NamedTuple):
    """An answer, its body decoded from any content encoding and complete; header names in lower case."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
