"""`fairlead serve --workers N`: one process that serves nothing, and N that do."""

from __future__ import annotations

import contextlib
import gc
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from socket import socket

from fairlead.app.checks import check_servable
from fairlead.app.options import ServeOptions
from fairlead.app.ports import Listeners, address_of, bound, bound_together, reload_or_end
from fairlead.app.posts import Post, serve_as_worker, serve_sandbox
from fairlead.app.workers import Crew, supervise
from fairlead.cli.failures import exit_status
from fairlead.cli.running import run
from fairlead.cli.terminal import say
from fairlead.errors import CannotListen, ConfigurationError
from fairlead.expose.connect import MCP_PATH
from fairlead.telemetry.registry import retire

# Prints where the server answers: REST, MCP, the sandbox.
Announce = Callable[[ServeOptions, str, str, str | None], None]


@dataclass(frozen=True, slots=True)
class _Sockets:
    """What is bound for the workers, for each of them its own, and for the sandbox."""

    workers: tuple[Listeners, ...]
    sandbox: socket | None

    def all(self) -> Iterator[socket]:
        for listeners in self.workers:
            yield from (listeners.rest, listeners.mcp)
        if self.sandbox is not None:
            yield self.sandbox


@dataclass(slots=True)
class _Latest:
    """The options a worker starts with: a reload changes them for those that replace others."""

    options: ServeOptions

    def renew(self) -> None:
        """Read the documents again; the workers, who do the same, say what is wrong with them."""
        if self.options.compile is None:
            return
        # A fault that a document sets off must not end the one process that looks after the others.
        with contextlib.suppress(Exception):
            plans = self.options.compile()
            check_servable(plans, self.options)
            self.options = replace(self.options, plans=plans)


def serve_with_workers(options: ServeOptions, workers: int, announce: Announce, *, any_sandbox_port: bool) -> int:
    """Serve until a signal; answers the exit status. Raises what keeps the server from starting."""
    check_servable(options.plans, options)
    with contextlib.ExitStack() as stack:
        sockets = _bound_for(workers, options, stack, any_sandbox_port=any_sandbox_port)
        folder = _shared_folder(stack)
        urls = [address_of(listener, options.host) for listener in (sockets.workers[0].rest, sockets.workers[0].mcp)]
        sandbox_url = address_of(sockets.sandbox, "127.0.0.1") if sockets.sandbox else None
        latest = _Latest(_shared_out(options, workers, folder, sandbox_url))
        # What the children share stays shared as long as nobody writes to it, which collecting garbage would.
        gc.collect()
        gc.freeze()
        crew = Crew(
            workers=workers,
            work=lambda post: _work(latest.options, sockets, post),
            behind=None if sockets.sandbox is None else lambda post: _stand_in(latest.options, sockets, post),
            sockets=tuple(listener for each in sockets.workers for listener in (each.rest, each.mcp)),
            grace=options.settings.grace_period,
            ready=lambda: announce(options, urls[0], urls[1] + MCP_PATH, sandbox_url),
            reload=reload_or_end(latest.renew),
            draining=_say_draining,
            retired=lambda number: retire(folder, number),
            watch=options.watch,
        )
        return supervise(crew)


def _shared_folder(stack: contextlib.ExitStack) -> Path:
    """Where the workers show each other their numbers, until the server ends."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="fairlead-", ignore_cleanup_errors=True)
    except OSError as failure:
        raise ConfigurationError(
            "There is no folder where the workers could show each other their numbers.",
            detail=str(failure),
            remedy="Let TMPDIR name one that this user may write.",
        ) from failure
    return Path(stack.enter_context(folder))


def _say_draining() -> None:
    with contextlib.suppress(OSError):  # a terminal that was closed
        say("Finishing the calls in flight…", err=True)


def _shared_out(options: ServeOptions, workers: int, folder: Path, sandbox_url: str | None) -> ServeOptions:
    """The options of one worker of many: what it counts alone it gets a share of, and only the parent watches."""
    settings = replace(options.settings, call_rate=options.settings.call_rate / workers)
    return replace(options, settings=settings, metrics_folder=folder, sandbox_url=sandbox_url, watch=None)


def _bound_for(workers: int, options: ServeOptions, stack: contextlib.ExitStack, *, any_sandbox_port: bool) -> _Sockets:
    """Each worker gets sockets of its own: over one that they share, the connections of a burst all go to one."""
    rest = stack.enter_context(bound_together(options.host, options.rest_port, "--rest-port", workers))
    mcp = stack.enter_context(bound_together(options.host, options.mcp_port, "--mcp-port", workers))
    listeners = tuple(Listeners(rest=each, mcp=other) for each, other in zip(rest, mcp, strict=True))
    if options.sandbox is None:
        return _Sockets(listeners, None)
    try:
        sandbox = stack.enter_context(bound("127.0.0.1", options.sandbox_port, "--sandbox-port"))
    except CannotListen:
        if not any_sandbox_port:
            raise
        sandbox = stack.enter_context(bound("127.0.0.1", 0, "--sandbox-port"))
    return _Sockets(listeners, sandbox)


def _work(options: ServeOptions, sockets: _Sockets, post: Post) -> int:
    own = sockets.workers[post.number]
    _keep(sockets, own.rest, own.mcp)
    return _status_of(serve_as_worker(replace(options, worker=post.number), own, post))


def _stand_in(options: ServeOptions, sockets: _Sockets, post: Post) -> int:
    assert sockets.sandbox is not None
    _keep(sockets, sockets.sandbox)
    return _status_of(serve_sandbox(options, sockets.sandbox, post))


def _keep(sockets: _Sockets, *own: socket) -> None:
    """Close all sockets but a child's own: one that stays open somewhere goes on taking connections."""
    for listener in sockets.all():
        if listener not in own:
            listener.close()


def _status_of(serving: Coroutine[None, None, None]) -> int:
    try:
        run(serving)
    except Exception as failure:  # noqa: BLE001 - the outermost place of this process
        return exit_status(failure)
    return 0
