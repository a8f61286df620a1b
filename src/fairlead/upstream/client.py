"""The HTTP client: one pool for all upstreams, every wait and every size bounded, every failure classified."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import DecodeError, PyreqwestError, ReadError, RequestError, RequestTimeoutError
from pyreqwest.http import HeaderMap
from pyreqwest.response import Response

from fairlead.errors import (
    UpstreamError,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTooLarge,
    UpstreamUnreachable,
)
from fairlead.settings import Settings
from fairlead.upstream.request import UpstreamRequest, UpstreamResponse

USER_AGENT = "fairlead"


@dataclass(frozen=True, slots=True)
class UpstreamClient:
    """Sends requests; made by `open_client`, safe to share between tasks."""

    pool: Client
    max_response_bytes: int
    total_timeout: float

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """The upstream's answer, whatever its status.

        Raises UpstreamUnreachable, UpstreamTimeout, UpstreamInvalid (the answer broke off, or does not decode),
        UpstreamTooLarge, or a plain UpstreamError when nothing could be sent. Cancelling the task cancels the request.
        """
        try:
            builder = self.pool.request(request.method, request.url)
            for name, value in request.headers:
                builder = builder.header(name, value, is_sensitive=True)
            if request.body is not None:
                builder = builder.body_bytes(request.body)
            if request.timeout is not None:
                builder = builder.timeout(timedelta(seconds=request.timeout))
            async with builder.build_streamed() as response:
                headers = _headers(response.headers)
                return UpstreamResponse(response.status, headers, await self._read(response, dict(headers)))
        except (PyreqwestError, ValueError) as failure:
            # `from None`: the causes of these errors hold the URL, and with it a key sent in the query.
            raise _classify(failure, request.timeout or self.total_timeout) from None

    async def fetch(self, address: str) -> bytes:
        """The body of a plain GET, without any credential; raises UpstreamInvalid for every status but 200."""
        response = await self.send(UpstreamRequest("GET", address, ()))
        if response.status != 200:
            raise UpstreamInvalid(f"The answer was {response.status}, not 200.")
        return response.body

    async def _read(self, response: Response, headers: Mapping[str, str]) -> bytes:
        reader, limit = response.body_reader, self.max_response_bytes
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) <= limit and "content-encoding" not in headers:
            # HTTP's own framing is the bound; one step instead of one for each chunk.
            return bytes(await response.bytes())
        chunk = await reader.read_chunk()
        if chunk is None:
            return b""
        first = bytes(chunk)
        chunk = await reader.read_chunk()
        if chunk is None and len(first) <= limit:
            return first
        chunks, size = [first], len(first)
        while chunk is not None and size <= limit:
            chunks.append(bytes(chunk))
            size += len(chunks[-1])
            chunk = await reader.read_chunk()
        if size > limit:
            raise UpstreamTooLarge(
                f"The upstream's answer is larger than {limit:,} bytes.",
                remedy="Narrow the call, or raise FAIRLEAD_MAX_RESPONSE_BYTES.",
            )
        return b"".join(chunks)


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[UpstreamClient]:
    """A client with the deadlines and bounds of the settings; closed on exit."""
    builder = (
        ClientBuilder()
        .user_agent(USER_AGENT)
        .connect_timeout(timedelta(seconds=settings.connect_timeout))
        .read_timeout(timedelta(seconds=settings.read_timeout))
        .timeout(timedelta(seconds=settings.total_timeout))
        .pool_idle_timeout(timedelta(seconds=30))
        # A redirect would carry the credential to a place the document does not name.
        .follow_redirects(False)
        .referer(False)
    )
    if not settings.use_environment_proxy:
        builder = builder.no_proxy()
    async with builder.build() as pool:
        yield UpstreamClient(pool, settings.max_response_bytes, settings.total_timeout)


def _headers(headers: HeaderMap) -> tuple[tuple[str, str], ...]:
    """The headers, in lower case as the client keeps them; those of a name with bytes beyond ASCII are left out."""
    try:
        return tuple(headers.items())
    except ValueError:
        return tuple((name, value) for name in dict.fromkeys(headers) for value in _values(headers, name))


def _values(headers: HeaderMap, name: str) -> list[str]:
    try:
        return headers.getall(name)
    except ValueError:
        return []


def _classify(failure: Exception, deadline: float) -> UpstreamError:
    kind = type(failure).__name__
    if isinstance(failure, RequestTimeoutError):
        return UpstreamTimeout(
            "The upstream did not answer in time.",
            detail=f"{kind}; the deadline was {deadline:g} s",
            remedy="Try again, or narrow the call.",
        )
    if isinstance(failure, (ReadError, DecodeError)):
        return UpstreamInvalid(
            "The upstream's answer broke off, or its encoding is broken.", detail=kind, remedy="Try again."
        )
    if isinstance(failure, RequestError):
        return UpstreamUnreachable(
            "The upstream cannot be reached, or closed the connection without an answer.",
            detail=kind,
            remedy="Check its address and the network.",
        )
    # Nobody but us is at fault: nothing was sent, so it must not count against the upstream.
    return UpstreamError("The request to the upstream could not be made.", detail=kind)
