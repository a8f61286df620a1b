"""Archives for tests: made-up events kept without any upstream, some of them late and some changed since."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from fairlead.archive.factory import open_archive
from fairlead.archive.model import Archived, Batch, Query
from fairlead.archive.place import Place, key_of, place_of
from fairlead.archive.preparation import Incoming, preparation
from fairlead.archive.store import Archive
from fairlead.sandbox.options import SandboxOptions
from fairlead.sandbox.rendering import event_at, look
from fairlead.sandbox.world import world
from fairlead.settings import Settings

ORGANIZATION = "0b5f8e56-6f7f-4c1b-8ad3-1d0e0c0ffee0"
OTHER = "77777777-6f7f-4c1b-8ad3-1d0e0c0ffee0"
NOW_MICROS = 1_795_000_000_000_000


def made_events(count: int, seed: int = 1) -> list[bytes]:
    """Events of the sandbox, oldest first."""
    history, style = world(seed, count, NOW_MICROS), look(SandboxOptions())
    return [event_at(history, number, style) for number in range(count)]


def plain_event(number: int, **fields: object) -> bytes:
    """A small event of a minute of its own."""
    instant = f"2026-10-{1 + number // 1_440 % 28:02d}T{number // 60 % 24:02d}:{number % 60:02d}:00Z"
    return json.dumps({"id": f"event-{number}", "timestamp": instant, "event_type": "UPDATE"} | fields).encode()


class KeptEvents:
    """An archive in a file, and what a test puts into it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place: Place = place_of(str(path), Settings())

    def keep(self, raws: Iterable[bytes], organization: str = ORGANIZATION) -> None:
        """Keep events, as a sync does in one transaction."""
        archive = open_archive(self._place)
        try:
            prepare = preparation(key_of(self._place, archive).tag_key, None)
            archive.take_lease(organization, "test", 0, 1 << 62)
            events = tuple(prepare(Incoming(raw, 1)) for raw in raws)
            archive.keep(Batch(organization=organization, holder="test", fetched_at=1, events=events))
        finally:
            archive.close()

    def log(self) -> list[Archived]:
        """Every event of the log."""
        return self._read(lambda archive: archive.log(0, archive.frontier().size))

    def latest(self, organization: str = ORGANIZATION) -> list[bytes]:
        """The latest revisions, oldest first, read page by page from the newest."""

        def pages(archive: Archive) -> Iterable[Archived]:
            return archive.events(Query(organization=organization))

        return [event.raw for event in self._read(pages)]

    def _read(self, what: object) -> list[Archived]:
        archive = open_archive(self._place)
        try:
            return list(what(archive))  # type: ignore[operator]
        finally:
            archive.close()


def mixed_archive(path: Path, count: int = 400) -> KeptEvents:
    """Events of two organizations, of which some came late, and one was changed since."""
    kept = KeptEvents(path)
    events = made_events(count)
    kept.keep(events[count // 10 :])
    kept.keep(made_events(count // 4, seed=2), OTHER)
    kept.keep(events[: count // 10])  # late
    kept.keep([events[0].replace(b'"origin":', b'"origin" :')])  # another revision
    return kept
