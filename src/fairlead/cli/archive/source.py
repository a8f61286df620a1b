"""Where events are read from and into which archive: the options that `sync` and `follow` share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

from fairlead.cli.archive.opening import archive_option
from fairlead.cli.environment import settings
from fairlead.cli.terminal import say

if TYPE_CHECKING:
    from fairlead.app.syncing import SyncOptions

Command = TypeVar("Command", bound=Callable[..., object])

_OPTIONS = (
    archive_option,
    click.option(
        "--organization", "organizations", multiple=True, metavar="ID",
        help="An organization; repeatable.  [default: all that the key may see]",
    ),
    click.option("--sandbox", is_flag=True, help="Read a made-up organization, which lives on, instead of the API."),
    click.option("--upstream", metavar="URL", help="Read from this address instead of the document's baseUri."),
    click.option(
        "--budget", type=click.FloatRange(0.01, 1.0), default=0.5, show_default=True,
        help="The share of the hourly requests of the key to use; the rest is left to others.",
    ),
    click.option("--keep-secrets", is_flag=True, help="Store the secrets in events as they are. You should not."),
)  # fmt: skip


def source_options(command: Command) -> Command:
    """The options of a command that reads events into an archive; it takes them as `source`."""

    @functools.wraps(command)
    def chosen(
        *arguments: object, named: str, organizations: tuple[str, ...], sandbox: bool, upstream: str | None,
        budget: float, keep_secrets: bool, **others: object,
    ) -> object:  # fmt: skip
        source = _source(named, organizations, sandbox, upstream, budget, keep_secrets)
        return command(*arguments, source=source, **others)

    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(_OPTIONS), chosen)  # type: ignore[return-value]


def _source(
    named: str, organizations: tuple[str, ...], sandbox: bool, upstream: str | None, budget: float, keep_secrets: bool
) -> SyncOptions:
    from fairlead.app.syncing import SyncOptions
    from fairlead.cli.choice import Choice
    from fairlead.cli.documents import runnable_plans
    from fairlead.cli.serve import refuse_foreign_sandbox

    plans = runnable_plans(Choice())
    if sandbox:
        refuse_foreign_sandbox(plans, upstream)
    if keep_secrets:
        say("Secrets in events will be stored in clear (--keep-secrets).", err=True, colour="yellow")
    return SyncOptions(
        plans=plans,
        settings=settings(),
        archive=named,
        organizations=organizations,
        sandbox=sandbox,
        upstream=upstream,
        budget=budget,
        keep_secrets=keep_secrets,
    )
