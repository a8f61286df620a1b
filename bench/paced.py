"""Loads a peer at a fixed rate, which wrk cannot: each call has its moment, and its latency counts from there.

A call that has to wait because every connection is busy is late, not left out, so a stall is seen by all the calls it
delays.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bench.load import CONNECTIONS, Sample, Series
from bench.peers import Peer, request
from bench.place import Effort
from bench.processes import CannotMeasure
from bench.upstream import DIFFERING

_STALLED = 10.0
_FIRST = 10 ** (len(DIFFERING) - 1)


@dataclass(slots=True)
class _Call:
    due: float
    received: bytearray = field(default_factory=bytearray)


@dataclass(slots=True)
class _Seen:
    latencies: list[float] = field(default_factory=list)
    failures: int = 0


def at_rate(peer: Peer, *, rate: float, effort: Effort) -> Series:
    """The peer at so many calls a second, spread evenly, once for each round."""
    return Series(tuple(_run(peer, rate, effort.seconds) for _ in range(effort.rounds)))


def _run(peer: Peer, rate: float, seconds: int) -> Sample:
    head, _, tail = request(peer).partition(DIFFERING.encode())
    place = urlsplit(peer.url)
    busy: dict[socket.socket, _Call] = {}
    seen, sent, total = _Seen(), 0, int(rate * seconds)
    with ExitStack() as stack:
        address = (place.hostname or "", place.port or 80)
        idle = [stack.enter_context(socket.create_connection(address, timeout=_STALLED)) for _ in range(CONNECTIONS)]
        start = time.perf_counter()
        while len(seen.latencies) < total:
            due = start + sent / rate
            wait = due - time.perf_counter() if idle and sent < total else _STALLED
            if wait > 0:
                _receive(peer, busy, idle, seen, wait)
                continue
            connection = idle.pop()
            connection.sendall(b"%b%d%b" % (head, _FIRST + sent, tail))
            busy[connection] = _Call(due)
            sent += 1
        took = time.perf_counter() - start
    p50, p99 = percentiles(seen.latencies)
    return Sample(per_second=total / took, p50=p50 * 1e3, p99=p99 * 1e3, failures=seen.failures)


def _receive(peer: Peer, busy: dict[socket.socket, _Call], idle: list[socket.socket], seen: _Seen, wait: float) -> None:
    """Read what has come, for at most `wait` seconds; raises CannotMeasure when nothing comes any more."""
    readable, _, _ = select.select(list(busy), [], [], wait)
    if not readable and wait == _STALLED:
        raise CannotMeasure(f"{peer.name} stopped answering.")
    for connection in readable:
        call = busy[connection]
        chunk = connection.recv(65_536)
        if not chunk:
            raise CannotMeasure(f"{peer.name} closed a connection.")
        call.received += chunk
        if is_whole(call.received):
            seen.latencies.append(time.perf_counter() - call.due)
            seen.failures += not call.received.startswith(b"HTTP/1.1 200")
            idle.append(connection)
            del busy[connection]


def is_whole(received: bytes | bytearray) -> bool:
    """Whether this is an answer with all of its body; its length has to be declared."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return False
    _, _, declared = bytes(received[:end]).lower().partition(b"content-length:")
    return len(received) >= end + 4 + int(declared.partition(b"\r\n")[0])


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 99th percentile: a value that occurred, not one between two."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2], ordered[(99 * len(ordered) + 99) // 100 - 1]
