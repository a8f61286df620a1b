"""`fairlead mcp`: the tools over standard input and output."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from fairlead.cli.choice import (
    DOCUMENT,
    TOOL_SEARCH_HELP,
    Choice,
    archive_option,
    document_options,
    selection_options,
)
from fairlead.cli.documents import runnable_plans
from fairlead.cli.environment import settings
from fairlead.cli.serve import archive_place, refuse_foreign_sandbox, stand_in_for

if TYPE_CHECKING:
    from fairlead.app.options import ServeOptions


@click.command()
@click.argument("documents", nargs=-1, type=DOCUMENT)
@click.option("--sandbox", is_flag=True, help="Call a made-up organization instead of the real API.")
@click.option("--upstream", metavar="URL", help="Call this address instead of the document's baseUri.")
@click.option("--tool-search", is_flag=True, help=TOOL_SEARCH_HELP)
@archive_option
@selection_options
@document_options
def mcp(
    choice: Choice,
    sandbox: bool,
    upstream: str | None,
    tool_search: bool,
    archive: str | None,
) -> None:
    """Serve the tools to one MCP client on standard input and output.

    An MCP client starts this command itself; `fairlead serve` prints the configuration to paste. Records go
    to standard error.

    \b
    Example:
      fairlead mcp --sandbox
    """
    plans = runnable_plans(replace(choice, trail=archive is not None))
    if sandbox:
        refuse_foreign_sandbox(plans, upstream)
    from fairlead.app.options import ServeOptions
    from fairlead.cli.running import run
    from fairlead.telemetry.records import configure_logging

    chosen = settings()
    configure_logging(colours=False, form=chosen.log_format)
    stand_in = stand_in_for(is_kept=archive is not None) if sandbox else None
    options = ServeOptions(
        plans=plans,
        settings=chosen,
        upstream=upstream,
        sandbox=stand_in,
        tool_search=tool_search,
        archive=archive_place(archive, chosen, sandbox=sandbox),
    )
    run(_serve(options))


async def _serve(options: ServeOptions) -> None:
    from fairlead.app.serving import serve_stdio

    # The thread that waits for standard input cannot be interrupted, and nothing here needs to be finished.
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, os._exit, 128 + number)
    await serve_stdio(options)
