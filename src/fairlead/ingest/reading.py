"""Reads the API for as long as it takes: within its share of the budget, again after failures, in pages that fit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from fairlead.archive.contract import PAGE_SIZE_MAXIMUM
from fairlead.engine.execute import Result, Runnable
from fairlead.errors import FairleadError, UpstreamRejected, UpstreamTooLarge
from fairlead.ingest.allowance import Allowance
from fairlead.ingest.api import ApiPage, Ask, OrganizationFacts, page_reader, read_organization
from fairlead.ingest.patience import wait_before
from fairlead.upstream.clock import Clock

Answer = TypeVar("Answer")
Waiting = Callable[[float, str], None]

BUDGET = "the hourly budget"
"""The reason of a wait that is nobody's failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How the API is reached, and by which clock; `allowance` is shared by all that read with the same token."""

    ready: Runnable
    clock: Clock
    random: Callable[[], float]
    allowance: Allowance
    page_size: int = PAGE_SIZE_MAXIMUM


@dataclass(slots=True)
class Reader:
    """Reads one organization; `waiting` is told of every wait, in seconds, and its reason."""

    way: Way
    organization: str
    waiting: Waiting
    requests: int = 0
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = self.way.page_size

    async def page(self, ask: Ask) -> ApiPage:
        """A page; one that is too large to be read is asked for in half the size, from then on."""
        read = page_reader(self.way.ready, self.organization, self._hear, self.way.clock.wall)
        while True:
            fitting = ask._replace(size=min(ask.size, self.size))
            try:
                return await self._patiently(read, fitting)
            except UpstreamTooLarge:
                if fitting.size == 1:
                    raise
                self.size = fitting.size // 2

    async def facts(self) -> OrganizationFacts:
        """What the API says of the organization; nothing of it is a reason to stop."""
        try:
            return await self._patiently(
                lambda name: read_organization(self.way.ready, name, self._hear), self.organization
            )
        except UpstreamRejected:
            return OrganizationFacts(None, None)

    async def _patiently(self, ask: Callable[..., Awaitable[Answer]], argument: object) -> Answer:
        attempt = 0
        while True:
            await self._wait(self.way.allowance.pause(self.way.clock.wall()), BUDGET)
            self.way.allowance.asked(self.way.clock.wall())
            self.requests += 1
            attempt += 1
            try:
                return await ask(argument)
            except FairleadError as failure:
                if isinstance(failure, UpstreamRejected):
                    self.way.allowance.hear(failure.headers, self.way.clock.wall())
                pause = wait_before(attempt, failure, self.way.clock.wall(), self.way.random())
                if pause is None:
                    raise
                await self._wait(pause, failure.public)

    async def _wait(self, seconds: float, reason: str) -> None:
        if seconds > 0:
            self.waiting(seconds, reason)
            await self.way.clock.sleep(seconds)
            self.waiting(0.0, "")

    def _hear(self, result: Result) -> None:
        self.way.allowance.hear(result.headers, self.way.clock.wall())
