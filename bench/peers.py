"""What is measured side by side: the upstream called directly, and the gateways in front of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.nginx import nginx, write_configuration
from bench.processes import CannotMeasure, environment, free_port, get, running
from bench.upstream import AUTHORIZATION, PATH, QUERY, TOKEN, Page

DIRECT = "upstream, called directly"
NGINX = "nginx `proxy_pass`"
HTTPX = "FastAPI + httpx"
AIOHTTP = "FastAPI + aiohttp"
FAIRLEAD = "Fairlead"


@dataclass(frozen=True, slots=True)
class Peer:
    """Something that answers the page of events at `url`."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)


def fairlead_command() -> str:
    """Fairlead's command of the environment this runs in."""
    script = Path(sys.executable).with_name("fairlead")
    if not script.exists():
        raise CannotMeasure("Fairlead is not installed beside this Python. Run it as: make bench")
    return str(script)


@contextmanager
def peers(upstream: str, page: Page, core: int, folder: Path) -> Iterator[list[Peer]]:
    """Every peer, answering the upstream's bytes; the gateways share one core and run one at a time."""
    everyone = [Peer(DIRECT, f"{upstream}{PATH}?{QUERY}", {"Authorization": AUTHORIZATION})]
    with ExitStack() as stack:
        for number, (name, command, port) in enumerate(_gateways(upstream, folder)):
            address = f"http://127.0.0.1:{port}"
            output = folder / f"gateway-{number}.out"
            env = environment(QOVERY_API_KEY=TOKEN)
            stack.enter_context(running(command, core=core, env=env, output=output, url=address))
            everyone.append(Peer(name, f"{address}/v1{PATH}?{QUERY}"))
        for peer in everyone:
            refuse_other_answer(peer, page)
        yield everyone


def _gateways(upstream: str, folder: Path) -> Iterator[tuple[str, list[str], int]]:
    port = free_port()
    place = urlsplit(upstream).netloc
    yield (
        NGINX,
        nginx(write_configuration("gateway", folder, port=port, upstream=place, authorization=AUTHORIZATION)),
        port,
    )
    port = free_port()
    yield HTTPX, [sys.executable, "-m", "bench.gateway_httpx", upstream, str(port)], port
    port = free_port()
    yield AIOHTTP, [sys.executable, "-m", "bench.gateway_aiohttp", upstream, str(port)], port
    port, mcp = free_port(), free_port()
    ports = ["--rest-port", str(port), "--mcp-port", str(mcp)]
    yield FAIRLEAD, [fairlead_command(), "serve", "--upstream", upstream, *ports], port


def refuse_other_answer(peer: Peer, page: Page) -> None:
    """Raise CannotMeasure unless the peer answers the upstream's bytes and headers."""
    answer = get(peer.url, peer.headers)
    wrong = []
    if answer.status != 200:
        wrong.append(f"status {answer.status}")
    if answer.body != page.body:
        wrong.append(f"{len(answer.body)} other bytes")
    if answer.headers.get("content-type", "").partition(";")[0] != "application/json":
        wrong.append(f"content-type {answer.headers.get('content-type')}")
    wrong += [f"no {name}" for name, value in page.rate_limits.items() if answer.headers.get(name) != value]
    if wrong:
        raise CannotMeasure(f"{peer.name} does not pass the upstream's answer on: {', '.join(wrong)}.")
