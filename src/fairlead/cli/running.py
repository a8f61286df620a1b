"""Runs a coroutine of the servers: the fast event loop where there is one, and failures without a traceback."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from fairlead.errors import FairleadError

Outcome = TypeVar("Outcome")


def run(coroutine: Coroutine[None, None, Outcome]) -> Outcome:
    """Run to the end; a FairleadError inside a task group comes out as itself."""
    with asyncio.Runner(loop_factory=_event_loop) as runner:
        try:
            return runner.run(coroutine)
        except BaseExceptionGroup as group:
            found = _first(group)
            if found is None:
                raise
            raise found from None


def _event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # not on Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _first(group: BaseExceptionGroup[BaseException]) -> FairleadError | None:
    for failure in group.exceptions:
        if isinstance(failure, FairleadError):
            return failure
        if isinstance(failure, BaseExceptionGroup) and (found := _first(failure)):
            return found
    return None
