"""Follows organizations for ever, and ends in good order."""

from __future__ import annotations

import asyncio

from fairlead.errors import ConfigurationError
from fairlead.ingest.follow_records import public_text, record_failure
from fairlead.ingest.follower import Follower, Means, Usual, asked_wait
from fairlead.ingest.pace import back_off
from fairlead.ingest.signing import Signer
from fairlead.ingest.standing import Following
from fairlead.telemetry.records import record
from fairlead.upstream.clock import Clock

_LOOKS = 30.0
"""Seconds between two looks at whether anything is stalled."""


async def follow(means: Means, following: Following, stop: asyncio.Event) -> None:
    """Keep every organization's events up to date until `stop` is set, and say in `following` how that stands.

    Then the transaction at hand is finished, leases are given back and the log is signed. No failure of the upstream
    or the archive ends it.
    """
    signer = Signer(means.sign, means.clock.now)
    try:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(_follow_all(means, following, signer))
            await stop.wait()
            work.cancel()
    finally:
        await signer.sign(now=True)


async def _follow_all(means: Means, following: Following, signer: Signer) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(_watch(means.clock, following))
        organizations = await _listed(means, following)
        usual = Usual(len(organizations))
        for organization in organizations:
            group.create_task(Follower(means, following, signer, usual, organization).go())


async def _listed(means: Means, following: Following) -> tuple[str, ...]:
    """Whom to follow, asked for until it is known."""
    failures = 0
    while True:
        try:
            organizations = await means.organizations()
            if not organizations:
                raise ConfigurationError("The key may see no organization.", remedy="Use one that may.")
        except Exception as failure:  # noqa: BLE001 - the follow loop goes on whatever happens
            failures += 1
            following.failure = public_text(failure)
            seconds = back_off(following.every, failures, asked_wait(failure), means.random())
            record_failure("organizations not listed", failure, again_in=round(seconds))
            await means.clock.sleep(seconds)
        else:
            following.failure = ""
            for organization in organizations:
                following.course(organization)
            return organizations


async def _watch(clock: Clock, following: Following) -> None:
    """Tell when an organization stalls and when it goes on: a run that hangs cannot tell it itself."""
    told: set[str] = set()
    while True:
        await clock.sleep(_LOOKS)
        for state in following.states():
            if state.stalled and state.organization not in told:
                told.add(state.organization)
                record("archive stalled", organization=state.organization, reason=state.failure)
            elif not state.stalled and state.organization in told:
                told.remove(state.organization)
                record("archive goes on", level="info", organization=state.organization)
