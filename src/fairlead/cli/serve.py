"""`fairlead serve`: REST and MCP, at once."""

from __future__ import annotations

import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.app.watch import Watch
from fairlead.archive.contract import BASE_URI, TRAIL_URI
from fairlead.cli.choice import (
    DOCUMENT,
    OWN_ARCHIVE,
    TOOL_SEARCH_HELP,
    Choice,
    archive_option,
    document_options,
    selection_options,
)
from fairlead.cli.document_files import watched_files
from fairlead.cli.documents import plans_of, runnable_plans
from fairlead.cli.environment import colours, settings
from fairlead.cli.terminal import say
from fairlead.errors import ConfigurationError
from fairlead.plan.model import Plan
from fairlead.settings import Settings

if TYPE_CHECKING:
    from fairlead.app.options import ServeOptions
    from fairlead.archive.place import Place
    from fairlead.sandbox.options import SandboxOptions

SANDBOX_PORT = 8081


@click.command()
@click.argument("documents", nargs=-1, type=DOCUMENT)
@click.option("--sandbox", is_flag=True, help="Call a made-up organization on this machine instead of the real API.")
@click.option("--upstream", metavar="URL", help="Call this address instead of the document's baseUri.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to serve on.")
@click.option("--rest-port", type=click.IntRange(0, 65535), help="The REST port.  [default: the document's, 8080]")
@click.option("--mcp-port", type=click.IntRange(0, 65535), help="The MCP port.  [default: the document's, 9090]")
@click.option(
    "--sandbox-port",
    type=click.IntRange(0, 65535),
    help=f"The sandbox's port.  [default: {SANDBOX_PORT}, or any free one]",
)
@click.option("--insecure", is_flag=True, help="Serve beyond loopback without asking callers for a token.")
@click.option(
    "--api-token-file",
    type=DOCUMENT,
    metavar="FILE",
    help="Callers and their tokens, `name token` a line.  [default: FAIRLEAD_API_TOKEN_FILE]",
)
@click.option(
    "--cache-ttl",
    type=float,
    metavar="SECONDS",
    help="How long an answer may be given again.  [default: FAIRLEAD_CACHE_TTL, 0]",
)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="How many processes serve.")
@click.option(
    "--watch", is_flag=True, help="Reload when a document, a file it is made of or a folder's list of files changes."
)
@click.option("--tool-search", is_flag=True, help=TOOL_SEARCH_HELP)
@archive_option
@selection_options
@document_options
def serve(
    choice: Choice, sandbox: bool, upstream: str | None, host: str, rest_port: int | None, mcp_port: int | None,
    sandbox_port: int | None, insecure: bool, api_token_file: Path | None, cache_ttl: float | None, workers: int,
    watch: bool, tool_search: bool, archive: str | None,
) -> int:  # fmt: skip
    """Serve documents as REST and MCP (files or folders; without any, the Qovery organization events).

    Ctrl-C or SIGTERM finishes the calls in flight and stops; a second one stops at once. SIGHUP reads the documents
    and the token file again. Callers need a credential when a document's authentication, FAIRLEAD_API_TOKEN or a
    token file asks for one, which a --host beyond loopback requires.

    \b
    Examples:
      fairlead serve --sandbox
      QOVERY_API_KEY=… fairlead serve --pin organizationId=…
      fairlead serve capabilities/ --rest-port 8000
      fairlead serve capabilities/ --workers 4 --watch
      fairlead serve capabilities/ --read-only --tool-search
      fairlead serve --sandbox --archive
    """
    choice = replace(choice, trail=archive is not None)
    # Until somebody can act on it, it waits.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    seen = Watch(lambda: watched_files(choice.documents, choice.overlay)) if watch else None
    plans = runnable_plans(choice)
    _watch_beside(plans, seen)
    if sandbox:
        refuse_foreign_sandbox(plans, upstream)
    from fairlead.app.options import ServeOptions
    from fairlead.telemetry.records import configure_logging

    switches = [*(["--sandbox"] if sandbox else []), *(["--tool-search"] if tool_search else [])]
    switches += ["--upstream", upstream] if upstream is not None else []
    switches += [] if archive is None else ["--archive", *([] if archive == OWN_ARCHIVE else [archive])]
    chosen = _settings(cache_ttl, api_token_file)
    configure_logging(colours=colours(sys.stderr), form=chosen.log_format)
    options = ServeOptions(
        plans=plans,
        settings=chosen,
        host=host.removeprefix("[").removesuffix("]"),
        rest_port=_port(rest_port, plans[0].rest_port, 8080),
        mcp_port=_port(mcp_port, plans[0].mcp_port, 9090),
        upstream=upstream,
        # The demonstration is not cut short by the limit the real API has; `fairlead sandbox` keeps it.
        sandbox=stand_in_for(is_kept=archive is not None) if sandbox else None,
        sandbox_port=SANDBOX_PORT if sandbox_port is None else sandbox_port,
        insecure=insecure,
        tool_search=tool_search,
        archive=archive_place(archive, chosen, sandbox=sandbox),
        followed=runnable_plans(Choice()) if archive is not None else (),
        organizations=_pinned_organizations(choice),
        compile=lambda: _plans_again(choice, seen, sandbox=sandbox),
        watch=seen,
        command=stdio_command(choice, *switches),
        public_command=stdio_command(choice, *switches, public=True),
    )
    any_sandbox_port = sandbox_port is None
    options = _apart(options) if any_sandbox_port else options
    if workers > 1:
        from fairlead.cli.crew import serve_with_workers

        return serve_with_workers(options, workers, _announce, any_sandbox_port=any_sandbox_port)
    from fairlead.cli.running import run

    run(_serve(options, any_sandbox_port=any_sandbox_port))
    return 0


def _pinned_organizations(choice: Choice) -> tuple[str, ...]:
    """The organization that a pin fixes for callers, which is then the one to follow."""
    return tuple(value for name, value in choice.named_pins().items() if name.lower() == "organizationid")


def stand_in_for(*, is_kept: bool) -> SandboxOptions:
    """The sandbox without the limit that the real API has, and where its events are kept, with a past that stays."""
    from fairlead.sandbox.options import SandboxOptions, archived_sandbox

    return archived_sandbox() if is_kept else SandboxOptions(rate_limit=0)


def archive_place(named: str | None, chosen: Settings, *, sandbox: bool) -> Place | None:
    """The place of the archive that a command line asks for; what is made up has one of its own."""
    if named is None:
        return None
    from fairlead.archive.place import own_place, place_of

    return own_place(chosen, sandbox=sandbox) if named == OWN_ARCHIVE else place_of(named, chosen)


def _settings(cache_ttl: float | None, api_token_file: Path | None) -> Settings:
    chosen = settings()
    if cache_ttl is not None:
        if not 0 <= cache_ttl < 1e12:  # also refuses nan
            raise click.BadParameter(f"{cache_ttl:g} is no number of seconds.", param_hint="--cache-ttl")
        chosen = replace(chosen, cache_ttl=cache_ttl)
    return replace(chosen, api_token_file=str(api_token_file)) if api_token_file else chosen


def _watch_beside(plans: tuple[Plan, ...], watch: Watch | None) -> None:
    if watch is not None:
        watch.also(Path(file) for plan in plans for file in plan.beside)


def _plans_again(choice: Choice, watch: Watch | None, *, sandbox: bool) -> tuple[Plan, ...]:
    """The plans as the documents are now; raises FairleadError, whatever is wrong."""
    from fairlead.telemetry.records import record

    try:
        plans, left_out = plans_of(choice)
    except click.UsageError as failure:
        raise ConfigurationError(failure.format_message()) from failure
    if sandbox:
        refuse_foreign_sandbox(plans, None)
    _watch_beside(plans, watch)
    for found in left_out:
        record("document left out", at=str(found.position), message=found.message)
    return plans


def refuse_foreign_sandbox(plans: tuple[Plan, ...], upstream: str | None) -> None:
    """Raise when the sandbox cannot stand in for what the plans call."""
    if upstream is not None:
        raise click.UsageError("--sandbox and --upstream exclude each other.")
    for plan in plans:
        if any(up.base not in {BASE_URI, TRAIL_URI} for up in plan.upstreams):
            raise ConfigurationError(
                f"--sandbox stands in for {BASE_URI} only, and {plan.file} calls something else.",
                remedy="Leave --sandbox out, or point --upstream at your own stand-in.",
            )


def _port(asked: int | None, document: int | None, default: int) -> int:
    return asked if asked is not None else document if document is not None else default


def stdio_command(choice: Choice, *switches: str, public: bool = False) -> tuple[str, ...]:
    """The command with which an MCP client serves the same to itself; `public` names no folder of this machine."""
    words = choice.words(lambda path: path.name if public else str(path.resolve()))
    return (*(("fairlead",) if public else _program()), "mcp", *switches, *words)


def _program() -> tuple[str, ...]:
    found = shutil.which(sys.argv[0]) if Path(sys.argv[0]).stem == "fairlead" else shutil.which("fairlead")
    return (str(Path(found).absolute()),) if found else (sys.executable, "-m", "fairlead")


def _apart(options: ServeOptions) -> ServeOptions:
    """The options with another port for the sandbox, if it would be in the way of what was asked for by number."""
    in_the_way = options.sandbox_port in {options.rest_port, options.mcp_port}
    return replace(options, sandbox_port=0) if in_the_way else options


async def _serve(options: ServeOptions, *, any_sandbox_port: bool) -> None:
    from fairlead.errors import CannotListen

    try:
        await _serve_until_signal(options)
    except CannotListen as failure:
        # Nobody asked for the sandbox's port by number; any free one serves as well.
        if not any_sandbox_port or options.sandbox is None or failure.port != options.sandbox_port:
            raise
        await _serve_until_signal(replace(options, sandbox_port=0))


async def _serve_until_signal(options: ServeOptions) -> None:
    from fairlead.app.ports import reload_on_signal, reload_or_end, stop_on_signal
    from fairlead.app.serving import serving

    async with serving(options) as running:
        stop = stop_on_signal(running.servers, running.behind)
        reload_on_signal(reload_or_end(running.reload))
        _announce(options, running.rest_url, running.mcp_url, running.sandbox_url)
        await stop.wait()
        say("Finishing the calls in flight…", err=True)


def _announce(options: ServeOptions, rest_url: str, mcp_url: str, sandbox_url: str | None) -> None:
    from fairlead.app.surface import stdio_configuration
    from fairlead.cli.banner import Addresses, banner
    from fairlead.expose.presenting import asked_of_callers

    addresses = Addresses(
        rest_url=rest_url,
        mcp_url=mcp_url,
        sandbox_url=sandbox_url,
        asked=asked_of_callers(options.plans, options.settings),
    )
    stdio = stdio_configuration(options, public=False)
    click.echo(banner(options.plans, addresses, stdio, searched=options.tool_search, bold=colours(sys.stdout)))
