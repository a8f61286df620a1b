"""Follows organizations with what a server or a command has open, and tells metrics and readiness how that stands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from fairlead.app.ports import address_of, bound, port
from fairlead.app.stopping import stop_once
from fairlead.app.syncing import Syncing, SyncOptions, open_syncing
from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.expose.connection import answering
from fairlead.expose.follower_port import follower_port
from fairlead.expose.inbound import inbound_policy
from fairlead.ingest.follow import follow
from fairlead.ingest.follower import Means
from fairlead.ingest.standing import Following, FollowState
from fairlead.ingest.unseen import Unseen
from fairlead.telemetry.archive_metrics import ArchiveMetrics, Standing

_LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowOptions:
    """What to follow, how often to look, in seconds, and on which port of this machine to tell of it; None: on none."""

    sync: SyncOptions
    every: float
    metrics_port: int | None = None


def following_of(syncing: Syncing, every: float) -> Following:
    """How following stands before it begins: for `follow_syncing`, and for whoever asks meanwhile."""
    return Following(syncing.way.clock, every)


async def follow_syncing(syncing: Syncing, following: Following, stop: asyncio.Event) -> None:
    """Follow the organizations of what is open until `stop` is set; its metrics and `following` say how that stands.

    Nothing that the upstream or the archive does ends it. When it is cancelled it ends in the same good order.
    """
    unseen, shown = Unseen(), ArchiveMetrics(syncing.metrics.series)
    syncing.metrics.before_reading(lambda: shown.show(map(_standing, following.states()), unseen.counts()))
    noting = replace(syncing, target=replace(syncing.target, prepare=unseen.noting(syncing.target.prepare)))
    means = Means(
        clock=syncing.way.clock,
        random=syncing.way.random,
        archive=syncing.target.archive,
        holder=syncing.target.holder,
        organizations=syncing.organizations,
        run=noting.read,
        sign=syncing.sign,
        hourly=lambda: syncing.way.allowance.hourly,
    )
    await follow(means, following, stop)


async def follow_until_signal(options: FollowOptions, announce: Callable[[str, str], None]) -> None:
    """Follow until SIGTERM or SIGINT; a second one ends the process at once.

    `announce` is told the archive, and where the metrics are, "" for nowhere.
    """
    async with open_syncing(options.sync) as syncing:
        following = following_of(syncing, options.every)
        async with _telling(options, syncing, following) as url:
            stop = stop_once()
            announce(syncing.target.archive.name, url)
            await follow_syncing(syncing, following, stop)


@asynccontextmanager
async def _telling(options: FollowOptions, syncing: Syncing, following: Following) -> AsyncIterator[str]:
    """The port that tells of the follower, if one is wanted; yields its address."""
    if options.metrics_port is None:
        yield ""
        return
    settings = options.sync.settings
    policy = inbound_policy(settings, _LOOPBACK, check=None, limit=None, answers={})
    answer = follower_port(syncing.metrics, lambda: following.stalled, policy)
    with bound(_LOOPBACK, options.metrics_port, "--metrics-port") as listener:
        async with port(answering(answer), listener, settings):
            yield address_of(listener, _LOOPBACK)


def _standing(state: FollowState) -> Standing:
    return Standing(
        organization=state.organization,
        events=state.events,
        gaps=state.gaps,
        last_gap_at=_seconds(state.last_gap_at),
        last_sync_at=_seconds(state.tail_read_at),
        retention=state.retention_seconds,
        headroom=state.headroom_seconds,
        failed=state.failed,
        stalled=state.stalled,
    )


def _seconds(nanos: int | None) -> float | None:
    return None if nanos is None else nanos / NANOS_PER_SECOND
