"""The upstream of every measurement: nginx with one page of events, 8 kB as the sandbox writes them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

from bench.nginx import nginx, write_configuration
from bench.processes import free_port, running
from fairlead.sandbox.app import create_app
from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN, SandboxOptions

TOKEN = "qov_bench"
AUTHORIZATION = f"Token {TOKEN}"
ORGANIZATION = DEMO_ORGANIZATION_ID
PATH = f"/organization/{ORGANIZATION}/events"
_FIRST_PAGE = "pageSize=7"
# The zeros become a number that differs in each request.
DIFFERING = "0000000000"
QUERY = f"{_FIRST_PAGE}&continueToken={DIFFERING}"
BODY_SIZE = 8_192
_PRESENT = 1_790_000_000.0


@dataclass(frozen=True, slots=True)
class Page:
    """What the upstream answers, always."""

    body: bytes
    rate_limits: Mapping[str, str]


def page_of_events() -> Page:
    """The sandbox's own first page, made exactly 8,192 bytes long."""
    answer = asyncio.run(_ask_sandbox())
    limits = {name: value for name, value in answer.headers.items() if name.startswith("x-ratelimit-")}
    return Page(_sized(answer.json()), limits)


async def _ask_sandbox() -> httpx2.Response:
    app = create_app(SandboxOptions(now=_PRESENT), lambda: _PRESENT)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://sandbox") as client:
        answer = await client.get(f"{PATH}?{_FIRST_PAGE}", headers={"Authorization": f"Token {DEMO_TOKEN}"})
        return answer.raise_for_status()


def _sized(page: dict[str, object]) -> bytes:
    events = page["events"]
    assert isinstance(events, list)
    assert isinstance(page["links"], dict)
    assert page["links"]["next"]
    while len(body := _written(page)) > BODY_SIZE:
        events.pop()
    events[-1]["user_agent"] = (events[-1]["user_agent"] or "") + "." * (BODY_SIZE - len(body))
    return _written(page)


def _written(page: dict[str, object]) -> bytes:
    return json.dumps(page, separators=(",", ":")).encode()


@contextmanager
def upstream(page: Page, core: int, folder: Path) -> Iterator[str]:
    """The upstream, serving on one core; yields its address. It refuses calls without the credential."""
    port = free_port()
    (folder / "page.json").write_bytes(page.body)
    limits = "\n".join(f'add_header {name} "{value}";' for name, value in page.rate_limits.items())
    configuration = write_configuration(
        "upstream", folder, port=port, path=PATH, authorization=AUTHORIZATION, rate_limits=limits
    )
    address = f"http://127.0.0.1:{port}"
    with running(nginx(configuration), core=core, env={}, output=folder / "upstream.out", url=address):
        yield address
