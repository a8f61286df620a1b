"""Starts gateways and stand-in upstreams for tests: in this process, over real sockets, each on its own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fairlead.app.options import ServeOptions
from fairlead.app.ports import address_of, bound, port
from fairlead.app.serving import serving
from fairlead.cli.choice import Choice
from fairlead.cli.documents import runnable_plans
from fairlead.expose.asgi import AsgiApp, asgi_handler
from fairlead.plan.model import Plan
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN, SandboxOptions
from fairlead.settings import Secret, Settings

NOW = 1_795_000_000.0  # a fixed present for sandboxes: 2026-11-18T11:06:40Z
Opened = TypeVar("Opened")


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway, as its callers see it."""

    rest_url: str
    mcp_url: str
    sandbox_url: str | None
    organization_id: str = DEMO_ORGANIZATION_ID
    sandbox_token: str = DEMO_TOKEN

    def route(self, name: str = "events") -> str:
        """The URL of a route of the shipped document for the demo organization."""
        return f"{self.rest_url}/v1/organization/{self.organization_id}/{name}"


@contextmanager
def opened(context: AbstractAsyncContextManager[Opened]) -> Iterator[Opened]:
    """Hold an async context open on a loop and thread of its own while synchronous code uses what it yields."""
    value: Future[Opened] = Future()
    stop = threading.Event()

    async def hold() -> None:
        async with context as yielded:
            value.set_result(yielded)
            await asyncio.to_thread(stop.wait)

    def run() -> None:
        try:
            asyncio.run(hold())
        except BaseException as failure:
            if value.done():
                raise
            value.set_exception(failure)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield value.result(timeout=60)
    finally:
        stop.set()
        thread.join(timeout=60)


def settings_for_tests(**changed: Any) -> Settings:
    """Settings for tests: the sandbox's key, a short grace."""
    return Settings(**{"secrets": {"QOVERY_API_KEY": Secret(DEMO_TOKEN)}, "grace_period": 2.0} | changed)


@contextmanager
def gateway(
    *documents: Path,
    sandbox: SandboxOptions | None = None,
    upstream: str | None = None,
    pins: tuple[str, ...] = (),
    plans: tuple[Plan, ...] = (),
    settings: Settings | None = None,
    **options: Any,
) -> Iterator[Gateway]:
    """A gateway on free ports; on the sandbox unless an upstream is named."""
    if upstream is None and sandbox is None:
        sandbox = SandboxOptions(now=NOW, rate_limit=0)
    if settings is None:
        settings = settings_for_tests()
    chosen = ServeOptions(
        plans=plans or runnable_plans(Choice(documents=documents, pins=pins)),
        settings=settings,
        rest_port=0,
        mcp_port=0,
        upstream=upstream,
        sandbox=sandbox,
        **options,
    )
    with opened(serving(chosen)) as running:
        yield Gateway(running.rest_url, running.mcp_url, running.sandbox_url)


@contextmanager
def upstream(app: AsgiApp) -> Iterator[str]:
    """An upstream of the test's own making on a free port; yields its address."""
    with bound("127.0.0.1", 0, "") as listener, opened(port(asgi_handler(app), listener, Settings())):
        yield address_of(listener, "127.0.0.1")
