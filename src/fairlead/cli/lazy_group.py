"""A group of commands that are loaded when they are asked for."""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Mapping
from keyword import iskeyword
from typing import Any

import click

from fairlead.cli.failures import reader_gone
from fairlead.spec.diagnostics import did_you_mean


class LazyGroup(click.Group):
    """Subcommands by name; each lives in the module of its name, in a package, and is imported only to run.

    A name that Python keeps for itself, such as `import`, or for a type of its own, has a `_` behind it there, and a
    hyphen is one, too.
    """

    def __init__(self, *arguments: Any, package: str, table: Mapping[str, str], **others: Any) -> None:
        super().__init__(*arguments, **others)
        self._package, self._table = package, table

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Read the command line; a reader of the help that went away is told apart."""
        with reader_gone():
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a reader of its output that went away is told apart."""
        with reader_gone():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the table's order."""
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name, imported now."""
        if cmd_name not in self._table:
            return None
        spelled = cmd_name.replace("-", "_")
        if iskeyword(spelled) or hasattr(builtins, spelled):
            spelled += "_"
        command = getattr(importlib.import_module(f"{self._package}.{spelled}"), spelled)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table; nothing is imported."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self._table.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a command, or say which one may be meant."""
        if args and args[0] not in self._table and not args[0].startswith("-"):
            hint = did_you_mean(args[0], self._table) or f"; `{ctx.command_path} --help` lists them"
            raise click.UsageError(f"There is no command `{args[0][:60]}`{hint}", ctx)
        return super().resolve_command(ctx, args)
