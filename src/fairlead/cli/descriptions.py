"""Reads the description that a command line names, and writes the files that are made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from fairlead.cli.environment import settings
from fairlead.cli.terminal import say
from fairlead.errors import MOST_FAULTS, ConfigurationError

if TYPE_CHECKING:
    from fairlead.openapi.reading import ReadDescription

STANDARD_OUTPUT = Path("-")


def read_named(place: str) -> ReadDescription:
    """The description at an address or in a file; raises FairleadError when it cannot be read."""
    from fairlead.openapi.reading import read_description

    if not place:
        raise click.UsageError("An empty name is no description.")
    if is_address(place):
        return read_description(_fetched(place), spoken(place), place)
    return read_description(_file_bytes(Path(place)), spoken(place))


def is_address(place: str) -> bool:
    """Whether a place is to be fetched, and is no file."""
    return place.lower().startswith(("http://", "https://"))


def spoken(place: str) -> str:
    """What messages and files call a place: without folders of this machine, and without what may be a key."""
    if not is_address(place):
        return Path(place).name
    try:
        parts = urlsplit(place)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    except ValueError:
        return "the address"


def written(text: str, output: Path, *, force: bool) -> None:
    """Write a file whole, or print it for `-`; raises ConfigurationError rather than replace one unasked."""
    if output == STANDARD_OUTPUT:
        click.echo(text, nl=False)
        return
    try:
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigurationError(
            f"There is {output} already.", remedy="Add `--force` to replace it, or name another with `--output FILE`."
        ) from None
    except OSError as failure:
        raise ConfigurationError(
            f"{output} cannot be written: {failure.strerror or 'no reason was given'}.",
            remedy="Name another with `--output FILE`.",
        ) from None


def tell(heading: str, told: Sequence[str]) -> None:
    """Say what was left out, the first of it, on standard error."""
    if not told:
        return
    say(f"{heading} ({len(told):,}):", err=True, colour="yellow")
    for each in told[:MOST_FAULTS]:
        say(f"  {each}", err=True)
    if len(told) > MOST_FAULTS:
        say(f"  and {len(told) - MOST_FAULTS:,} more", err=True)


def _file_bytes(path: Path) -> bytes:
    from fairlead.openapi.text import DESCRIPTION_BOUNDS

    try:
        with path.open("rb") as file:
            return file.read(DESCRIPTION_BOUNDS.size + 1)
    except OSError as failure:
        reason = failure.strerror or "no reason was given"
        raise ConfigurationError(f"{path} cannot be read: {reason}.", remedy="Give a file or an address.") from None


def _fetched(address: str) -> bytes:
    from fairlead.app.fetching import fetch_description
    from fairlead.cli.running import run
    from fairlead.openapi.text import DESCRIPTION_BOUNDS

    return run(fetch_description(address, settings(), most=DESCRIPTION_BOUNDS.size))
