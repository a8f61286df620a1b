"""Reads the documents and the token file again while requests are served, and shows what became of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from fairlead.app.checks import named_tokens
from fairlead.app.options import ServeOptions
from fairlead.app.stage import Stage
from fairlead.app.surface import Surface
from fairlead.app.watch import INTERVAL, Watch
from fairlead.errors import MOST_FAULTS, FairleadError
from fairlead.expose.records import record_fault
from fairlead.plan.findings import LEFT_OUT
from fairlead.plan.model import Plan
from fairlead.spec.diagnostics import Diagnostic, DocumentInvalid, Severity
from fairlead.telemetry.records import record
from fairlead.telemetry.registry import Metrics

# Makes the surface of plans, with the tokens of named callers; raises ConfigurationError for what is missing.
MakeSurface: TypeAlias = Callable[[Sequence[Plan], Mapping[bytes, str]], Awaitable[Surface]]


class Reloading:
    """One reload after the other, as often as it is asked for; what cannot be used leaves everything as it was."""

    def __init__(
        self, options: ServeOptions, stage: Stage, make: MakeSurface, named: Mapping[bytes, str], metrics: Metrics
    ) -> None:
        self._options = options
        self._stage = stage
        self._make = make
        self._named = named
        self._metrics = metrics
        self._asked = asyncio.Event()

    def ask(self) -> None:
        """Want a reload: now, or another one after that which runs."""
        self._asked.set()

    async def run(self) -> None:
        """Reload when asked to, until it is cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            done = [await self._renew_tokens(), await self._renew_plans()]
            self._metrics.reloaded("success" if all(done) else "failure", time.time())

    async def follow(self, watch: Watch) -> None:
        """Ask for a reload when files changed, until it is cancelled."""
        while True:
            await asyncio.sleep(INTERVAL)
            if await asyncio.to_thread(watch.changed):
                self.ask()

    async def _renew_tokens(self) -> bool:
        try:
            self._named = await asyncio.to_thread(named_tokens, self._options.settings)
        except FairleadError as failure:
            record("tokens not reloaded", worker=self._options.worker, reason=str(failure))
            return False
        self._stage.surface.tokens.replace(self._named)
        return True

    async def _renew_plans(self) -> bool:
        worker, before = self._options.worker, self._stage.surface.plans
        if self._options.compile is None:
            return True
        try:
            plans = await asyncio.to_thread(self._options.compile)
            await self._stage.show(await self._make(plans, self._named))
        except DocumentInvalid as refused:
            if worker == 0:  # the others read the same
                _tell(refused.diagnostics)
            record("documents not reloaded", worker=worker, reason="errors")
        except FairleadError as failure:
            record("documents not reloaded", worker=worker, reason=str(failure))
        except Exception as fault:  # noqa: BLE001 - whatever a document sets off, the plans from before go on
            record_fault("reload", "documents", fault)
            record("documents not reloaded", worker=worker, reason="fault")
        else:
            record("documents reloaded", worker=worker)
            _tell_ports(before[0], plans[0])
            return True
        return False


def _tell(diagnostics: Sequence[Diagnostic]) -> None:
    """Record the first errors and what they may come from: operations that cannot be served."""
    told = [found for found in diagnostics if found.severity is Severity.ERROR or found.code in LEFT_OUT]
    told = told or list(diagnostics)
    for found in told[:MOST_FAULTS]:
        record("document refused", at=str(found.position), code=found.code, message=found.message)
    if len(told) > MOST_FAULTS:
        record("document refused", more=len(told) - MOST_FAULTS)


def _tell_ports(before: Plan, now: Plan) -> None:
    """Record that a port in the document is another one: it takes a restart."""
    for adapter, old, new in (("rest", before.rest_port, now.rest_port), ("mcp", before.mcp_port, now.mcp_port)):
        if old != new:
            record("port not changed", adapter=adapter, document=new, remedy="restart")
