"""Where the `fairlead` command begins: kept small, so that Ctrl-C ends it quietly even while it loads."""

from __future__ import annotations

import os
import signal
import sys

EXIT_INTERRUPTED = 130


def main() -> None:
    """Run the command line and exit with its status; Ctrl-C ends it with status 130 at any moment."""
    # An exception could be raised anywhere, even where a library swallows or prints it. Servers, which have
    # something to finish, replace this once they answer.
    signal.signal(signal.SIGINT, lambda _number, _frame: os._exit(EXIT_INTERRUPTED))
    _open_standard_streams()
    # The HTTP client would write records of its own to standard error, and abort when nobody reads it any more.
    os.environ["RYLOG"] = "00"
    for louder in ("RYTRACE", "RYDEBUG"):
        os.environ.pop(louder, None)
    try:
        from fairlead.cli.commands import run_commands

        status = run_commands()
    except KeyboardInterrupt:  # event loops put the default handler back when they close
        status = EXIT_INTERRUPTED
    sys.exit(status)


def _open_standard_streams() -> None:
    """Put the null device where a standard stream is closed; the next socket would take its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
            setattr(sys, name, open(number, mode, closefd=False, encoding="utf-8"))  # noqa: SIM115 - as long as the process
