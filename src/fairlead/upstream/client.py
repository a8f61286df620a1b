"""The HTTP client: one pool for all upstreams, every wait and every size bounded, every failure classified."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ry import Client, Duration, Headers, Proxy, ReqwestError, Response

from fairlead.errors import (
    ConfigurationError,
    UpstreamError,
    UpstreamInvalid,
    UpstreamTimeout,
    UpstreamTooLarge,
    UpstreamUnreachable,
)
from fairlead.settings import Settings
from fairlead.upstream.request import UpstreamRequest, UpstreamResponse

if TYPE_CHECKING:
    from ry.ryo3._reqwest import RequestKwargs

USER_AGENT = "fairlead"
# Most answers come in one step; longer ones in few, and none exceeds its bound by more than one.
_STEP = 64 * 1024
# The text holds the URL as well, but a quotation mark is never literal in one.
_NO_HTTP = '", source: hyper_util::client::legacy::Error(SendRequest, hyper::Error(Parse('
_KINDS = ("builder", "connect", "request", "body", "decode", "timeout")


@dataclass(frozen=True, slots=True)
class UpstreamClient:
    """Sends requests; made by `open_client`, safe to share between tasks."""

    pool: Client
    max_response_bytes: int
    total_timeout: float

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """The upstream's answer, whatever its status.

        Raises UpstreamUnreachable, UpstreamTimeout, UpstreamInvalid (the answer broke off, or does not decode),
        UpstreamTooLarge, or a plain UpstreamError when nothing could be sent. Cancelling the task closes the
        connection, so that the upstream sees that nobody waits.
        """
        try:
            options: RequestKwargs = {"headers": _sent(request.headers)}
            if request.body is not None:
                options["body"] = request.body
            if request.timeout is not None:
                options["timeout"] = Duration.from_secs_f64(request.timeout)
            response = await self.pool.fetch(request.url, method=request.method, **options)  # type: ignore[arg-type]
            return UpstreamResponse(response.status, _received(response.headers), await self._read(response))
        # ValueError, TypeError: an address or a header that cannot be sent.
        except (ReqwestError, ValueError, TypeError) as failure:
            # `from None`: the texts of these errors hold the URL, and with it a key sent in the query.
            raise _classify(failure, request.timeout or self.total_timeout) from None

    async def fetch(self, address: str) -> bytes:
        """The body of a plain GET, without any credential; raises UpstreamInvalid for every status but 200."""
        response = await self.send(UpstreamRequest("GET", address, ()))
        if response.status != 200:
            raise UpstreamInvalid(f"The answer was {response.status}, not 200.")
        return response.body

    async def _read(self, response: Response) -> bytes:
        parts, size, limit = [], 0, self.max_response_bytes
        # The stream has no name: a traceback that somebody keeps would hold its connection open.
        async for part in response.stream(_STEP):
            size += len(part)
            if size > limit:
                raise UpstreamTooLarge(
                    f"The upstream's answer is larger than {limit:,} bytes.",
                    remedy="Narrow the call, or raise FAIRLEAD_MAX_RESPONSE_BYTES.",
                )
            parts.append(part)
            if len(part) < _STEP:
                break  # A short part is the last.
        return b"".join(parts)


@asynccontextmanager
async def open_client(settings: Settings) -> AsyncIterator[UpstreamClient]:
    """A client with the deadlines and bounds of the settings; its connections close when nobody holds it any more.

    Certificates are checked against the system's authorities, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`;
    raises ConfigurationError when there are none.
    """
    # A proxy of ours, which is used for no address, keeps those of the environment away.
    nowhere = Proxy.all("http://127.0.0.1:9", no_proxy="*,0.0.0.0/0,::/0")
    try:
        pool = Client(
            user_agent=USER_AGENT,
            connect_timeout=Duration.from_secs_f64(settings.connect_timeout),
            read_timeout=Duration.from_secs_f64(settings.read_timeout),
            timeout=Duration.from_secs_f64(settings.total_timeout),
            pool_idle_timeout=Duration.from_secs_f64(30),
            # A redirect would carry the credential to a place the document does not name.
            redirect=None,
            referer=False,
            # Names mean what they mean to the rest of the system: /etc/hosts, a cluster's own names.
            hickory_dns=False,
            proxy=None if settings.use_environment_proxy else nowhere,
        )
    except ReqwestError as failure:
        raise ConfigurationError(
            "No certificate authorities were found, so that no upstream can be trusted.",
            detail=_kinds(failure),
            remedy="Install ca-certificates, or name their file in SSL_CERT_FILE.",
        ) from None
    yield UpstreamClient(pool, settings.max_response_bytes, settings.total_timeout)


def _sent(headers: tuple[tuple[str, str], ...]) -> dict[str, str] | Headers:
    """The headers as the client takes them; of a name that is repeated, a dict would keep the last value only."""
    single = {name.lower(): value for name, value in headers}
    if len(single) == len(headers):
        return single
    repeated = Headers()
    for name, value in headers:
        repeated.append(name, value)
    return repeated


def _received(headers: Headers) -> tuple[tuple[str, str], ...]:
    """The headers, in lower case as the client keeps them; values with bytes beyond ASCII are left out."""
    found = headers.to_dict()
    for value in found.values():
        if value.__class__ is not str:  # several values, or bytes
            break
    else:
        return tuple(found.items())  # type: ignore[arg-type]
    pairs = [(name, [value] if isinstance(value, str | bytes) else value) for name, value in found.items()]
    return tuple((name, value) for name, values in pairs for value in values if isinstance(value, str))


def _kinds(failure: Exception) -> str:
    """What may be told of a failure: its text would show the URL."""
    if not isinstance(failure, ReqwestError):
        return type(failure).__name__
    return ", ".join(kind for kind in _KINDS if getattr(failure, f"is_{kind}")())


def _is_no_http(failure: ReqwestError) -> bool:
    """Whether something answered that is no HTTP; only the text tells."""
    return _NO_HTTP in str(failure)


def _classify(failure: Exception, deadline: float) -> UpstreamError:
    kinds = _kinds(failure)
    if not isinstance(failure, ReqwestError) or failure.is_builder():
        # Nobody but us is at fault: nothing was sent, so it must not count against the upstream.
        return UpstreamError("The request to the upstream could not be made.", detail=kinds)
    if failure.is_timeout():
        return UpstreamTimeout(
            "The upstream did not answer in time.",
            detail=f"{kinds}; the deadline was {deadline:g} s",
            remedy="Try again, or narrow the call.",
        )
    if failure.is_body() or failure.is_decode() or _is_no_http(failure):
        return UpstreamInvalid(
            "The upstream's answer broke off, or its encoding is broken.", detail=kinds, remedy="Try again."
        )
    return UpstreamUnreachable(
        "The upstream cannot be reached, or closed the connection without an answer.",
        detail=kinds,
        remedy="Check its address and the network.",
    )
