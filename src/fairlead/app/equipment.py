"""What stands behind the surfaces of a process and outlives a reload: the client, the calls' limits, telemetry."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from fairlead.app.bound_keys import bound_secrets
from fairlead.app.options import VERSION, ServeOptions
from fairlead.app.ports import SandboxServing, sandbox_serving
from fairlead.app.upstreams import demo_secrets, operations_of
from fairlead.archive.contract import BASE_URI, TRAIL_URI
from fairlead.archive.factory import open_archive
from fairlead.archive.store import Archive
from fairlead.engine.execute import Runnable
from fairlead.errors import ConfigurationError
from fairlead.expose.doors import Outside
from fairlead.expose.rates import CallRates
from fairlead.plan.model import Operation, Plan, Upstream
from fairlead.settings import Settings
from fairlead.telemetry.instruments import Instruments
from fairlead.telemetry.registry import open_metrics
from fairlead.telemetry.requests import request_ids
from fairlead.telemetry.tracing import configure_tracing, traced_call
from fairlead.trail.answering import trail_call
from fairlead.trail.events import EVENTS_PATH, events_asked
from fairlead.trail.first import Read, archive_first
from fairlead.trail.targets import TARGETS_PATH, targets_asked
from fairlead.upstream.auth import Credential
from fairlead.upstream.calls import UpstreamCalls, upstream_calls
from fairlead.upstream.client import UpstreamClient, open_client
from fairlead.upstream.clock import Clock
from fairlead.upstream.request import Call
from fairlead.upstream.traced import traced, within_span

# The operations of the upstream that an archive answers as well.
_FROM_ARCHIVE: Mapping[str, Read] = {EVENTS_PATH: events_asked, TARGETS_PATH: targets_asked}


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """The settings, the way to the upstreams, what is remembered of callers, and the instruments.

    `upstream` replaces the addresses of the documents. Breakers, budgets and limits belong to an address and a
    credential, so a reload that leaves these alone leaves them alone as well.
    """

    settings: Settings
    client: UpstreamClient
    outside: Outside
    instruments: Instruments
    sandbox: SandboxServing | None
    sandbox_url: str | None
    upstream: str | None
    archive: Archive | None = None
    _calls: dict[tuple[str, str, Credential], UpstreamCalls] = field(default_factory=dict, repr=False)

    def ready(self, plans: Sequence[Plan]) -> dict[Operation, Runnable]:
        """The operations of plans, ready to run; raises ConfigurationError for what is missing.

        The breakers and limits of upstreams that these plans do not call are forgotten.
        """
        used: set[tuple[str, str, Credential]] = set()

        def way(operation: Operation, base: str, credential: Credential) -> Call:
            used.add((operation.call.upstream.namespace, base, credential))
            return self._way(operation, base, credential)

        runnables = operations_of(plans, self.settings_for(plans), self.upstream, way)
        for key in self._calls.keys() - used:
            del self._calls[key]
        return runnables

    def settings_for(self, plans: Sequence[Plan]) -> Settings:
        """The settings with every secret that there is for plans."""
        return settings_for(plans, self.settings, sandbox=self.sandbox_url is not None)

    def _way(self, operation: Operation, base: str, credential: Credential) -> Call:
        """How an operation is called at an address with a credential, by what it does to the world."""
        if operation.call.upstream.base == TRAIL_URI:
            return self._trail()
        safe, idempotent = operation.semantics.read_only, operation.semantics.idempotent
        call = self._calls_of(operation.call.upstream, base, credential).call_for(safe=safe, idempotent=idempotent)
        if self.archive is not None and operation.call.upstream.base == BASE_URI:
            call = self._from_archive(operation, call, self.archive)
        tracing = self.instruments.tracing
        if tracing is None:
            return call
        return within_span(
            call,
            tracing,
            traced_call(
                operation=operation.name,
                upstream=operation.call.upstream.namespace,
                method=operation.call.method,
                template=operation.call.path.text,
                base=base,
            ),
        )

    def _trail(self) -> Call:
        if self.archive is None:
            raise ConfigurationError(
                "The audit trail is answered from an archive, and there is none.",
                remedy="Give it with `--archive`, or leave the document out.",
            )
        return trail_call(self.archive, time.time)

    def _from_archive(self, operation: Operation, call: Call, archive: Archive) -> Call:
        read = _FROM_ARCHIVE.get(operation.call.path.text) if operation.call.method == "GET" else None
        return call if read is None else archive_first(archive, call, read, time.time)

    def _calls_of(self, upstream: Upstream, base: str, credential: Credential) -> UpstreamCalls:
        key = (upstream.namespace, base, credential)
        if key not in self._calls:
            tracing = self.instruments.tracing
            self._calls[key] = upstream_calls(
                traced(self.client.send, tracing) if tracing else self.client.send,
                self.settings,
                clock=Clock(now=time.monotonic, wall=time.time, sleep=asyncio.sleep),
                random=random.random,
                metrics=self.instruments.metrics.upstream(upstream.namespace),
            )
        return self._calls[key]


def settings_for(plans: Sequence[Plan], settings: Settings, *, sandbox: bool) -> Settings:
    """The settings with every secret that there is for plans: in front of the sandbox its own token."""
    demo = demo_secrets(plans) if sandbox else {}
    return replace(settings, secrets={**settings.secrets, **bound_secrets(plans), **demo})


@asynccontextmanager
async def open_equipment(options: ServeOptions) -> AsyncIterator[Equipment]:
    """Everything a process needs before it serves plans; closed on exit."""
    async with contextlib.AsyncExitStack() as stack:
        sandbox, settings = None, options.settings
        if options.sandbox is not None and options.sandbox_url is None:
            sandbox = await stack.enter_async_context(
                sandbox_serving(options.sandbox, settings, number=options.sandbox_port)
            )
        tracing = configure_tracing(settings.otlp_endpoint, VERSION)
        if tracing is not None:
            # It waits for the collector, which the loop must not.
            stack.push_async_callback(asyncio.to_thread, tracing.close)
        client = await stack.enter_async_context(open_client(settings))
        rates = CallRates(settings.call_rate) if settings.call_rate else None
        sandbox_url = sandbox.url if sandbox else options.sandbox_url
        archive = None if options.archive is None else open_archive(options.archive)
        if archive is not None:
            stack.push_async_callback(asyncio.to_thread, archive.close)
        yield Equipment(
            settings=settings,
            client=client,
            outside=Outside(fetch=client.fetch, now=time.time, rates=rates),
            instruments=Instruments(
                metrics=open_metrics(version=VERSION, shared=options.metrics_folder, worker=options.worker),
                tracing=tracing,
                ids=request_ids(random.random),
                now=time.monotonic,
                access=settings.access_log,
            ),
            sandbox=sandbox,
            sandbox_url=sandbox_url,
            upstream=sandbox_url or options.upstream,
            archive=archive,
        )
