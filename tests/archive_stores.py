"""Archives by their place, and events to put into them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg

from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice
from fairlead.archive.factory import open_archive
from fairlead.archive.model import Archived, Batch, Gap, Kept, Page, Prepared, Query, Turn
from fairlead.archive.place import place_of
from fairlead.archive.preparation import Incoming, preparation
from fairlead.archive.store import Archive
from fairlead.settings import Settings

ORGANIZATION = "5f3c1a52-7a0e-4d5b-9c61-2f8e4b90d7a1"
OTHER = "99999999-7a0e-4d5b-9c61-2f8e4b90d7a1"
HOLDER = "the tests"
T = 1_790_000_000 * NANOS_PER_SECOND
NEVER = 1 << 62

_prepare = preparation(b"k" * 32, None)


def opened(place: str) -> Archive:
    """The archive at a place."""
    return open_archive(place_of(place, Settings()))


def lease(archive: Archive) -> None:
    """Let HOLDER keep events of both organizations."""
    for organization in (ORGANIZATION, OTHER):
        assert archive.take_lease(organization, HOLDER, T, NEVER)


def raw(name: str | None = "a", at: int | str = T, **fields: Any) -> bytes:
    """The bytes of an event; `at` is its instant in nanoseconds or its timestamp as it is written."""
    timestamp = at if isinstance(at, str) else written(at)
    head = {} if name is None else {"id": name}
    return orjson.dumps(head | {"timestamp": timestamp, "event_type": "UPDATE"} | fields)


def written(nanos: int) -> str:
    """An instant as an upstream writes it, to the last digit."""
    seconds, rest = divmod(nanos, NANOS_PER_SECOND)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def prepared(*events: bytes, near: int = T) -> tuple[Prepared, ...]:
    """Events ready to be kept, secrets and all."""
    return tuple(_prepare(Incoming(each, near)) for each in events)


def batch(
    *events: bytes, organization: str = ORGANIZATION, covered: Iterable[tuple[int, int]] = (),
    gaps: Iterable[Gap] = (), near: int = T, **known: Any,
) -> Batch:  # fmt: skip
    """A batch of HOLDER's."""
    return Batch(
        organization=organization,
        holder=HOLDER,
        fetched_at=T,
        events=prepared(*events, near=near),
        covered=tuple(Slice(*each) for each in covered),
        gaps=tuple(gaps),
        **known,
    )


def keep(archive: Archive, *events: bytes, organization: str = ORGANIZATION) -> Kept:
    """Keep events."""
    return archive.keep(batch(*events, organization=organization))


def found(archive: Archive, **query: Any) -> list[Archived]:
    """What a query finds, oldest first."""
    return list(archive.events(Query(**({"organization": ORGANIZATION} | query))))


def names(archive: Archive, **query: Any) -> list[str]:
    """The ids of what a query finds, oldest first."""
    return [each.id for each in found(archive, **query)]


def page(archive: Archive, limit: int, *, below: int | None = None, above: int | None = None, **query: Any) -> Page:
    """A page of a query."""
    return archive.page(Query(**({"organization": ORGANIZATION} | query)), Turn(limit=limit, below=below, above=above))


def changed(archive: Archive, *statements: str) -> None:
    """Change the tables of an archive behind its back; what it remembers is forgotten."""
    archive.close()
    if "://" in archive.name:
        with psycopg.connect(archive.name, options="-c search_path=fairlead") as server:
            for each in statements:
                server.execute(each.encode())
        return
    with closing(sqlite3.connect(archive.name)) as file, file:
        for each in statements:
            file.execute(each)
