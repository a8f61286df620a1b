"""Makes an archive of so many made-up events, as fast as its one writer takes them."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fairlead.archive.contract import MICROS_PER_SECOND, NANOS_PER_MICRO
from fairlead.archive.model import Batch, Prepared
from fairlead.archive.preparation import Incoming, preparation
from fairlead.archive.redaction import redact
from fairlead.archive.sqlite.archive import SqliteArchive
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, SandboxOptions
from fairlead.sandbox.rendering import event_at, look
from fairlead.sandbox.world import instant_at, world

ORGANIZATION = DEMO_ORGANIZATION_ID
BATCH = 1_000
_NOW = 1_793_491_200 * MICROS_PER_SECOND  # 1 November 2026: the same events whenever they are made
_KEY = bytes(32)
HOLDER = "bench"
_AHEAD = 8
_TOLD = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """How an archive came to be: its events, its writer's seconds, those of a core, and those of its slowest batch."""

    events: int
    seconds: float
    cpu: float
    slowest: float


def build(archive: SqliteArchive, events: int, say: Callable[[str], None]) -> Built:
    """Keep the first so many events of a history, oldest first, in batches of 1,000; redacted, as sync keeps them."""
    archive.take_lease(ORGANIZATION, HOLDER, 0, 1 << 62)
    spent = cpu = slowest = 0.0
    kept = 0
    for events_of_batch in _prepared(events):
        batch = Batch(
            organization=ORGANIZATION,
            holder=HOLDER,
            fetched_at=_NOW * NANOS_PER_MICRO,
            events=tuple(events_of_batch),
        )
        begun, worked = time.monotonic(), time.thread_time()
        archive.keep(batch)
        took = time.monotonic() - begun
        spent, cpu, slowest = spent + took, cpu + time.thread_time() - worked, max(slowest, took)
        kept += len(batch.events)
        if kept % _TOLD == 0:
            say(f"{kept:,} events kept, {kept / spent:,.0f} a second, {cpu / kept * 1e6:.0f} µs of a core each")
    return Built(events=kept, seconds=spent, cpu=cpu, slowest=slowest)


def _prepared(events: int) -> Iterator[list[Prepared]]:
    """The batches, made by other processes a little ahead of who asks for them."""
    starts = [(events, start, min(start + BATCH, events)) for start in range(0, events, BATCH)]
    workers = max(1, (os.cpu_count() or 2) - 1)
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        waiting = []
        for part in starts:
            waiting.append(pool.apply_async(_batch, part))
            if len(waiting) >= workers * _AHEAD:
                yield waiting.pop(0).get()
        for each in waiting:
            yield each.get()


def _batch(events: int, start: int, end: int) -> list[Prepared]:
    history, style = world(1, events, _NOW), look(SandboxOptions())
    prepare = preparation(_KEY, lambda raw, event: redact(raw, event, _KEY))
    return [
        prepare(Incoming(event_at(history, k, style), instant_at(history, k) * NANOS_PER_MICRO))
        for k in range(start, end)
    ]
