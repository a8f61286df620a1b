"""What a command line says about documents: which ones, their overlay and pins, and what of them is exposed."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import click

from fairlead.plan.selection import Selection

TOOL_SEARCH_HELP = "Show MCP clients three tools that search, describe and call the others, for when there are many."
Command = TypeVar("Command", bound=Callable[..., object])


class _DocumentPath(click.Path):
    """A path that is not empty; pathlib would take an empty one for the current directory."""

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Path:
        if not os.fspath(value):
            self.fail("an empty name is no document.", param, ctx)
        return Path(value)


DOCUMENT = _DocumentPath(path_type=Path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The documents a command line names; none named means the one we ship. `trail` adds the audit trail's own."""

    documents: tuple[Path, ...] = ()
    overlay: Path | None = None
    pins: tuple[str, ...] = ()
    selection: Selection = field(default_factory=Selection)
    trail: bool = False

    def named_pins(self) -> Mapping[str, str]:
        """The pins by name; raises click.BadParameter for what is none."""
        named: dict[str, str] = {}
        for pin in self.pins:
            name, equals, value = pin.partition("=")
            if not (name and equals and value):
                raise click.BadParameter(f"`{pin}` is not NAME=VALUE.", param_hint="--pin")
            named[name] = value
        return named

    def words(self, shown: Callable[[Path], str]) -> tuple[str, ...]:
        """The same choice on another command line, with its paths as `shown` shows them."""
        words = [shown(path) for path in self.documents]
        words += ["--overlay", shown(self.overlay)] if self.overlay else []
        words += [word for pin in self.pins for word in ("--pin", pin)]
        words += [word for name in self.selection.only for word in ("--only", name)]
        words += [word for tag in self.selection.tags for word in ("--tag", tag)]
        return (*words, *(["--read-only"] if self.selection.read_only else []))


ARCHIVE_HELP = (
    "Answer from the archive where it covers what is asked, and serve the audit trail beside.  "
    "[place: FAIRLEAD_ARCHIVE, else a file of your own]"
)


class _ArchivePlace(click.ParamType[str]):
    """A place of an archive; a document that stands behind the option by mistake is told."""

    name = "place"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value.endswith((".yaml", ".yml")) or os.path.isdir(value):
            self.fail(f"`{value}` is no archive; write documents before `--archive`, or `--archive=PLACE`.", param, ctx)
        return value


OWN_ARCHIVE = "own"
"""What `--archive` means without a place: the one of the environment, or a file of one's own."""

archive_option = click.option(
    "--archive", is_flag=False, flag_value=OWN_ARCHIVE, default=None, type=_ArchivePlace(), metavar="[PLACE]",
    help=ARCHIVE_HELP,
)  # fmt: skip


def document_options(command: Command) -> Command:
    """The options every command that compiles documents has; the command takes them as `choice`."""
    options = [
        click.option(
            "--overlay", type=DOCUMENT, default=None, metavar="FILE",
            help="An overlay to use instead of the one beside the document.",
        ),
        click.option(
            "--pin", "pins", multiple=True, metavar="NAME=VALUE",
            help="Fix an argument for every call, and take it out of the schemas. Repeatable.",
        ),
    ]  # fmt: skip

    @functools.wraps(command)
    def chosen(
        *arguments: object, documents: tuple[Path, ...], overlay: Path | None, pins: tuple[str, ...],
        only: tuple[str, ...] = (), tags: tuple[str, ...] = (), read_only: bool = False, **others: object,
    ) -> object:  # fmt: skip
        selection = Selection(only=only, tags=tags, read_only=read_only)
        choice = Choice(documents=documents, overlay=overlay, pins=pins, selection=selection)
        return command(*arguments, choice=choice, **others)

    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), chosen)  # type: ignore[return-value]


def selection_options(command: Command) -> Command:
    """The options of a command that exposes some of what documents hold; they go around `document_options`."""
    options = [
        click.option(
            "--only", multiple=True, metavar="NAME",
            help="Expose only operations, routes or tools of this name; `*` stands for anything. Repeatable.",
        ),
        click.option(
            "--tag", "tags", multiple=True, metavar="TAG", help="Expose only documents that have this tag. Repeatable."
        ),
        click.option("--read-only", is_flag=True, help="Expose only what reads: GET, HEAD and OPTIONS upstream."),
    ]  # fmt: skip
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)
