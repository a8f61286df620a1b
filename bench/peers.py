"""What is measured side by side on REST: the upstream called directly, and the gateways in front of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from bench.gateways import Gateway, fairlead_gateway, python_gateway, started
from bench.nginx import nginx, write_configuration
from bench.place import Place
from bench.processes import CannotMeasure, ask, free_port
from bench.upstream import AUTHORIZATION, PATH, QUERY, Page

DIRECT = "upstream, called directly"
NGINX = "nginx `proxy_pass`"
RSGI = "bare granian RSGI + ry"
ASGI = "bare uvicorn ASGI + ry"
HTTPX = "FastAPI + httpx"
AIOHTTP = "FastAPI + aiohttp"
FAIRLEAD = "Fairlead"
_BARE = (RSGI, ASGI)


@dataclass(frozen=True, slots=True)
class Peer:
    """Something that answers at `url`, to a GET or to what is posted; `process` is its id when it is ours."""

    name: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    posted: Path | None = None
    process: int | None = None


@contextmanager
def peers(upstream: str, place: Place) -> Iterator[list[Peer]]:
    """Every peer, answering the upstream's bytes; the gateways share one core and are loaded one at a time."""
    gateways = list(_gateways(upstream, place.folder))
    with started(gateways, upstream=upstream, core=place.gateway_core, folder=place.folder) as processes:
        everyone = [direct(upstream), *(rest_peer(gateway, processes[gateway.name].pid) for gateway in gateways)]
        for peer in everyone:
            refuse_other_answer(peer, place.page)
        yield everyone


def direct(upstream: str) -> Peer:
    """The upstream without a gateway."""
    return Peer(DIRECT, f"{upstream}{PATH}?{QUERY}", {"Authorization": AUTHORIZATION})


def rest_peer(gateway: Gateway, process: int) -> Peer:
    """A gateway, asked for the page of events."""
    return Peer(gateway.name, f"{gateway.address}/v1{PATH}?{QUERY}", process=process)


def request(peer: Peer) -> bytes:
    """What `wrk` sends to the peer, for who sends it without."""
    place = urlsplit(peer.url)
    body = peer.posted.read_bytes() if peer.posted else b""
    target = f"{place.path}?{place.query}" if place.query else place.path
    declared = {"Content-Length": str(len(body))} if peer.posted else {}
    headers = [f"{name}: {value}" for name, value in {"Host": place.netloc, **peer.headers, **declared}.items()]
    lines = [f"{'POST' if peer.posted else 'GET'} {target} HTTP/1.1", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _gateways(upstream: str, folder: Path) -> Iterator[Gateway]:
    port = free_port()
    place = urlsplit(upstream).netloc
    configuration = write_configuration("gateway", folder, port=port, upstream=place, authorization=AUTHORIZATION)
    yield Gateway(NGINX, nginx(configuration), port)
    port = free_port()
    granian = ["granian", "--interface", "rsgi", "--http", "1", "--loop", "uvloop", "--workers", "1", "--no-ws"]
    yield Gateway(RSGI, [sys.executable, "-m", *granian, "--port", str(port), "bench.ceiling_rsgi:app"], port)
    port = free_port()
    uvicorn = ["uvicorn", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    yield Gateway(ASGI, [sys.executable, "-m", *uvicorn, "--port", str(port), "bench.ceiling_asgi:app"], port)
    yield python_gateway(HTTPX, "bench.gateway_httpx", upstream)
    yield python_gateway(AIOHTTP, "bench.gateway_aiohttp", upstream)
    yield fairlead_gateway(FAIRLEAD, upstream)


def refuse_other_answer(peer: Peer, page: Page) -> None:
    """Raise CannotMeasure unless the peer answers the upstream's bytes and, unless it is bare, its headers."""
    answer = ask(peer.url, peer.headers)
    wrong = []
    if answer.status != 200:
        wrong.append(f"status {answer.status}")
    if answer.body != page.body:
        wrong.append(f"{len(answer.body)} other bytes")
    if answer.headers.get("content-type", "").partition(";")[0] != "application/json":
        wrong.append(f"content-type {answer.headers.get('content-type')}")
    if peer.name not in _BARE:
        wrong += [f"no {name}" for name, value in page.rate_limits.items() if answer.headers.get(name) != value]
    if wrong:
        raise CannotMeasure(f"{peer.name} does not pass the upstream's answer on: {', '.join(wrong)}.")
