"""Opens what a run of `fairlead events sync` needs, and runs it for one organization after the other."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from fairlead.app.equipment import open_equipment
from fairlead.app.options import ServeOptions
from fairlead.archive.coverage import Slices, joined
from fairlead.archive.factory import open_archive
from fairlead.archive.keys import ArchiveKey
from fairlead.archive.place import Place, key_of, own_place, place_of
from fairlead.archive.preparation import Redact, preparation
from fairlead.archive.redaction import redact
from fairlead.archive.store import Archive
from fairlead.engine.execute import Runnable
from fairlead.errors import FairleadError, UpstreamRejected
from fairlead.ingest.allowance import Allowance
from fairlead.ingest.api import list_organizations
from fairlead.ingest.attesting import Attester, attest
from fairlead.ingest.progress import Progress, Report, Summary
from fairlead.ingest.reading import Way
from fairlead.ingest.sync import Target, Wish, sync
from fairlead.ingest.writing import written
from fairlead.plan.model import Operation, Plan
from fairlead.sandbox.options import archived_sandbox
from fairlead.settings import Settings
from fairlead.telemetry.registry import Metrics
from fairlead.upstream.clock import Clock

_OPERATION = "getorganizationevents"


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """Which organizations to sync into which archive (none named: all the key may see), from where, and how much.

    `place` stands before the archive's name.

    `sandbox_url` is where the sandbox is, if it runs already.
    """

    plans: tuple[Plan, ...]
    settings: Settings
    archive: str = ""
    place: Place | None = None
    organizations: tuple[str, ...] = ()
    sandbox: bool = False
    sandbox_url: str | None = None
    upstream: str | None = None
    since: int | None = None
    deep: bool = False
    budget: float = 0.5
    keep_secrets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a run brought about, organization by organization, and where it is."""

    archive: str
    summaries: tuple[Summary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Syncing:
    """What is open while organizations are synced: the way to the upstream, the archive, who signs, who counts.

    `named` are the organizations that were asked for; none stands for all that the key may see. `seen` is the time
    that was read, by organization: what is signed for says so.
    """

    way: Way
    target: Target
    attester: Attester
    named: tuple[str, ...]
    metrics: Metrics = field(repr=False)
    seen: dict[str, Slices] = field(default_factory=dict, repr=False)

    async def organizations(self) -> tuple[str, ...]:
        """Whose events are wanted; raises UpstreamError when it has to be asked and cannot."""
        if self.named:
            return self.named
        try:
            return await list_organizations(self.way.ready)
        except UpstreamRejected as refusal:
            # A key that may see the events of one organization need not be able to list any.
            refusal.remedy = f"{refusal.remedy} Or the key may not list organizations: then name yours."
            raise

    async def run(self, wish: Wish, report: Report) -> Summary:
        """Sync one organization, and sign what the log has become; that this failed is told by the summary."""
        try:
            summary = await self.read(wish, report)
        except BaseException:
            # What a run that failed has kept is signed as well; why it failed is what is told.
            with contextlib.suppress(FairleadError):
                await self.sign()
            raise
        try:
            await self.sign()
        except FairleadError as failure:
            return replace(summary, unsigned=failure)
        return summary

    async def read(self, wish: Wish, report: Report) -> Summary:
        """Sync one organization, and leave what the log has become unsigned."""

        def noting(progress: Progress) -> None:
            before = self.seen.get(progress.organization, ())
            self.seen[progress.organization] = joined((*before, *progress.covered))
            report(progress)

        return await sync(self.way, self.target, wish, noting)

    async def sign(self) -> None:
        """Sign what the log has become; raises ConfigurationError when nothing can be put outside of the archive."""
        wall, holder, seen = self.way.clock.wall(), self.target.holder, dict(self.seen)
        await written(lambda: attest(self.attester, self.target.archive, wall, holder, seen))


async def sync_all(options: SyncOptions, report: Report) -> Outcome:
    """Sync every organization once; raises what the first failing one raises."""
    async with open_syncing(options) as syncing:
        summaries = []
        for organization in await syncing.organizations():
            wish = Wish(organization=organization, since=options.since, deep=options.deep)
            summaries.append(await syncing.run(wish, report))
        return Outcome(archive=syncing.target.archive.name, summaries=tuple(summaries))


@asynccontextmanager
async def open_syncing(options: SyncOptions) -> AsyncIterator[Syncing]:
    """Everything that syncing needs; closed on exit."""
    place = options.place or _place(options)
    archive = open_archive(place)
    try:
        key = await asyncio.to_thread(key_of, place, archive)
        async with open_equipment(_served(options)) as equipment:
            ready = _events_operation(equipment.ready(options.plans))
            yield Syncing(
                way=way_of(ready, Allowance(options.budget)),
                target=target_of(archive, key, keep_secrets=options.keep_secrets),
                attester=Attester(key=key, folder=place.checkpoints),
                named=tuple(name.lower() for name in options.organizations),
                metrics=equipment.instruments.metrics,
            )
    finally:
        await asyncio.to_thread(archive.close)


def _place(options: SyncOptions) -> Place:
    if options.archive:
        return place_of(options.archive, options.settings)
    return own_place(options.settings, sandbox=options.sandbox)


def way_of(ready: Runnable, allowance: Allowance) -> Way:
    """The way to the upstream, by this process's clock."""
    clock = Clock(now=time.monotonic, wall=time.time, sleep=asyncio.sleep)
    return Way(ready=ready, clock=clock, random=random.random, allowance=allowance)


def target_of(archive: Archive, key: ArchiveKey, *, keep_secrets: bool) -> Target:
    """The archive as events go into it: without their secrets, unless these are to be kept."""
    hide: Redact | None = None if keep_secrets else lambda raw, event: redact(raw, event, key.tag_key)
    holder = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    return Target(archive=archive, prepare=preparation(key.tag_key, hide), holder=holder)


def _served(options: SyncOptions) -> ServeOptions:
    """The operations as syncing calls them: never from a cache, and repeated only where requests are counted."""
    return ServeOptions(
        plans=options.plans,
        settings=replace(options.settings, cache_ttl=0.0, retries=0),
        upstream=options.upstream,
        sandbox=archived_sandbox() if options.sandbox else None,
        sandbox_url=options.sandbox_url,
    )


def _events_operation(runnables: Mapping[Operation, Runnable]) -> Runnable:
    return next(ready for operation, ready in runnables.items() if operation.name.lower() == _OPERATION)
