"""How long an answer may be given again, in HTTP's words (RFC 9111), and whether a caller has it already."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.engine.execute import Result
from fairlead.expose.http import Request


def freshness(result: Result) -> list[tuple[str, str]]:
    """How old an answer is, and what lets the caller, and nobody between, keep it; `max-age` counts from its `age`."""
    headers = []
    if result.fresh_for:
        headers.append(("cache-control", f"private, max-age={int(result.age + result.fresh_for)}"))
    return [*headers, ("age", str(int(result.age)))] if result.age >= 1 else headers


def is_known(request: Request, headers: Sequence[tuple[str, str]]) -> bool:
    """Whether the caller said, in `If-None-Match`, that it has this answer (compared weakly, RFC 9110, 13.1.2)."""
    etag = next((value for name, value in headers if name == "etag"), "")
    if not etag or request.method not in {"GET", "HEAD"}:
        return False
    known = (request.header(b"if-none-match") or b"").decode("latin-1")
    return known == "*" or etag.removeprefix("W/") in [each.strip().removeprefix("W/") for each in known.split(",")]
