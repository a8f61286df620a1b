"""The bench's command line. Exit status: 0 every target reached, 1 one missed, 2 nothing could be measured."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench import document
from bench.load import measure
from bench.machine import this_machine
from bench.peers import peers
from bench.processes import CannotMeasure
from bench.report import render, targets
from bench.startup import measure_start_up
from bench.upstream import page_of_events, upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long and how often to measure."""

    rounds: int
    seconds: int
    starts: int

    def __str__(self) -> str:
        return (
            f"Medians of {self.rounds} interleaved rounds of {self.seconds} s per figure; starts: {self.starts} each."
        )


QUICK = Effort(rounds=1, seconds=1, starts=3)


def main() -> int:
    """Measure, print the report, and say by the exit status whether every target is reached."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Fairlead beside its peers.")
    parser.add_argument("--seconds", type=int, default=5, help="length of one sample (default 5)")
    parser.add_argument("--rounds", type=int, default=3, help="samples per figure (default 3)")
    parser.add_argument("--quick", action="store_true", help="one round of 1 s: to try it, not to quote")
    parser.add_argument("--write", action="store_true", help="put the report into docs/performance.md")
    asked = parser.parse_args()
    if min(asked.seconds, asked.rounds) < 1:
        parser.error("--seconds and --rounds are at least 1")
    # Ended from outside, the bench still ends what it started.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    effort = QUICK if asked.quick else Effort(rounds=asked.rounds, seconds=asked.seconds, starts=7)
    try:
        report, reached = bench(effort)
    except CannotMeasure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 2
    print(f"\n{report}")
    if asked.write:
        document.write(report)
    return 0 if reached else 1


def bench(effort: Effort) -> tuple[str, bool]:
    """Measure everything once; the report, and whether every target is reached."""
    machine = this_machine()
    # The bench itself stays off the gateway's core.
    os.sched_setaffinity(0, {machine.load_core})
    page = page_of_events()
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as name:
        folder = Path(name)
        print("start-up", flush=True)
        start = measure_start_up(runs=effort.starts, core=machine.gateway_core, folder=folder)
        with (
            upstream(page, machine.load_core, folder) as address,
            peers(address, page, machine.gateway_core, folder) as everyone,
        ):
            measured = measure(everyone, rounds=effort.rounds, seconds=effort.seconds, core=machine.load_core)
    report = render(measured, start, machine, today=datetime.now(UTC).date(), method=str(effort))
    return report, all(target.reached for target in targets(measured, start))


if __name__ == "__main__":
    sys.exit(main())
