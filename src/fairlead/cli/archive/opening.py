"""The archive as every command of `fairlead events` finds it, and the organization that is meant."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar

import click

from fairlead.archive.factory import open_archive
from fairlead.archive.place import place_of
from fairlead.archive.store import Archive
from fairlead.cli.environment import settings
from fairlead.errors import NotArchived

Command = TypeVar("Command", bound=Callable[..., object])

archive_option = click.option(
    "--archive", "named", default="", metavar="PLACE",
    help="The archive: a file, or `postgresql://…`.  [default: FAIRLEAD_ARCHIVE, else a file of your own]",
)  # fmt: skip
organization_option = click.option(
    "--organization", default="", metavar="ID", help="The organization.  [default: the only one of the archive]"
)


def reading_options(command: Command) -> Command:
    """The options of a command that reads one organization; it takes `archive` and `organization`, both open."""

    @archive_option
    @organization_option
    @functools.wraps(command)
    def opened(*arguments: object, named: str, organization: str, **others: object) -> object:
        archive = open_archive(place_of(named, settings()))
        try:
            return command(
                *arguments, archive=archive, organization=chosen_organization(archive, organization), **others
            )
        finally:
            archive.close()

    return opened  # type: ignore[return-value]


def chosen_organization(archive: Archive, named: str) -> str:
    """The organization that is meant; raises NotArchived when the archive does not have it, or has several."""
    known = archive.organizations()
    if named:
        found = next((each for each in known if each.lower() == named.lower()), None)
        if found is None:
            raise NotArchived(f"The archive {archive.name} has no organization {named[:60]}.", remedy=_listed(known))
        return found
    if len(known) != 1:
        raise NotArchived(
            f"The archive {archive.name} has {len(known)} organizations.",
            remedy=f"Name one with `--organization`. {_listed(known)}" if known else "Run `fairlead events sync`.",
        )
    return known[0]


def _listed(known: tuple[str, ...]) -> str:
    return f"It has {', '.join(known[:5])}." if known else "Run `fairlead events sync` first."
