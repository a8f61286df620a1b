"""Hands events to syslog: over TCP and TLS with counted octets, over UDP one datagram each."""

from __future__ import annotations

import asyncio
import fcntl
import re
import socket
import ssl
import struct
import termios
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from fairlead.archive.events import read_event
from fairlead.archive.forms.syslog import Sender, datagram, framed, message
from fairlead.errors import ConfigurationError
from fairlead.forward.batches import Batch, Deliver
from fairlead.forward.outcomes import Outcome, Verdict

Transport = Literal["tcp", "udp", "tls"]

_ADDRESS = re.compile(r"(?:\[(?P<six>[0-9a-fA-F:.%]+)\]|(?P<host>[^\s:/\[\]]+)):(?P<port>[0-9]{1,5})")
# What a machine holds of a connection for a program that does not read: 6 MiB on Linux, unless it was tuned.
_MOST_HELD = 8 * 1024 * 1024
_FAREWELLS, _FAREWELL = 3, 5.0
_LEAST_LOOK, _MOST_LOOK = 0.0005, 0.02


class Address(NamedTuple):
    """A host and a port."""

    host: str
    port: int


def syslog_address(text: str) -> Address:
    """`HOST:PORT`, an IPv6 address in brackets; raises ConfigurationError for anything else."""
    match = _ADDRESS.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65_536:
        raise ConfigurationError(
            f"`{text[:60]}` is no address of a syslog receiver.", remedy="Write HOST:PORT, such as `127.0.0.1:601`."
        )
    return Address(match["six"] or match["host"], int(match["port"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """How to reach a receiver, what messages say of their sender, and how many seconds a batch may take.

    `certificates` are the authorities to trust in the place of the system's; `datagram` is the most bytes of one.
    """

    address: Address
    transport: Transport
    sender: Sender
    timeout: float
    datagram: int = 2_048
    certificates: str = ""
    own_certificate: str = ""


@asynccontextmanager
async def open_syslog(line: Line) -> AsyncIterator[Deliver]:
    """How batches are handed over; connections are made when they are needed, and made again when they are lost."""
    if line.transport == "udp":
        datagrams = _Datagrams(line)
        try:
            yield datagrams.deliver
        finally:
            datagrams.close()
        return
    stream = _Stream(line, _trust(line) if line.transport == "tls" else None)
    try:
        yield stream.deliver
        await stream.settle()
    finally:
        await stream.close()


def _trust(line: Line) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=line.certificates or None)
        if line.own_certificate:
            context.load_cert_chain(line.own_certificate)
    except (OSError, ssl.SSLError) as failure:
        raise ConfigurationError(
            "A certificate cannot be used.", detail=str(failure), remedy="Name a file of PEM certificates."
        ) from failure
    return context


class _Stream:
    """A connection over TCP or TLS; only one batch is under way.

    A receiver's machine that closes a connection with bytes in it that the receiver did not read resets it. As much as
    it may have held is sent again over the next connection; after an orderly end nothing has to be.
    """

    def __init__(self, line: Line, trust: ssl.SSLContext | None) -> None:
        self._line = line
        self._trust = trust
        self._held: deque[bytes] = deque()
        self._ends: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def deliver(self, batch: Batch) -> Outcome:
        """Done once the receiver's machine has every byte, which is all that syslog can tell."""
        sender = replace(self._line.sender, organization_id=batch.organization)
        text = b"".join(framed(message(each.raw, read_event(each.raw), sender)) for each in batch.events)
        try:
            async with asyncio.timeout(self._line.timeout):
                with _lost():
                    await self._hand_over(text)
        except ssl.SSLCertVerificationError as failure:
            await self.close()
            return Outcome(Verdict.DENIED, f"its certificate is not trusted: {failure.verify_message}")
        except TimeoutError:
            await self.close()
            return Outcome(Verdict.AWAY, "it did not take the events in time")
        except OSError as failure:
            await self.close()
            return Outcome(Verdict.AWAY, f"it cannot be reached, or closed the connection: {_named(failure)}")
        self._held.append(text)
        while sum(map(len, self._held)) - len(self._held[0]) >= _MOST_HELD:
            self._held.popleft()
        return Outcome(Verdict.DELIVERED)

    async def _hand_over(self, text: bytes) -> None:
        reader, writer = await self._connected()
        writer.write(text)
        await writer.drain()
        await _acknowledged(writer)
        if await self._has_ended(reader):
            raise ConnectionAbortedError

    async def settle(self) -> None:
        """Say that nothing more comes, and wait until all of it is read; what a reset lost is sent once more."""
        for _ in range(_FAREWELLS):
            if not self._held:
                break
            try:
                async with asyncio.timeout(min(self._line.timeout, _FAREWELL)):
                    with _lost():
                        await self._read_to_the_end()
                break
            except TimeoutError:
                break
            except OSError:
                await self.close()

    async def _read_to_the_end(self) -> None:
        reader, writer = await self._connected()
        await writer.drain()
        if writer.can_write_eof():  # not over TLS
            writer.write_eof()
            while await reader.read(65_536):
                pass

    async def close(self) -> None:
        """End the connection."""
        ends, self._ends = self._ends, None
        if ends is None:
            return
        ends[1].close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await ends[1].wait_closed()

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._ends is not None and await self._has_ended(self._ends[0]):
            await self.close()
        if self._ends is None:
            host, port = self._line.address
            self._ends = await asyncio.open_connection(host, port, ssl=self._trust)
            # `drain` is to wait until nothing is held back here.
            self._ends[1].transport.set_write_buffer_limits(0)
            self._ends[1].writelines(self._held)
        return self._ends

    async def _has_ended(self, reader: asyncio.StreamReader) -> bool:
        """Whether the receiver closed in good order; what it says is thrown away, because syslog has no answers."""
        try:
            async with asyncio.timeout(0):
                while await reader.read(65_536):
                    pass
        except TimeoutError:
            return False
        self._held.clear()
        return True


@contextmanager
def _lost() -> Iterator[None]:
    """Tell what uvloop says of a connection that was reset meanwhile as the lost connection that it is."""
    try:
        yield
    except RuntimeError as failure:
        raise ConnectionAbortedError from failure


async def _acknowledged(writer: asyncio.StreamWriter) -> None:
    """Wait until the other machine has every byte: what is on its way is lost with a connection."""
    number = writer.get_extra_info("socket").fileno()
    wait = _LEAST_LOOK
    while _under_way(number) > 0:
        await asyncio.sleep(wait)
        wait = min(_MOST_LOOK, wait * 2)


def _under_way(number: int) -> int:
    """The bytes that a socket has sent and nobody acknowledged; 0 where the system does not tell."""
    try:
        found: int = struct.unpack("i", fcntl.ioctl(number, termios.TIOCOUTQ, b"\0" * 4))[0]
    except OSError:
        return 0
    return found


class _Datagrams(asyncio.DatagramProtocol):
    """Datagrams to one receiver, of which nobody says what became of them."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._transport: asyncio.DatagramTransport | None = None
        self._failure: OSError | None = None

    async def deliver(self, batch: Batch) -> Outcome:
        """Done once the datagrams are sent, and no machine on the way said at once that it was in vain."""
        sender = replace(self._line.sender, organization_id=batch.organization)
        try:
            transport = await self._opened()
            for each in batch.events:
                transport.sendto(datagram(each.raw, read_event(each.raw), sender, self._line.datagram))
            await asyncio.sleep(0)
        except OSError as failure:
            self._failure = failure
        found, self._failure = self._failure, None
        if found is None:
            return Outcome(Verdict.DELIVERED)
        self.close()
        return Outcome(Verdict.AWAY, f"a datagram cannot be sent to it: {_named(found)}")

    def error_received(self, exc: Exception) -> None:
        """A machine on the way refused a datagram."""
        self._failure = exc if isinstance(exc, OSError) else OSError(str(exc))

    def close(self) -> None:
        """Give the socket back."""
        if self._transport is not None:
            self._transport.close()
        self._transport = None

    async def _opened(self) -> asyncio.DatagramTransport:
        if self._transport is None:
            loop = asyncio.get_running_loop()
            self._transport, _ = await loop.create_datagram_endpoint(lambda: self, remote_addr=self._line.address)
        return self._transport


def _named(failure: OSError) -> str:
    if isinstance(failure, socket.gaierror):
        return "its name is not known"
    return failure.strerror or type(failure).__name__
