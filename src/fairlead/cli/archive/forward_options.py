"""The options that both ways of forwarding have."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import click

from fairlead.cli.archive.opening import archive_option

Command = TypeVar("Command", bound=Callable[..., object])

_OPTIONS = (
    archive_option,
    click.option(
        "--organization", "organizations", multiple=True, metavar="ID",
        help="An organization; repeatable.  [default: all of the archive]",
    ),
    click.option("--follow", is_flag=True, help="Go on with what is archived later, until stopped."),
    click.option(
        "--poll", type=click.FloatRange(0.05, 3_600), default=2.0, show_default=True, metavar="SECONDS",
        help="How often --follow looks for events.",
    ),
    click.option(
        "--state", type=click.Path(path_type=Path), metavar="FILE",
        help="Where is remembered how far it went.  [default: a file for each receiver beside the archive]",
    ),
    click.option(
        "--start", metavar="NUMBER|now",
        help="Go on from this number of the log, or only with what comes.  [default: where it ended, at first 0]",
    ),
    click.option("--batch", type=click.IntRange(1, 1_000), default=100, show_default=True, help="Events at once."),
    click.option(
        "--rate", type=click.FloatRange(0.01), metavar="EVENTS",
        help="At most so many events a second.  [default: any number, over UDP 1,000]",
    ),
    click.option(
        "--tries", type=click.IntRange(1, 100), default=10, show_default=True,
        help="How often a batch is tried; with --follow, a receiver that is away is waited for.",
    ),
)  # fmt: skip


class Wanted(NamedTuple):
    """What both ways of forwarding are asked for."""

    named: str
    organizations: tuple[str, ...]
    follow: bool
    poll: float
    state: Path | None
    start: str | None
    batch: int
    rate: float | None
    tries: int


def forwarding_options(command: Command) -> Command:
    """The options of a command that forwards; it takes them as `wanted`."""

    @functools.wraps(command)
    def gathered(**options: object) -> object:
        wanted = Wanted._make(options.pop(name) for name in Wanted._fields)
        return command(wanted=wanted, **options)

    made: Callable[..., object] = functools.reduce(lambda made, option: option(made), reversed(_OPTIONS), gathered)
    return made  # type: ignore[return-value]
