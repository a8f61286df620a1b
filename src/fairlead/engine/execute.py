"""Runs one operation: arguments in, the upstream's answer out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import orjson

from fairlead.engine.arguments import ArgumentCheck, argument_check, unreadable
from fairlead.engine.fill import RequestFiller, request_filler
from fairlead.errors import ArgumentFault, UpstreamInvalid, UpstreamRejected
from fairlead.plan.model import Arguments, Operation
from fairlead.spec.json_text import is_json
from fairlead.spec.source import JsonValue
from fairlead.upstream.auth import Credential
from fairlead.upstream.request import Call, UpstreamRequest, UpstreamResponse

_PASSED_HEADERS = frozenset({"etag", "retry-after", "last-modified"})
SOURCE_HEADER = "x-fairlead-source"
"""Says whether the archive or the API answered; only ours: an upstream's own is not passed on."""

_WEB_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_LONGEST_REASON = 2_000
_LONGEST_QUOTATION = 300


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


class Result(NamedTuple):
    """An upstream's successful answer: `body` is its bytes untouched, `value` the same parsed when it is JSON.

    It may be given again for `fresh_for` seconds; the upstream gave it `age` seconds ago. Without `is_json` it is
    passed on as what its media type says.
    """

    status: int
    content_type: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    value: JsonValue
    fresh_for: float = 0.0
    age: float = 0.0
    is_json: bool = False


def runnable(operation: Operation, *, base: str, credential: Credential, call: Call) -> Runnable:
    """Make an operation ready to run."""
    filler = request_filler(operation.call, base, credential)
    return Runnable(
        operation=operation, check=argument_check(operation), filler=filler, credential=credential, call=call
    )


async def execute(ready: Runnable, arguments: Arguments, faults: Sequence[ArgumentFault] = ()) -> Result:
    """Run an operation with a caller's arguments, and the faults found while they were read.

    Raises InvalidArguments before anything is sent, UpstreamRejected for an error status, and the other
    upstream errors when there is no usable answer.
    """
    response = await ready.call(ready.request(arguments, faults))
    return read_result(ready, response)


def read_result(ready: Runnable, response: UpstreamResponse) -> Result:
    """Judge an answer: an error status, or a body that is not what the document says, is an error."""
    scrub = ready.credential.scrub
    passed = tuple([(name, value) for name, value in response.headers if _is_passed(name)])
    if ready.credential.shows_in("\n".join([value for _, value in passed])):
        passed = tuple([(name, scrub(value)) for name, value in passed])
    if response.source:
        passed = (*passed, (SOURCE_HEADER, response.source))
    if response.status >= 400:
        reason = _reason(response.body, scrub)
        raise UpstreamRejected(response.status, reason, passed, remedy=_remedy(response.status))
    if not 200 <= response.status < 300:
        raise UpstreamInvalid(
            f"The upstream answered {response.status}, which is not followed.",
            detail=f"status {response.status}",
        )
    content_type = scrub(next((value for name, value in response.headers if name == "content-type"), ""))
    value, parsed = None, False
    if ready.operation.call.raw_format == "json" and response.body and ready.operation.call.method != "HEAD":
        value, parsed = _parsed(response.body, content_type)
        content_type = content_type or "application/json"
    return Result(response.status, content_type, passed, response.body, value, response.fresh_for, response.age, parsed)


def _parsed(body: bytes, content_type: str) -> tuple[JsonValue, bool]:
    """The value of a body, and whether it is JSON; raises UpstreamInvalid for what claims to be and is not.

    A web page in place of data is a login, a proxy or a failure, whatever its status.
    """
    try:
        return orjson.loads(body), True
    except orjson.JSONDecodeError as failure:
        media_type = content_type.partition(";")[0].strip()[:60].lower()
        place = f"line {failure.lineno}, column {failure.colno}"
        said = f"is not JSON but `{media_type}`"
        if not media_type or is_json(media_type):
            said = f"is not valid JSON ({place})"
        elif media_type not in _WEB_PAGES:
            return None, False
        raise UpstreamInvalid(
            f"The upstream's answer {said}.", detail=str(failure), remedy="Try again later."
        ) from None


@lru_cache(maxsize=1_000)
def _is_passed(name: str) -> bool:
    return name in _PASSED_HEADERS or name.startswith(("x-ratelimit-", "ratelimit"))


def _reason(body: bytes, scrub: Callable[[str], str]) -> str:
    """The upstream's own sentence, scrubbed whole before it is cut; markup is never quoted."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        text = body.decode("utf-8", "replace").lstrip()
        return "" if text.startswith("<") else " ".join(scrub(text).split())[:_LONGEST_QUOTATION]
    return scrub(_sentence(value)).strip()[:_LONGEST_REASON]


def _sentence(value: JsonValue) -> str:
    """The sentence of an error body, from the keys providers use."""
    if isinstance(value, dict):
        for key in ("detail", "message", "title", "error_description", "error"):
            said = value.get(key)
            if isinstance(said, dict):
                said = said.get("message")
            if isinstance(said, str) and said.strip():
                return said
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
