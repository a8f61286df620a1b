"""Does what `fairlead events forward` is asked for, and says what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import click

from fairlead.app.forwarding import ForwardOptions, Hook, forward_events
from fairlead.cli.archive.counter import Count, counting
from fairlead.cli.archive.forward_options import Wanted
from fairlead.cli.environment import settings
from fairlead.cli.running import run
from fairlead.cli.terminal import say
from fairlead.forward.forwarding import Progress
from fairlead.forward.syslog import Line
from fairlead.settings import LOOPBACK_HOSTS

EXIT_UNDELIVERED, EXIT_REFUSED = 1, 3
# Nothing slows a sender of datagrams down before a receiver's buffer overflows.
_RATE_OF_DATAGRAMS = 1_000.0


def run_forwarding(receiver: Hook | Line, shown: str, wanted: Wanted, refused: Path | None = None) -> int:
    """Forward to a receiver, once or until stopped; the exit status."""
    options = ForwardOptions(
        settings=settings(),
        receiver=receiver,
        shown=shown,
        archive=wanted.named,
        organizations=wanted.organizations,
        state=wanted.state,
        refused=refused,
        start=_start(wanted.start),
        batch=wanted.batch,
        tries=wanted.tries,
        rate=wanted.rate or (_RATE_OF_DATAGRAMS if _is_udp(receiver) else None),
        poll=wanted.poll if wanted.follow else None,
    )
    begun = time.monotonic()
    with counting(sys.stderr) as count:
        outcome = run(forward_events(options, _report(count, shown)))
    done = outcome.summary
    say(f"Delivered {done.delivered:,} events to {shown} in {time.monotonic() - begun:.1f} s; {done.left:,} are left.")
    if done.refused:
        say(f"{done.refused:,} events were refused; they are in {outcome.notebook.refused}.", colour="yellow")
    if done.trouble:
        say(f"fairlead: {shown} takes no events: {done.trouble}. The next run goes on there.", err=True, colour="red")
        return EXIT_UNDELIVERED
    return EXIT_REFUSED if done.refused else 0


def warn_of_clear_text(address: str) -> None:
    """Say so when events travel where others can read them."""
    parts = urlsplit(address)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        say("Events are sent in clear: the address begins with http://.", err=True, colour="yellow")


def _report(count: Count, shown: str) -> Callable[[Progress], None]:
    waited_for = ""

    def report(progress: Progress) -> None:
        nonlocal waited_for
        count(progress.delivered)
        if progress.reason and progress.reason != waited_for:
            say(f"{shown}: {progress.reason}; trying again in {progress.waiting:.1f} s.", err=True, colour="yellow")
        elif waited_for and not progress.reason:
            say(f"{shown}: it takes events again.", err=True)
        waited_for = progress.reason

    return report


def _is_udp(receiver: Hook | Line) -> bool:
    return isinstance(receiver, Line) and receiver.transport == "udp"


def _start(text: str | None) -> int | Literal["now"] | None:
    if text is None:
        return None
    if text == "now":
        return "now"
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise click.BadParameter(f"`{text[:60]}` is no number of the log; write `0` or `now`.", param_hint="--start")
    return int(text)
