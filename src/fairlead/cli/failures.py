"""What failures look like on a command line: one clear line, and an exit status."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import click

from fairlead.cli.environment import debugging
from fairlead.cli.terminal import say
from fairlead.errors import CannotListen, ConfigurationError, FairleadError
from fairlead.spec.diagnostics import DocumentInvalid

EXIT_FAILED, EXIT_DOCUMENT, EXIT_CONFIGURATION, EXIT_LISTEN = 1, 3, 4, 5
EXIT_FAULT, EXIT_OUTPUT, EXIT_INTERRUPTED, EXIT_CLOSED_OUTPUT = 70, 74, 130, 141
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class ReaderGoneError(Exception):
    """Whoever read the output went away (`| head`)."""


@contextlib.contextmanager
def reader_gone() -> Iterator[None]:
    """Raise ReaderGoneError for a closed pipe, which click would answer itself, with status 1."""
    try:
        yield
    except BrokenPipeError as failure:
        raise ReaderGoneError from failure


def exit_status(failure: Exception) -> int:
    """Tell a person about a failure on standard error; answers the status to exit with."""
    try:
        return _told(failure)
    except OSError:  # standard error is full or closed: the status has to say it alone
        _discard(sys.stderr.fileno())
        return EXIT_OUTPUT


def _told(failure: Exception) -> int:
    if isinstance(failure, click.Abort):
        return EXIT_INTERRUPTED
    if isinstance(failure, click.ClickException):
        failure.show()
        return failure.exit_code
    if isinstance(failure, ReaderGoneError):
        # Python would complain once more while it closes the stream.
        _discard(sys.stdout.fileno())
        return EXIT_CLOSED_OUTPUT
    if isinstance(failure, OSError) and failure.errno in _FULL:
        _discard(sys.stdout.fileno())
        say(f"fairlead: the output cannot be written: {failure.strerror}.", err=True, colour="red")
        return EXIT_OUTPUT
    if isinstance(failure, DocumentInvalid):
        from fairlead.cli.documents import print_diagnostics

        print_diagnostics(failure.diagnostics)
        return EXIT_DOCUMENT
    if isinstance(failure, FairleadError):
        say(f"fairlead: {failure}", err=True, colour="red")
        return _status_of(failure)
    return _told_fault(failure)


def _told_fault(fault: Exception) -> int:
    if debugging():
        traceback.print_exception(fault)
    frame = traceback.extract_tb(fault.__traceback__)[-1]
    where = f"{type(fault).__name__} in {Path(frame.filename).name}:{frame.lineno}"
    say(f"fairlead: a fault of Fairlead itself, {where}. FAIRLEAD_DEBUG=1 shows all of it.", err=True, colour="red")
    return EXIT_FAULT


def _status_of(failure: FairleadError) -> int:
    if isinstance(failure, ConfigurationError):
        return EXIT_CONFIGURATION
    return EXIT_LISTEN if isinstance(failure, CannotListen) else EXIT_FAILED


def _discard(number: int) -> None:
    """Let whatever is still written to a file number vanish."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
