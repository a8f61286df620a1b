"""How many events a second come out of an archive: exported as NDJSON, and verified against its signed log."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from bench.archive.building import ORGANIZATION
from bench.processes import CannotMeasure
from fairlead.archive.auditing import Witnessing, audit
from fairlead.archive.forms.ndjson import ndjson
from fairlead.archive.model import Query
from fairlead.archive.place import key_of, place_of
from fairlead.archive.sqlite.archive import SqliteArchive
from fairlead.ingest.attesting import Attester, attest
from fairlead.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Events that came out, in seconds on the clock and of a core; what other processes took is not in the latter."""

    events: int
    seconds: float
    core: float

    @property
    def per_second(self) -> float:
        """Events a second on the clock."""
        return self.events / self.seconds


def export_stream(path: Path, most: int) -> Stream:
    """Write the oldest events as NDJSON to where nothing is kept."""
    with closing(SqliteArchive(path)) as archive, Path("/dev/null").open("wb") as nowhere:
        begun, worked, events = time.monotonic(), time.process_time(), 0
        for event in islice(archive.events(Query(organization=ORGANIZATION)), most):
            nowhere.write(ndjson(event.raw))
            events += 1
        return Stream(events=events, seconds=time.monotonic() - begun, core=time.process_time() - worked)


def verify_stream(path: Path, jobs: int | None = None) -> Stream:
    """Sign the log, unless it is, and verify all of it, as `fairlead events verify` does."""
    place = place_of(str(path), Settings())
    with closing(SqliteArchive(path)) as archive:
        key = key_of(place, archive)
        attest(Attester(key=key, folder=place.checkpoints), archive, time.time(), "bench")
        against = Witnessing(public_key=key.public_key, folder=place.checkpoints)
        begun, worked = time.monotonic(), time.process_time()
        result = audit(place, archive, against, jobs, _tell_nobody)
        if result.findings:
            raise CannotMeasure(f"the archive is damaged: {result.findings[0]}")
        return Stream(events=result.size, seconds=time.monotonic() - begun, core=time.process_time() - worked)


def _tell_nobody(*_: int) -> None:
    """Nobody waits here to hear how far it is."""
