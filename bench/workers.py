"""Measures what a second worker brings when the gateway may use the load's core too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.gateways import fairlead_gateway, started
from bench.peers import Peer, refuse_other_answer, rest_peer
from bench.place import Place

ONE_CORE, BOTH_CORES, TWO_WORKERS = "1 worker, one core", "1 worker, both cores", "2 workers, both cores"
_ARRANGEMENTS = ((ONE_CORE, 1, False), (BOTH_CORES, 1, True), (TWO_WORKERS, 2, True))


@contextmanager
def worker_peers(upstream: str, place: Place) -> Iterator[list[Peer]]:
    """Fairlead with one and two workers, bound to the gateway's core or to none."""
    with ExitStack() as stack:
        everyone = []
        for name, workers, both in _ARRANGEMENTS:
            gateway = fairlead_gateway(name, upstream, "--workers", str(workers))
            core = None if both else place.gateway_core
            processes = stack.enter_context(started([gateway], upstream=upstream, core=core, folder=place.folder))
            everyone.append(rest_peer(gateway, processes[name].pid))
        for peer in everyone:
            refuse_other_answer(peer, place.page)
        yield everyone
