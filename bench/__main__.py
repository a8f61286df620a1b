"""The bench's command line. Exit status: 0 every target reached, 1 one missed, 2 nothing could be measured."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bench import document
from bench.machine import Machine, cpu_seconds, share_of_others, this_machine
from bench.place import Effort, Place
from bench.processes import CannotMeasure
from bench.profile import profile
from bench.report import Conditions, render, render_profile, render_soak
from bench.results import measure_everything
from bench.soak import soak
from bench.targets import Target, soak_targets, targets
from bench.upstream import page_of_events

QUICK = Effort(rounds=1, seconds=1, starts=3)
_PROFILE_SECONDS = 10


def main() -> int:
    """Measure, print the report, and say by the exit status whether every target is reached."""
    asked = _arguments()
    # Ended from outside, the bench still ends what it started.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        block, report, reached = _measure(asked)
    except CannotMeasure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 2
    print(f"\n{report}")
    if asked.write:
        document.write(block, report)
    return 0 if reached else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure Fairlead beside its peers.")
    parser.add_argument("--seconds", type=int, default=3, help="length of one sample (default 3)")
    parser.add_argument("--rounds", type=int, default=3, help="samples per figure (default 3)")
    parser.add_argument("--quick", action="store_true", help="one round of 1 s: to try it, not to quote")
    parser.add_argument("--write", action="store_true", help="put the report into docs/performance.md")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--soak", type=float, nargs="?", const=10.0, metavar="MINUTES", help="instead: load of every kind (default 10)"
    )
    instead.add_argument("--profile", action="store_true", help="instead: where the time goes (needs py-spy)")
    asked = parser.parse_args()
    if min(asked.seconds, asked.rounds) < 1 or (asked.soak is not None and asked.soak <= 0):
        parser.error("--seconds and --rounds are at least 1, and a soak takes its time")
    return asked


def _measure(asked: argparse.Namespace) -> tuple[str, str, bool]:
    """The block of the document that was measured, its report, and whether its targets are reached."""
    machine, before = this_machine(), cpu_seconds()

    def conditions() -> Conditions:
        return Conditions(datetime.now(UTC).date(), machine, share_of_others(before, cpu_seconds()))

    with _place(machine) as place:
        if asked.profile:
            profiled = profile(place, _PROFILE_SECONDS)
            return "profile", render_profile(profiled, conditions()), True
        if asked.soak is not None:
            soaked = soak(place, asked.soak)
            return "soak", render_soak(soaked, conditions()), _reached(soak_targets(soaked))
        effort = QUICK if asked.quick else Effort(rounds=asked.rounds, seconds=asked.seconds, starts=7)
        results = measure_everything(place, effort, lambda title: print(title, flush=True))
        return "bench", render(results, conditions(), str(effort)), _reached(targets(results))


def _reached(promised: Sequence[Target]) -> bool:
    return all(target.reached for target in promised)


@contextmanager
def _place(machine: Machine) -> Iterator[Place]:
    # The bench itself stays off the gateway's core.
    os.sched_setaffinity(0, {machine.load_core})
    with tempfile.TemporaryDirectory(prefix="fairlead-bench-") as folder:
        yield Place(
            gateway_core=machine.gateway_core,
            load_core=machine.load_core,
            folder=Path(folder),
            page=page_of_events(),
        )


if __name__ == "__main__":
    sys.exit(main())
