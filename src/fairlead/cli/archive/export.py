"""`fairlead events export`: events as files that other programs read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from fairlead.cli.archive.opening import archive_option, chosen_organization
from fairlead.cli.environment import settings
from fairlead.spec.diagnostics import did_you_mean

if TYPE_CHECKING:
    from fairlead.archive.exports.layout import Form, Layout


@click.command()
@archive_option
@click.option(
    "--organization",
    "organizations",
    multiple=True,
    metavar="ID",
    help="The organization; for --directory repeatable.  [default: the only one of the archive; for --directory all]",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["ndjson", "csv", "parquet", "ocsf", "ecs"]),
    default="ndjson",
    show_default=True,
    help="What to write; docs/exports.md says what each is for.",
)
@click.option("--from", "--since", "begin", default="", metavar="WHEN", help="From then on: `2h`, `2026-10-01`. UTC.")
@click.option("--to", "--until", "end", default="", metavar="WHEN", help="Up to then, not including it.")
@click.option(
    "-o",
    "--output",
    default="-",
    metavar="FILE",
    help="A file, which appears when it is whole; `.gz` and `.zst` compress.  [default: standard output]",
)
@click.option("--columns", default="", metavar="NAMES", help="The columns of CSV, such as `timestamp,event_type`.")
@click.option("--excel", is_flag=True, help="Begin CSV with a byte order mark, so that Excel reads it as UTF-8.")
@click.option("--envelope", is_flag=True, help="Say in each line of NDJSON whose event it is, and its number.")
@click.option(
    "--directory",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Export to a folder all that the archive has and the folder lacks; run it again at any time.",
)
@click.option("--compress", type=click.Choice(["gz", "zst"]), help="Compress the files of --directory.")
@click.option(
    "--file-events",
    type=click.IntRange(1, 20_000),
    default=20_000,
    show_default=True,
    help="How many events a file of --directory has at most.",
)
@click.option("--follow", is_flag=True, help="Go on exporting to --directory until stopped.")
@click.option(
    "--every",
    type=click.FloatRange(0.1, 86_400),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How often --follow looks for events, and begins new files.",
)
def export(
    named: str, organizations: tuple[str, ...], form: str, begin: str, end: str, output: str, columns: str,
    excel: bool, envelope: bool, directory: Path | None, compress: str | None, file_events: int, follow: bool,
    every: float,
) -> int:  # fmt: skip
    """Write events to standard output, to a file, or to a folder that grows with the archive.

    A range of time has the latest revision of each event, oldest first. A folder (--directory) has every event of the
    archive's log, those that came late too, each in one finished file, whatever is interrupted; the order is that of
    the log. Exit status 0: all is written; 4: something cannot be written to; 74: the disk is full; 130: interrupted.

    \b
    Examples:
      fairlead events export --since 30d > events.ndjson
      fairlead events export --format csv --from 2026-10-01 --to 2026-11-01 -o october.csv.gz
      fairlead events export --format parquet --directory lake --follow
    """
    from fairlead.archive.factory import open_archive
    from fairlead.archive.place import place_of
    from fairlead.cli.archive.exporting import Folder, Range, export_folder, export_range

    _refuse_contradictions(
        in_folder=directory is not None,
        for_files={"--output": output != "-", "--from": bool(begin), "--to": bool(end)},
        for_folders={"--compress": bool(compress), "--follow": follow},
    )
    layout = _layout(form, columns, excel=excel, envelope=envelope, suffix=compress or Path(output).suffix[1:])
    archive = open_archive(place_of(named, settings()))
    try:
        if directory is not None:
            return export_folder(
                archive, layout, Folder(directory, organizations, file_events, every if follow else None)
            )
        if len(organizations) > 1:
            raise click.UsageError("A file has the events of one organization; take --directory for several.")
        organization = chosen_organization(archive, organizations[0] if organizations else "")
        return export_range(
            archive, layout, Range(organization, _instant(begin, "--from"), _instant(end, "--to"), output)
        )
    finally:
        archive.close()


def _refuse_contradictions(*, in_folder: bool, for_files: Mapping[str, bool], for_folders: Mapping[str, bool]) -> None:
    """Options that would say nothing are mistakes."""
    for option, given in (for_files if in_folder else for_folders).items():
        if given and in_folder:
            raise click.UsageError(f"{option} does not go with --directory, which gets everything that is archived.")
        if given:
            raise click.UsageError(f"{option} needs --directory.")


def _layout(form: str, columns: str, *, excel: bool, envelope: bool, suffix: str) -> Layout:
    from fairlead.archive.exports.layout import COMPRESSIONS, Layout

    if (columns or excel) and form != "csv":
        raise click.UsageError("--columns and --excel are for `--format csv`.")
    if envelope and form != "ndjson":
        raise click.UsageError("--envelope is for `--format ndjson`.")
    if form == "parquet" and suffix in {"gz", "zst"}:
        raise click.UsageError("Parquet is compressed in itself.")
    return Layout(
        form=cast("Form", form),
        compression=next((each for each in COMPRESSIONS if each == suffix), COMPRESSIONS[0]),
        columns=_columns(columns) if form == "csv" else (),
        for_excel=excel,
        envelope=envelope,
    )


def _columns(text: str) -> tuple[str, ...]:
    from fairlead.archive.forms.csv_rows import COLUMNS

    chosen = tuple(name.strip() for name in text.split(",")) if text else COLUMNS
    for name in chosen:
        if name not in COLUMNS:
            hint = did_you_mean(name, COLUMNS) or f"; it is one of {', '.join(COLUMNS)}"
            raise click.BadParameter(f"There is no column `{name[:60]}`{hint}.", param_hint="--columns")
    return chosen


def _instant(text: str, option: str) -> int | None:
    from fairlead.cli.archive.instants import instant_option

    return instant_option(text, option) if text else None
