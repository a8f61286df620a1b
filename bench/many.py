"""Many documents in one server: as many documents and operations as are published of the Qovery API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.capability import write_capability
from bench.gateways import fairlead_gateway, started
from bench.peers import Peer, refuse_other_answer, rest_peer
from bench.place import Place

DOCUMENTS, OPERATIONS = 94, 508
LARGEST = 1_158
"""The operations of the largest document that is published; it has 1.8 MB."""
INPUTS = 4
"""Of each operation, which is about as many as published ones have."""
ONE, MANY = "Fairlead, 1 document", f"Fairlead, {DOCUMENTS} documents"


def write_documents(folder: Path) -> Path:
    """A folder of documents; the first has the operation that asks for the page of events."""
    many = folder / "many"
    many.mkdir(exist_ok=True)
    each, more = divmod(OPERATIONS, DOCUMENTS)
    for number in range(DOCUMENTS):
        write_capability(each + (number < more), many, number, inputs=INPUTS)
    return many


@contextmanager
def many_peers(upstream: str, place: Place) -> Iterator[list[Peer]]:
    """Fairlead with one document and with many, asked for the same page."""
    gateways = [fairlead_gateway(ONE, upstream), fairlead_gateway(MANY, upstream, str(write_documents(place.folder)))]
    with started(gateways, upstream=upstream, core=place.gateway_core, folder=place.folder) as processes:
        everyone = [rest_peer(gateway, processes[gateway.name].pid) for gateway in gateways]
        for peer in everyone:
            refuse_other_answer(peer, place.page)
        yield everyone
