"""A sandbox over real HTTP, in this process, at a time the test decides."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
import uvicorn

from fairlead.sandbox.app import create_app
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN, SandboxOptions

NOON = 1_794_916_800.0  # Tuesday 2026-11-17 12:00:00 UTC
ROOT = f"/organization/{DEMO_ORGANIZATION_ID}"


@dataclass
class Clock:
    """A clock that moves only when told."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


@dataclass
class Running:
    """A sandbox that listens, and a client that talks to it with the demo token."""

    client: httpx2.Client
    clock: Clock
    server: uvicorn.Server
    port: int

    def get(self, path: str = "", **params: str | int) -> httpx2.Response:
        return self.client.get(f"{ROOT}{path}", params=params)

    def page(self, **params: str | int) -> dict[str, Any]:
        response = self.get("/events", **params)
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.json()
        return page

    def follow(self, link: str) -> dict[str, Any]:
        response = self.client.get(link)
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.json()
        return page

    def pages(self, **params: str | int) -> Iterator[dict[str, Any]]:
        page = self.page(**params)
        yield page
        for _ in range(1_000):
            link = page["links"].get("next")
            if not link:
                return
            page = self.follow(link)
            yield page
        raise AssertionError("the walk did not end")

    def walk(self, **params: str | int) -> list[dict[str, Any]]:
        return [event for page in self.pages(**params) for event in page["events"] or ()]


Start = Callable[..., Running]


def query_of(link: str) -> dict[str, str]:
    """The parameters of a link."""
    return dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))


@contextmanager
def running(options: SandboxOptions, clock: Clock) -> Iterator[Running]:
    """A sandbox on an ephemeral loopback port, stopped at the end."""
    config = uvicorn.Config(create_app(options, clock), host="127.0.0.1", port=0, log_level="critical")
    listener = config.bind_socket()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    port = listener.getsockname()[1]
    try:
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{port}",
            headers={"Authorization": f"Token {DEMO_TOKEN}"},
            timeout=30,
            trust_env=False,
        ) as client:
            yield Running(client=client, clock=clock, server=server, port=port)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    """Starts sandboxes; unlimited and small unless the test says otherwise."""
    with ExitStack() as stack:
        begun: list[Running] = []

        def begin(**settings: Any) -> Running:
            begun.append(stack.enter_context(running(small(**settings), Clock())))
            return begun[-1]

        yield begin
        for one in begun:
            one.server.should_exit = True


def small(**settings: Any) -> SandboxOptions:
    """Options of a small sandbox without a limit."""
    return replace(SandboxOptions(events=2_000, rate_limit=0, seed=7), **settings)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Running]:
    """A sandbox of 2,000 events with every default but the rate limit."""
    with running(small(), Clock()) as begun:
        yield begun


@pytest.fixture(scope="session")
def history(sandbox: Running) -> list[dict[str, Any]]:
    """Every event of that sandbox, newest first."""
    return sandbox.walk(pageSize=100)
