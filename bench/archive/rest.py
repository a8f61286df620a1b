"""Times the same reads as a caller of the REST port has them: one connection to a server, one call at a time."""

from __future__ import annotations

import http.client
import random
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from bench.archive.building import HOLDER, ORGANIZATION
from bench.archive.timing import Timing, timing_of
from bench.processes import CannotMeasure, environment, free_port, running
from fairlead.archive.contract import NANOS_PER_SECOND
from fairlead.archive.coverage import Slice
from fairlead.archive.model import Batch
from fairlead.archive.sqlite.archive import SqliteArchive

PAGE = 100
_NOBODY = "http://127.0.0.1:9"
"""Where no upstream is: only the archive can have answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestRead:
    """What was asked over REST, how large its answer is, and how long calls took."""

    name: str
    size: int
    timing: Timing


def rest_reads(path: Path, rounds: int) -> list[RestRead]:
    """Time every read."""
    span = _covered(path)
    with _served(path) as port, closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        return [
            RestRead(name=name, size=len(_ask(connection, targets[0])), timing=_timed(connection, targets))
            for name, targets in _reads(span, rounds)
        ]


def _timed(connection: http.client.HTTPConnection, targets: Iterable[str]) -> Timing:
    return timing_of([partial(_ask, connection, target) for target in targets])


def _reads(span: Slice, rounds: int) -> Iterator[tuple[str, list[str]]]:
    window = {"fromTimestamp": span.start // NANOS_PER_SECOND, "toTimestamp": span.end // NANOS_PER_SECOND}
    chance = random.Random(1)
    ends = [chance.randrange(*span) // NANOS_PER_SECOND for _ in range(rounds)]
    events = partial(_target, "events", pageSize=PAGE)
    yield "newest page", [events(**window)] * rounds
    yield "page anywhere", [events(**{**window, "toTimestamp": end}) for end in ends]
    yield "page of a type anywhere", [events(**{**window, "toTimestamp": end}, eventType="UPDATE") for end in ends]
    search = partial(_target, "audit-trail/search", pageSize=PAGE)
    yield "newest 100 by a word", [search(text="production")] * rounds
    yield "small page by a word", [_target("audit-trail/search", text="production")] * rounds
    yield "counts by four fields, all time", [_target("audit-trail/statistics")] * rounds
    yield "and by week", [_target("audit-trail/statistics", per="week")] * rounds


def _target(route: str, **query: str | int) -> str:
    return f"/v1/organization/{ORGANIZATION}/{route}?{urlencode(query)}"


def _ask(connection: http.client.HTTPConnection, target: str) -> bytes:
    connection.request("GET", target)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200 or answer.getheader("x-fairlead-source") != "archive":
        raise CannotMeasure(f"{target} answered {answer.status}: {body[:300]!r}")
    return body


def _covered(path: Path) -> Slice:
    """The time of the archive's events in whole seconds, which from now on counts as covered."""
    with closing(SqliteArchive(path)) as archive:
        state = archive.state(ORGANIZATION)
        whole = NANOS_PER_SECOND
        span = Slice((state.oldest or 0) // whole * whole, ((state.newest or 0) // whole + 1) * whole)
        archive.keep(Batch(organization=ORGANIZATION, holder=HOLDER, fetched_at=span.end, covered=(span,)))
    return span


@contextmanager
def _served(path: Path) -> Iterator[int]:
    port, other = free_port(), free_port()
    command = [
        sys.executable, "-m", "fairlead", "serve", f"--archive={path}", "--upstream", _NOBODY,
        "--rest-port", str(port), "--mcp-port", str(other),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "serve.txt"
        env = environment(QOVERY_API_KEY="none")
        with running(command, core=None, env=env, output=output, url=f"http://127.0.0.1:{port}"):
            yield port
