"""Answers to safe calls, kept for a short while."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fairlead.upstream.request import Call, Identity, UpstreamRequest, UpstreamResponse, identity
from fairlead.upstream.retry_after import whole

MOST_ENTRIES = 1_000
MOST_BYTES = 64 * 1024 * 1024
# What an entry costs besides its texts.
_OVERHEAD = 1_000
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=\"?(\d{1,9})")
# What a 304 says of its own empty body.
_OF_THE_BODY = frozenset({"content-length", "content-encoding", "content-type", "transfer-encoding"})
_CONDITIONS = frozenset({"if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range", "range"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An answer, when it came, until when it is fresh, and how the upstream names this version of it."""

    response: UpstreamResponse
    came_at: float
    fresh_until: float
    etag: str | None

    def answer(self, now: float) -> UpstreamResponse:
        """The answer, with how long it is still fresh and how old it is."""
        age = self.response.age + now - self.came_at
        return self.response._replace(fresh_for=max(0.0, self.fresh_until - now), age=age)


def lifetime(response: UpstreamResponse, ttl: float) -> float | None:
    """Seconds an answer stays fresh, at most `ttl`; None when it may not be kept at all.

    `private` may be kept, because an entry belongs to one credential; `no-cache` is kept to be revalidated.
    """
    headers = dict(response.headers)
    # An answer may have several of these lines, and each counts.
    policy = ", ".join([value.lower() for name, value in response.headers if name == "cache-control"])
    if response.status != 200 or "no-store" in policy or "set-cookie" in headers or ("vary", "*") in response.headers:
        return None
    if "no-cache" in policy:
        return 0.0
    age = _MAX_AGE.search(policy)
    return ttl if age is None else min(ttl, max(0.0, float(age[1]) - _age(headers)))


def entry_for(response: UpstreamResponse, ttl: float, now: float) -> Entry | None:
    """The answer as it is kept, or None when keeping it is forbidden or of no use."""
    fresh_for, headers = lifetime(response, ttl), dict(response.headers)
    etag = headers.get("etag")
    if fresh_for is None or (fresh_for == 0 and etag is None):
        return None
    response = response._replace(age=_age(headers))
    return Entry(response=response, came_at=now, fresh_until=now + fresh_for, etag=etag)


def _age(headers: Mapping[str, str]) -> float:
    return float(whole(headers.get("age")) or 0)


@dataclass(slots=True)
class Cache:
    """Entries by the request they answer, bounded in number and in bytes; the least recently used goes first."""

    most_entries: int = MOST_ENTRIES
    most_bytes: int = MOST_BYTES
    generation: int = 0
    _entries: OrderedDict[Identity, Entry] = field(default_factory=OrderedDict)
    _bytes: int = 0

    def get(self, key: Identity) -> Entry | None:
        """The entry of a request, fresh or not."""
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Identity, entry: Entry) -> None:
        """Keep an entry in place of the former one."""
        self._drop(key)
        size = _size(key, entry)
        if size > self.most_bytes:
            return  # It would push out all others, and then itself.
        self._entries[key] = entry
        self._bytes += size
        while self._bytes > self.most_bytes or len(self._entries) > self.most_entries:
            self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget everything, also what is on its way: it belongs to the `generation` before."""
        self._entries.clear()
        self._bytes = 0
        self.generation += 1

    def _drop(self, key: Identity) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _size(key, entry)


def _size(key: Identity, entry: Entry) -> int:
    _, url, sent, body = key
    texts = sum(len(name) + len(value) for name, value in (*sent, *entry.response.headers))
    return _OVERHEAD + texts + len(url) + len(body or b"") + len(entry.response.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Answers from the cache, and fills it: `fresh` stands before the calls in flight, `renewed` behind them."""

    cache: Cache
    ttl: float
    now: Callable[[], float]
    note: Callable[[], None]

    def fresh(self, call: Call) -> Call:
        """A call that is answered from the cache while the entry is fresh, else made."""

        async def answer(request: UpstreamRequest) -> UpstreamResponse:
            entry = self.cache.get(identity(request))
            if entry is not None and entry.fresh_until > (now := self.now()):
                self.note()
                return entry.answer(now)
            return await call(request)

        return answer

    def renewed(self, call: Call) -> Call:
        """A call whose answer is kept; one that was kept before is asked for by its ETag."""

        async def answer(request: UpstreamRequest) -> UpstreamResponse:
            if request.method != "GET" or any(name.lower() in _CONDITIONS for name, _ in request.headers):
                return await call(request)
            key, generation = identity(request), self.cache.generation
            known = self.cache.get(key)
            if known is not None and known.etag is not None:
                request = request._replace(headers=(*request.headers, ("If-None-Match", known.etag)))
            response = await call(request)
            if response.status == 304 and known is not None:
                response = _confirmed(known.response, response)
            return self._kept(key, response, generation)

        return answer

    def _kept(self, key: Identity, response: UpstreamResponse, generation: int) -> UpstreamResponse:
        now = self.now()
        entry = entry_for(response, self.ttl, now)
        if entry is None or generation != self.cache.generation:
            return response
        self.cache.put(key, entry)
        return entry.answer(now)


def _confirmed(known: UpstreamResponse, confirmation: UpstreamResponse) -> UpstreamResponse:
    """The known answer with the headers of the 304 that says it still holds (RFC 9111, section 4.3.4)."""
    newer = tuple(header for header in confirmation.headers if header[0] not in _OF_THE_BODY)
    names = {"age", *(name for name, _ in newer)}
    kept = tuple(header for header in known.headers if header[0] not in names)
    return UpstreamResponse(known.status, kept + newer, known.body)
