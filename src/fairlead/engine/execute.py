"""Runs one operation: arguments in, the upstream's answer out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeAlias

import orjson

from fairlead.engine.arguments import ArgumentCheck, argument_check, unreadable
from fairlead.engine.fill import RequestFiller, request_filler
from fairlead.errors import ArgumentFault, UpstreamInvalid, UpstreamRejected
from fairlead.plan.model import Arguments, Operation
from fairlead.spec.source import JsonValue
from fairlead.upstream.auth import Credential
from fairlead.upstream.request import UpstreamRequest, UpstreamResponse

Call: TypeAlias = Callable[[UpstreamRequest], Awaitable[UpstreamResponse]]

_PASSED_HEADERS = frozenset({"etag", "retry-after", "last-modified"})
_LONGEST_REASON = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnable:
    """An operation with what it needs at run time: its check, its address, its credential and the way out.

    `call` is the seam for what stands between an operation and its upstream (retry, coalescing, the archive).
    """

    operation: Operation
    check: ArgumentCheck
    filler: RequestFiller = field(repr=False)
    credential: Credential = field(repr=False)
    call: Call = field(repr=False)

    def request(self, arguments: Arguments, faults: Sequence[ArgumentFault] = ()) -> UpstreamRequest:
        """The request these arguments make; raises InvalidArguments. Nothing is sent."""
        checked = self.check.check(arguments, faults)
        try:
            return self.filler.fill(checked)
        except UnicodeEncodeError:
            raise unreadable(checked) from None


@dataclass(frozen=True, slots=True)
class Result:
    """An upstream's successful answer: `body` is its bytes untouched, `value` the same parsed when it is JSON."""

    status: int
    content_type: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    value: JsonValue


def runnable(operation: Operation, *, base: str, credential: Credential, call: Call) -> Runnable:
    """Make an operation ready to run."""
    filler = request_filler(operation.call, base, credential)
    return Runnable(
        operation=operation, check=argument_check(operation), filler=filler, credential=credential, call=call
    )


async def execute(target: Runnable, arguments: Arguments, faults: Sequence[ArgumentFault] = ()) -> Result:
    """Run an operation with a caller's arguments, and the faults found while they were read.

    Raises InvalidArguments before anything is sent, UpstreamRejected for an error status, and the other
    upstream errors when there is no usable answer.
    """
    response = await target.call(target.request(arguments, faults))
    return read_result(target, response)


def read_result(target: Runnable, response: UpstreamResponse) -> Result:
    """Judge an answer: an error status, or a body that is not what the document says, is an error."""
    passed = tuple([header for header in response.headers if _is_passed(header[0])])
    if response.status >= 400:
        reason = target.credential.scrub(_reason(response))
        raise UpstreamRejected(response.status, reason, passed, remedy=_remedy(response.status))
    if not 200 <= response.status < 300:
        raise UpstreamInvalid(
            f"The upstream answered {response.status}, which is not followed.",
            detail=f"status {response.status}",
        )
    content_type = next((value for name, value in response.headers if name == "content-type"), "")
    value: JsonValue = None
    if target.operation.call.raw_format == "json" and response.body and target.operation.call.method != "HEAD":
        value = _parsed(response.body, content_type)
        content_type = content_type or "application/json"
    return Result(response.status, content_type, passed, response.body, value)


def _parsed(body: bytes, content_type: str) -> JsonValue:
    try:
        return orjson.loads(body)  # type: ignore[no-any-return]
    except orjson.JSONDecodeError as failure:
        said = f" but `{content_type.partition(';')[0][:60]}`" if content_type else ""
        raise UpstreamInvalid(
            f"The upstream's answer is not JSON{said}.", detail=str(failure), remedy="Try again later."
        ) from None


@lru_cache(maxsize=1_000)
def _is_passed(name: str) -> bool:
    return name in _PASSED_HEADERS or name.startswith(("x-ratelimit-", "ratelimit"))


def _reason(response: UpstreamResponse) -> str:
    """The upstream's own sentence, from the keys providers use; markup is never quoted."""
    try:
        body = orjson.loads(response.body)
    except orjson.JSONDecodeError:
        text = response.body[:_LONGEST_REASON].decode("utf-8", "replace").strip()
        return "" if text.startswith("<") else " ".join(text.split())[:300]
    if isinstance(body, dict):
        for key in ("detail", "message", "title", "error_description", "error"):
            said = body.get(key)
            if isinstance(said, dict):
                said = said.get("message")
            if isinstance(said, str) and said.strip():
                return said.strip()[:_LONGEST_REASON]
    return ""


def _remedy(status: int) -> str:
    if status == 401:
        return "The token this server uses was refused; ask whoever runs it."
    if status == 403:
        # Some upstreams answer 403 for what does not exist, so this names both.
        return "The token may not see this, or it does not exist."
    if status == 404:
        return "Check the ids."
    if status == 429:
        return "Wait before the next call; the headers say how long."
    return "Check the arguments." if status < 500 else "Try again later."
