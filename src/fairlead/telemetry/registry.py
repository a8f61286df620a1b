"""The metrics of a server: what its parts count, its process, and the other workers' numbers beside its own."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fairlead.telemetry import families
from fairlead.telemetry.exposition import exposed
from fairlead.telemetry.metrics import OTHER, Adapter, OperationMetrics, UpstreamMetrics
from fairlead.telemetry.process import process_numbers
from fairlead.telemetry.records import record
from fairlead.telemetry.series import Series, decode, encode

MOST_OPERATIONS = 2_000


@dataclass(slots=True, kw_only=True, eq=False)
class Metrics:
    """The metrics of one worker; made by `open_metrics`, used by the event loop's thread only."""

    series: Series
    shared: Path | None = None
    worker: int = 0
    _operations: dict[tuple[str, Adapter], OperationMetrics] = field(default_factory=dict)
    _named: set[str] = field(default_factory=set)
    _upstreams: dict[str, UpstreamMetrics] = field(default_factory=dict)
    _connections: dict[Adapter, Callable[[], int]] = field(default_factory=dict)
    _refreshed: list[Callable[[], None]] = field(default_factory=list)
    _cpu_before: float = 0.0
    _publishing_failed: bool = False

    def upstream(self, namespace: str) -> UpstreamMetrics:
        """What is counted of this upstream; the same object each time, so that a reload goes on counting."""
        if namespace not in self._upstreams:
            self._upstreams[namespace] = UpstreamMetrics(namespace, self.series)
        return self._upstreams[namespace]

    def operation(self, name: str, adapter: Adapter) -> OperationMetrics:
        """What is counted of this operation; beyond the first 2,000 names they share the label `other`."""
        if name not in self._named and len(self._named) == MOST_OPERATIONS:
            name = OTHER
        else:
            self._named.add(name)
        key = (name, adapter)
        if key not in self._operations:
            self._operations[key] = OperationMetrics(name, adapter, self.series)
        return self._operations[key]

    def connections(self, adapter: Adapter, count: Callable[[], int]) -> None:
        """Ask `count` for the open connections whenever the numbers are read."""
        self._connections[adapter] = count

    def before_reading(self, refresh: Callable[[], None]) -> None:
        """Have `refresh` bring its numbers up to date whenever all are read."""
        self._refreshed.append(refresh)

    def reloaded(self, outcome: Literal["success", "failure"], now: float) -> None:
        """Count a reload of the documents."""
        self.series.numbers[families.RELOADS][outcome,] += 1
        if outcome == "success":
            self.series.numbers[families.LAST_RELOAD][()] = now

    def publish(self) -> None:
        """Let the other workers see these numbers; it never raises, and without other workers it does nothing."""
        if self.shared is None:
            return
        self._refresh()
        try:
            _write(self.shared, self.worker, encode(self.series))
            self._publishing_failed = False
        except OSError as failure:
            if not self._publishing_failed:  # once, and not every second
                record("metrics not shared", worker=self.worker, kind=type(failure).__name__, number=failure.errno)
            self._publishing_failed = True

    def exposition(self, accept: str = "") -> tuple[str, bytes]:
        """The media type and the text of all workers' numbers; `accept` is the caller's header.

        What it shows of this worker was published before, so no later answer of any worker shows less.
        """
        if self.shared is None:
            self._refresh()
            return exposed(self.series, accept)
        self.publish()
        whole = Series()
        whole.add(self.series)
        for path in self.shared.glob("*.json"):
            if path != _place(self.shared, self.worker):
                whole.add(decode(path.read_bytes()))
        return exposed(whole, accept)

    def _refresh(self) -> None:
        numbers = self.series.numbers
        for adapter, count in self._connections.items():
            numbers[families.CONNECTIONS][adapter,] = count()
        for refresh in self._refreshed:
            refresh()
        for family, number in process_numbers().items():
            if family != families.CPU:
                numbers[family][()] = number
            else:  # counted on from where a worker before this one ended
                numbers[family][()] += number - self._cpu_before
                self._cpu_before = number


def open_metrics(*, version: str, shared: Path | None = None, worker: int = 0) -> Metrics:
    """The metrics of a worker. `shared` is the folder in which the workers of one server show each other their numbers.

    A worker in the place of one that ended goes on from what that one counted.
    """
    series = _predecessor(shared, worker) if shared else Series()
    series.numbers[families.BUILD][version,] = 1
    series.numbers[families.WORKERS][()] = 1
    for outcome in ("success", "failure"):
        series.numbers[families.RELOADS][outcome,] += 0
    return Metrics(series=series, shared=shared, worker=worker)


def retire(shared: Path, worker: int) -> None:
    """Take a worker that ended out of the gauges; what it counted stays. For the parent, before it starts another."""
    with contextlib.suppress(OSError):
        _write(shared, worker, encode(_predecessor(shared, worker)))


def _predecessor(shared: Path, worker: int) -> Series:
    try:
        return decode(_place(shared, worker).read_bytes()).without_gauges()
    except FileNotFoundError:
        return Series()


def _place(shared: Path, worker: int) -> Path:
    return shared / f"{worker}.json"


def _write(shared: Path, worker: int, text: bytes) -> None:
    """Replace the file as a whole, so that nobody reads half of it."""
    new = shared / f"{worker}.new"
    new.write_bytes(text)
    os.replace(new, _place(shared, worker))
