"""Runs a coroutine of the servers: the fast event loop where there is one, and failures without a traceback."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import TypeVar

from fairlead.errors import FairleadError

Outcome = TypeVar("Outcome")


def run(coroutine: Coroutine[None, None, Outcome]) -> Outcome:
    """Run to the end; what went wrong inside task groups comes out as itself: a FairleadError before others."""
    with asyncio.Runner(loop_factory=_event_loop) as runner:
        try:
            return runner.run(coroutine)
        except BaseExceptionGroup as group:
            failures = list(_leaves(group))
            told = [failure for failure in failures if isinstance(failure, FairleadError)]
            raise (told or failures)[0] from None


def _event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # not on Windows
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for failure in group.exceptions:
        if isinstance(failure, BaseExceptionGroup):
            yield from _leaves(failure)
        else:
            yield failure
