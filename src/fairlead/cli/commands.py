"""The subcommands, loaded when they are asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from keyword import iskeyword
from typing import Any

import click

from fairlead.cli.failures import exit_status, reader_gone
from fairlead.spec.diagnostics import did_you_mean

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
    "sandbox": "Serve a stand-in for the Qovery API.",
}


class _Commands(click.Group):
    """Subcommands by name; each lives in the module of its name and is imported only to run.

    A name that Python keeps for itself, such as `import`, has a `_` behind it there.
    """

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with reader_gone():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        with reader_gone():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        spelled = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command = getattr(importlib.import_module(f"fairlead.cli.{spelled}"), spelled)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            hint = did_you_mean(args[0], _COMMANDS) or "; `fairlead --help` lists them"
            raise click.UsageError(f"There is no command `{args[0][:60]}`{hint}", ctx)
        return super().resolve_command(ctx, args)


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"fairlead {version('fairlead')}")
        ctx.exit()


@click.group(
    cls=_Commands,
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
    """


def run_commands() -> int:
    """Run the command line; every failure is one clear line and an exit status, never a traceback."""
    try:
        code = commands.main(prog_name="fairlead", standalone_mode=False)
    except Exception as failure:  # noqa: BLE001 - the outermost place: nobody else can tell
        return exit_status(failure)
    return code if isinstance(code, int) else 0
