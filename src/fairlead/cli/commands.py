"""The subcommands, loaded when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping

import click

from fairlead.cli.failures import exit_status
from fairlead.cli.lazy_group import LazyGroup

_COMMANDS: Mapping[str, str] = {
    "serve": "Serve documents as REST and MCP.",
    "check": "Check documents: every problem at once.",
    "explain": "Show the compiled plan: what comes from where.",
    "call": "Run one operation from the terminal.",
    "openapi": "Print the OpenAPI document of the REST side, which we serve.",
    "mcp": "Serve the tools to one MCP client on standard input and output.",
    "import": "Write a document from a provider's OpenAPI description.",
    "enrich": "Write an overlay of what the provider documents.",
    "export": "Write the OpenAPI document of the API that a document calls.",
    "events": "Keep the events of an organization, and read, prove and export them.",
    "sandbox": "Serve a stand-in for the Qovery API.",
}


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"fairlead {version('fairlead')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    package="fairlead.cli",
    table=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExit status: 0 done; 1 the call failed, or `check` found an error; 2 wrong usage;\n"
    "3 a document has errors; 4 a key or setting is missing or wrong; 5 a port cannot be used;\n"
    "70 a fault of Fairlead itself; 74 the output cannot be written; 130 interrupted;\n"
    "141 the reader of the output went away.",
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
    help="Print the version and exit.",
)  # fmt: skip
def commands() -> None:
    """Run capability documents: one YAML file, served as REST and as MCP at once.

    \b
    Examples:
      fairlead serve --sandbox            try it: a made-up organization, REST :8080, MCP :9090
      fairlead serve                      the real thing; QOVERY_API_KEY from the environment
      fairlead serve a.yaml dir/          any capability documents, in one server
      fairlead check my-capability.yaml   every problem at once, with line and column
      fairlead call getorganizationevents --sandbox organizationId=… pageSize=5
      fairlead events sync                keep the events that Qovery forgets
    """


def run_commands() -> int:
    """Run the command line; every failure is one clear line and an exit status, never a traceback."""
    try:
        code = commands.main(prog_name="fairlead", standalone_mode=False)
    except Exception as failure:  # noqa: BLE001 - the outermost place: nobody else can tell
        return exit_status(failure)
    return code if isinstance(code, int) else 0
