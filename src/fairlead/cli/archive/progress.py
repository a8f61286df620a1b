"""How a run shows itself: a bar on a terminal, plain lines in a pipe."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import TextIO

import click

from fairlead.cli.terminal import escaped
from fairlead.ingest.progress import Progress, Report

_STEPS = 1_000
_SECONDS_BETWEEN_LINES = 5.0


@contextlib.contextmanager
def telling(stream: TextIO) -> Iterator[Report]:
    """What to report to while something runs."""
    if stream.isatty():
        with _bar(stream) as report:
            yield report
    else:
        yield _lines(stream)


@contextlib.contextmanager
def _bar(stream: TextIO) -> Iterator[Report]:
    begun = time.monotonic()
    with click.progressbar(length=_STEPS, file=stream, show_eta=True, show_percent=True, label="Reading") as bar:

        def report(progress: Progress) -> None:
            bar.label = escaped(_words(progress, time.monotonic() - begun))
            bar.update(progress.done * _STEPS // progress.whole - bar.pos)
            bar.render_progress()

        yield report


def _lines(stream: TextIO) -> Report:
    begun = time.monotonic()
    told = [begun]

    def report(progress: Progress) -> None:
        now = time.monotonic()
        if progress.waiting > 1 or now - told[0] >= _SECONDS_BETWEEN_LINES:
            told[0] = now
            share = progress.done * 100 // progress.whole
            click.echo(escaped(f"{share:3d}% {_words(progress, now - begun)}"), file=stream)

    return report


def _words(progress: Progress, seconds: float) -> str:
    events = progress.kept.new + progress.kept.revisions
    rate = events / seconds if seconds > 0 else 0.0
    waiting = f", waiting {progress.waiting:.0f} s: {progress.reason}" if progress.waiting > 1 else ""
    return f"{events:,} events, {rate:,.0f}/s, {progress.requests:,} requests{waiting}"
