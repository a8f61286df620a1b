"""Several processes that serve on one address: started, replaced when they end, told to reload and to stop.

The parent serves nothing itself. It has no event loop and no thread, so that it can fork at any time.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from socket import socket

from fairlead.app.posts import HANDLED, Post, become
from fairlead.app.watch import INTERVAL, Watch
from fairlead.telemetry.records import record

# A worker that lived shorter than this, in seconds, has not served.
SHORT = 1.0
MOST_SHORT_LIVES = 5
# Seconds that a child has to end beyond the grace of its calls.
_MARGIN = 2.0


@dataclass(slots=True)
class Restarts:
    """When to replace a child that ended: at once, after a pause, or never again."""

    short_lives: int = 0

    def pause_after(self, lived: float) -> float | None:
        """Seconds to wait before the next child is started; None after five short lives one after the other."""
        self.short_lives = self.short_lives + 1 if lived < SHORT else 0
        if self.short_lives >= MOST_SHORT_LIVES:
            return None
        return 0.1 * 2**self.short_lives if self.short_lives else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """The processes to run, and what their parent does beside.

    `work` runs in each of the `workers`, `behind` in one child more, which ends last; both answer an exit status.
    `ready` is called once, when all of them are; `reload` and `draining` before the workers are told to, `retired`
    with the number of a worker that ended. `sockets` are closed as soon as the workers drain, which takes at most
    `grace` seconds.
    """

    workers: int
    work: Callable[[Post], int]
    behind: Callable[[Post], int] | None
    sockets: Sequence[socket]
    grace: float
    ready: Callable[[], None]
    reload: Callable[[], None]
    draining: Callable[[], None]
    retired: Callable[[int], None]
    watch: Watch | None


@dataclass(slots=True)
class _Place:
    """A child's place: who holds it, since when, whether it is ready, and when the next one is due."""

    pid: int = 0
    ready_at: float | None = None
    due: float = 0.0


@dataclass(slots=True, kw_only=True)
class _Supervisor:
    crew: Crew
    said_by_signals: int
    said_by_children: int
    post: Post
    places: list[_Place]
    restarts: Restarts = field(default_factory=Restarts)
    complete: bool = False
    status: int = 0
    deadline: float | None = None
    looked: float = 0.0

    def run(self) -> int:
        """Until every child has ended after a signal, or nothing can be done any more."""
        while True:
            self._start_due()
            if self.deadline is not None and not any(place.pid for place in self.places):
                return self.status
            select.select((self.said_by_signals, self.said_by_children), (), (), self._wait())
            self._hear_children()
            for number in _read(self.said_by_signals):
                self._on_signal(number)
            self._reap()
            self._look()
            self._press()

    def _start_due(self) -> None:
        for number, place in enumerate(self.places):
            if self.deadline is None and not place.pid and place.due <= time.monotonic():
                try:
                    place.pid = self._fork(number)
                except OSError as failure:  # no memory, or too many processes: for now
                    record("worker not started", worker=number, reason=failure.strerror)
                    place.due = time.monotonic() + SHORT

    def _fork(self, number: int) -> int:
        # A signal between the fork and the child's own handlers would otherwise be told to the parent.
        signal.pthread_sigmask(signal.SIG_BLOCK, HANDLED)
        try:
            pid = os.fork()
            if not pid:
                work = self.crew.work if number < self.crew.workers else self.crew.behind
                assert work is not None
                become(self.post.numbered(number), work, (self.said_by_signals, self.said_by_children))
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
        return pid

    def _wait(self) -> float | None:
        """Seconds until something is to be done even if nothing happens; None when there is nothing."""
        now = time.monotonic()
        moments = [place.due for place in self.places if not place.pid] if self.deadline is None else [self.deadline]
        if self.crew.watch is not None and self.deadline is None:
            moments.append(self.looked + INTERVAL)
        return max(0.0, min(moments) - now) if moments else None

    def _hear_children(self) -> None:
        for number in _read(self.said_by_children):
            self.places[number].ready_at = time.monotonic()
        if not self.complete and all(place.ready_at is not None for place in self.places):
            self.complete = True
            self.crew.ready()

    def _on_signal(self, number: int) -> None:
        if number == signal.SIGHUP and self.deadline is None:
            self._reload()
        elif number in {signal.SIGTERM, signal.SIGINT}:
            if self.deadline is None:
                self.crew.draining()
                self._drain()
            else:
                self._tell(signal.SIGKILL, self.places)

    def _reload(self) -> None:
        self.crew.reload()
        self._tell(signal.SIGHUP, self._workers())

    def _drain(self) -> None:
        """Take no more connections, and let the workers finish."""
        self.deadline = time.monotonic() + self.crew.grace + _MARGIN
        for listener in self.crew.sockets:
            listener.close()
        self._tell(signal.SIGTERM, self._workers())
        self._let_go()

    def _reap(self) -> None:
        while True:
            try:
                pid, ending = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            number = next(index for index, place in enumerate(self.places) if place.pid == pid)
            self._on_end(number, os.waitstatus_to_exitcode(ending))

    def _on_end(self, number: int, status: int) -> None:
        place = self.places[number]
        lived = 0.0 if place.ready_at is None else time.monotonic() - place.ready_at
        place.pid, place.ready_at = 0, None
        if number < self.crew.workers:
            self.crew.retired(number)
        if self.deadline is not None:
            self._let_go()
            return
        pause = self.restarts.pause_after(lived)
        if pause is not None and (self.complete or status <= 0):
            record("worker ended", worker=number, status=status, pause=pause)
            place.due = time.monotonic() + pause
            return
        if pause is None:
            record("workers end as soon as they start", worker=number, status=status, remedy="see the records above")
        self.status = status if status > 0 else 128 - status  # a negative one is the signal that ended it
        self._drain()

    def _let_go(self) -> None:
        """Once nobody needs it any more, end what is behind the workers."""
        if not any(place.pid for place in self._workers()):
            self._tell(signal.SIGTERM, self.places)

    def _look(self) -> None:
        now = time.monotonic()
        if self.crew.watch is not None and self.deadline is None and now >= self.looked + INTERVAL:
            self.looked = now
            if self.crew.watch.changed():
                self._reload()

    def _press(self) -> None:
        """End what did not end in time."""
        if self.deadline is not None and time.monotonic() >= self.deadline:
            self._tell(signal.SIGKILL, self.places)
            self.deadline = time.monotonic() + _MARGIN

    def _workers(self) -> Sequence[_Place]:
        return self.places[: self.crew.workers]

    @staticmethod
    def _tell(number: int, places: Sequence[_Place]) -> None:
        for place in places:
            if place.pid:
                os.kill(place.pid, number)


def supervise(crew: Crew) -> int:
    """Run the processes until a signal ends them; answers the exit status.

    SIGTERM or SIGINT drains them, a second one ends them at once; SIGHUP lets the workers reload. A child that ends
    is replaced. One that ends with a status of its own before all were ready ends them all with that status.
    """
    with contextlib.ExitStack() as stack:
        signals_out, signals_in = stack.enter_context(_pipe())
        children_out, children_in = stack.enter_context(_pipe())
        alive_out, alive_in = stack.enter_context(_pipe())
        stack.enter_context(_signals_to(signals_in))
        return _Supervisor(
            crew=crew,
            said_by_signals=signals_out,
            said_by_children=children_out,
            post=Post(0, children_in, alive_out, alive_in),
            places=[_Place() for _ in range(crew.workers + (crew.behind is not None))],
        ).run()


@contextlib.contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    out, into = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        yield out, into
    finally:
        os.close(out)
        os.close(into)


@contextlib.contextmanager
def _signals_to(descriptor: int) -> Iterator[None]:
    """Write the numbers of signals to a descriptor, so that one wait hears of everything."""
    for number in HANDLED:
        signal.signal(number, lambda _number, _frame: None)
    signal.set_wakeup_fd(descriptor, warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    try:
        yield
    finally:
        signal.set_wakeup_fd(-1)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except BlockingIOError:
        return b""
