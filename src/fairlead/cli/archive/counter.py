"""How many events went by so far, on a terminal and nowhere else."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TextIO

import click

_SECONDS = 0.2
_WIDTH = 60

Count = Callable[[int], None]
"""Told how many events went by since the beginning."""


@contextlib.contextmanager
def counting(stream: TextIO, *, quiet: bool = False) -> Iterator[Count]:
    """What to tell; the line is gone in the end."""
    if quiet or not stream.isatty():
        yield lambda _events: None
        return
    begun = told = time.monotonic()

    def count(events: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= _SECONDS:
            told = now
            click.echo(f"\r{f'{events:,} events, {events / (now - begun):,.0f}/s':{_WIDTH}}", file=stream, nl=False)

    try:
        yield count
    finally:
        click.echo(f"\r{'':{_WIDTH}}\r", file=stream, nl=False)
