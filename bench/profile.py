"""Says where Fairlead's time goes on the REST path under full load: by thread from /proc, by function from py-spy."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.gateways import fairlead_gateway, started
from bench.load import CONNECTIONS, sample
from bench.peers import FAIRLEAD, Peer, rest_peer
from bench.place import Place
from bench.processes import CannotMeasure, program
from bench.upstream import upstream

_RATE = 250
# py-spy takes a thread of an executor, which waits for work, for one that runs.
_LOOP = "Runner.run (asyncio/runners.py)"
_INSTALL = "pipx install py-spy (or pip, into an environment that is on the PATH)"


@dataclass(frozen=True, slots=True)
class CpuTime:
    """Clock ticks a thread spent in its own code and in the kernel."""

    user: int
    kernel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stacks:
    """Samples of the event loop's thread: how often each function was at the top, and anywhere in the stack."""

    total: int
    own: Counter[str]
    within: Counter[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Where the time of so many seconds went."""

    seconds: int
    threads: Mapping[str, CpuTime]
    stacks: Stacks


def profile(place: Place, seconds: int) -> Profile:
    """Load Fairlead at 32 connections, and look into it meanwhile; raises CannotMeasure without py-spy."""
    spy = program("py-spy", _INSTALL)
    with upstream(place.page, place.load_core, place.folder) as address:
        gateway = fairlead_gateway(FAIRLEAD, address)
        with started([gateway], upstream=address, core=place.gateway_core, folder=place.folder) as processes:
            process = processes[FAIRLEAD].pid
            peer = rest_peer(gateway, process)
            sample(peer, connections=CONNECTIONS, seconds=1, core=place.load_core)
            # The thread times come from a run of their own: py-spy stops the process for each of its samples.
            before = _threads(process)
            sample(peer, connections=CONNECTIONS, seconds=seconds, core=place.load_core)
            threads = dict(_spent(before, _threads(process)))
            stacks = _stacks(spy, peer, seconds, place)
    return Profile(seconds=seconds, threads=threads, stacks=stacks)


def _stacks(spy: str, peer: Peer, seconds: int, place: Place) -> Stacks:
    output = place.folder / "stacks"
    command = [spy, "record", "--format", "raw", "--rate", str(_RATE), "--duration", str(seconds)]
    load = threading.Thread(
        target=sample,
        args=[peer],
        kwargs={"connections": CONNECTIONS, "seconds": seconds + 2, "core": place.load_core},
    )
    load.start()
    try:
        done = subprocess.run(
            [*command, "--output", str(output), "--pid", str(peer.process)], capture_output=True, text=True, check=False
        )
    finally:
        load.join()
    if done.returncode:
        raise CannotMeasure(f"py-spy failed; it may have to run as root: {done.stderr}")
    return read_stacks(output.read_text().splitlines())


def read_stacks(lines: Iterable[str]) -> Stacks:
    """Stacks of the event loop's thread, from lines of py-spy: `outer (file:1);inner (file:2) 3`."""
    total, own, within = 0, Counter[str](), Counter[str]()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        functions = [_function(frame) for frame in stack.split(";") if frame]
        if _LOOP in functions:
            total += int(count)
            own[functions[-1]] += int(count)
            within.update(dict.fromkeys(functions, int(count)))
    return Stacks(total=total, own=own, within=within)


def _function(frame: str) -> str:
    """`name (file:line)` without the line."""
    return frame.rpartition(":")[0] + ")" if ":" in frame else frame


def _threads(process: int) -> dict[str, tuple[str, CpuTime]]:
    """The threads by id: what each is called, and what it spent so far."""
    seen = {}
    for task in Path(f"/proc/{process}/task").iterdir():
        head, _, rest = (task / "stat").read_text().rpartition(")")
        fields = rest.split()
        seen[task.name] = head.partition("(")[2], CpuTime(int(fields[11]), int(fields[12]))
    return seen


def _spent(
    before: Mapping[str, tuple[str, CpuTime]], after: Mapping[str, tuple[str, CpuTime]]
) -> Iterator[tuple[str, CpuTime]]:
    for thread, (name, now) in after.items():
        _, then = before.get(thread, ("", CpuTime(0, 0)))
        spent = CpuTime(now.user - then.user, now.kernel - then.kernel)
        if spent.user + spent.kernel:
            yield name, spent
