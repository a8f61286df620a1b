"""Which request is being answered: its id and its place in a trace, for records and spans."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
# W3C Trace Context: ids of zeros only are invalid, and so is version ff; a version after 00 may go on.
_IDS = r"(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
_TRACEPARENT = re.compile(rf"00-{_IDS}|(?!00|ff)[0-9a-f]{{2}}-{_IDS}(?:-[!-~]{{0,200}})?")
_LONGEST_TRACESTATE = 512


class RequestIdentity(NamedTuple):
    """A request's id, the trace it belongs to (W3C Trace Context), and the name of its caller, where there is one.

    `traceparent` is valid or None.
    """

    request_id: str
    traceparent: str | None = None
    tracestate: str = ""
    caller: str = ""

    @property
    def trace_id(self) -> str | None:
        """The id of the trace, 32 hexadecimal digits."""
        return self.traceparent[3:35] if self.traceparent else None

    def told_by(self, meta: Mapping[str, object]) -> RequestIdentity:
        """The same request in the trace that the `_meta` of an MCP call names; headers lose against it."""
        parent, state = meta.get("traceparent"), meta.get("tracestate")
        if not isinstance(parent, str) or not _TRACEPARENT.fullmatch(parent):
            return self
        return self._replace(traceparent=parent, tracestate=_bounded(state) if isinstance(state, str) else "")


@dataclass(frozen=True, slots=True)
class RequestIds:
    """Identifies requests; ids of its own making are a prefix of this process and a number."""

    prefix: str
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def identify(self, headers: Iterable[tuple[bytes, bytes]]) -> RequestIdentity:
        """Who a request is, from its headers: `X-Request-Id` when it is 1 to 64 of `A-Za-z0-9._-`, and its trace.

        Of a header that is there twice none is taken, except `tracestate`, which may come in parts.
        """
        ids, parents, states = [], [], []
        for name, value in headers:
            if name == b"x-request-id":
                ids.append(value)
            elif name == b"traceparent":
                parents.append(value)
            elif name == b"tracestate":
                states.append(value)
        given = len(ids) == 1 and _REQUEST_ID.fullmatch(ids[0])
        request_id = ids[0].decode() if given else f"{self.prefix}-{next(self.numbers):x}"
        if len(parents) != 1 or not _TRACEPARENT.fullmatch(parent := parents[0].decode("latin-1")):
            return RequestIdentity(request_id)
        return RequestIdentity(request_id, parent, _bounded(b",".join(states).decode("latin-1")))


def request_ids(random: Callable[[], float]) -> RequestIds:
    """Ids that no other process gives, as long as `random` (floats from 0 to 1) yields others in each worker."""
    return RequestIds(f"{int(random() * 2**48):012x}")


def begin(identity: RequestIdentity) -> None:
    """Say which request the current task, and every task it starts, answers."""
    _current.set(identity)


def current() -> RequestIdentity | None:
    """The request that is being answered here."""
    return _current.get()


def _bounded(tracestate: str) -> str:
    # The standard lets anyone drop one that is longer; half of it would be invalid.
    return tracestate if len(tracestate) <= _LONGEST_TRACESTATE else ""


_current: ContextVar[RequestIdentity | None] = ContextVar("fairlead_request", default=None)
