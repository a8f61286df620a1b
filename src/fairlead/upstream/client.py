"""The HTTP client: one pool for all upstreams, every wait and every size bounded, every failure classified."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import DecodeError, PyreqwestError, ReadError, RequestError, RequestTimeoutError
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

        Raises UpstreamUnreachable, UpstreamTimeout, UpstreamInvalid (an encoding that does not decode) or
        UpstreamTooLarge. Cancelling the task cancels the request.
        """
        try:
            builder = self.pool.request(request.method, request.url)
            for name, value in request.headers:
                builder = builder.header(name, value, is_sensitive=True)
            if request.body is not None:
                builder = builder.body_bytes(request.body)
            async with builder.build_streamed() as response:
                body = await self._read(response)
                headers = tuple((name.lower(), value) for name, value in response.headers.items())
                return UpstreamResponse(response.status, headers, body)
        except (PyreqwestError, ValueError) as failure:
            # `from None`: the causes of these errors hold the URL, and with it a key sent in the query.
            raise _classify(failure, self.total_timeout) from None

    async def _read(self, response: Response) -> bytes:
        reader, limit = response.body_reader, self.max_response_bytes
        length = response.get_header("content-length")
        if length is not None and int(length) <= limit and response.get_header("content-encoding") is None:
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


def _classify(failure: Exception, total_timeout: float) -> UpstreamError:
    kind = type(failure).__name__
    if isinstance(failure, RequestTimeoutError):
        return UpstreamTimeout(
            "The upstream did not answer in time.",
            detail=f"{kind}; the total deadline is {total_timeout:g} s",
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
    return UpstreamInvalid("The request to the upstream could not be made.", detail=kind)
