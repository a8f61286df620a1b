"""`fairlead sandbox`: a stand-in for the Qovery API."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from fairlead.cli.environment import colours, settings
from fairlead.sandbox.options import (
    DEMO_JWT,
    DEMO_ORGANIZATION_ID,
    DEMO_POLICY_TOKEN,
    DEMO_TOKEN,
    DEMO_VIEWER_TOKEN,
    FAULTS,
    Boundary,
    ChangeStyle,
    LinkEnd,
    LinkStyle,
    SandboxOptions,
    TimestampProfile,
    UnknownOrganization,
    Vocabulary,
)

if TYPE_CHECKING:
    from fairlead.settings import Settings

_DEFAULTS = SandboxOptions()
_UNKNOWN_ORGANIZATION: Mapping[str, UnknownOrganization] = {"404": 404, "403": 403, "400": 400}


class _Flags(TypedDict):
    """The options that go to the sandbox as they are, by the names they have there."""

    events: int
    seed: int
    now: float | None
    anchor: float | None
    retention_days: int
    boundary: Boundary
    vocabulary: Vocabulary
    timestamps: TimestampProfile
    omit_nulls: bool
    change_style: ChangeStyle
    link_style: LinkStyle
    link_end: LinkEnd
    seconds_only: bool
    to_inclusive: bool
    reject_large_pages: bool
    reject_bad_filters: bool
    lenient_targets: bool
    relaxed_schemes: bool
    rate_limit: int
    rate_headers: bool
    retry_after: bool
    html_429: bool
    fault_every: int
    slow_seconds: float
    live: bool


class _SandboxCommand(click.Command):
    """Help that says what each fault does."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Faults (n is --fault-every, slow_seconds is --slow-seconds)"):
            formatter.write_dl(list(FAULTS.items()))


@click.command(cls=_SandboxCommand)
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="The port, on loopback.")
@click.option(
    "--events",
    type=click.IntRange(0, 1_000_000_000),
    default=_DEFAULTS.events,
    show_default=True,
    help="How many events the organization has.",
)
@click.option("--seed", type=int, default=_DEFAULTS.seed, show_default=True, help="Another seed, another organization.")
@click.option(
    "--now",
    type=click.IntRange(1_000_000_000, 32_503_680_000),
    help="The present, Unix seconds.  [default: the clock]",
)
@click.option(
    "--anchor",
    type=click.IntRange(1_000_000_000, 32_503_680_000),
    help="Where the --events end, Unix seconds; --live goes on from there.  [default: the present]",
)
@click.option(
    "--retention-days",
    type=click.IntRange(0),
    default=_DEFAULTS.retention_days,
    show_default=True,
    help="How far back events are shown.",
)
@click.option(
    "--boundary",
    type=click.Choice(["exact", "exclusive", "inclusive"]),
    default=_DEFAULTS.boundary,
    show_default=True,
    help="What a page token means for events of the same instant.",
)
@click.option(
    "--unknown-organization",
    type=click.Choice(list(_UNKNOWN_ORGANIZATION)),
    default="404",
    show_default=True,
    help="The answer for an organization that does not exist.",
)
@click.option(
    "--vocabulary",
    type=click.Choice(["2024-03", "2026-08", "future"]),
    default=_DEFAULTS.vocabulary,
    show_default=True,
    help="Which enum values occur.",
)
@click.option(
    "--timestamps",
    type=click.Choice(["micro", "nano", "nofraction"]),
    default=_DEFAULTS.timestamps,
    show_default=True,
    help="How precise timestamps are.",
)
@click.option(
    "--links",
    "link_style",
    type=click.Choice(["relative", "absolute", "token_only", "html_escaped", "foreign"]),
    default=_DEFAULTS.link_style,
    show_default=True,
    help="How `links` are written.",
)
@click.option(
    "--link-end",
    type=click.Choice(["absent", "null", "empty"]),
    default=_DEFAULTS.link_end,
    show_default=True,
    help="What stands where there is no further page.",
)
@click.option("--omit-nulls", is_flag=True, help="Leave out fields that are null.")
@click.option(
    "--change-style",
    type=click.Choice(["compact", "postgres"]),
    default=_DEFAULTS.change_style,
    show_default=True,
    help="How the JSON inside `change` is spaced.",
)
@click.option("--seconds-only", is_flag=True, help="Read every timestamp filter as seconds, whatever its length.")
@click.option("--to-inclusive", is_flag=True, help="Show the events at exactly `toTimestamp` too.")
@click.option("--reject-large-pages", is_flag=True, help="Refuse a pageSize above the maximum instead of lowering it.")
@click.option(
    "--reject-bad-filters/--accept-bad-filters",
    default=_DEFAULTS.reject_bad_filters,
    show_default=True,
    help="Refuse an unknown enum value or a malformed id, or answer no events.",
)
@click.option(
    "--lenient-targets/--strict-targets",
    default=_DEFAULTS.lenient_targets,
    show_default=True,
    help="Whether targets of a service may be asked for without project and environment.",
)
@click.option("--relaxed-schemes", is_flag=True, help="Take Token for Bearer and the reverse.")
@click.option(
    "--rate-limit",
    type=click.IntRange(0),
    default=_DEFAULTS.rate_limit,
    show_default=True,
    help="Requests an hour for each token; 0 never refuses.",
)
@click.option(
    "--rate-headers/--no-rate-headers",
    default=_DEFAULTS.rate_headers,
    show_default=True,
    help="Whether answers tell what is left of the limit.",
)
@click.option("--retry-after", is_flag=True, help="Send Retry-After with a 429.")
@click.option("--html-429", is_flag=True, help="Refuse with a page of HTML, as a proxy in front would.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NAME",
    type=click.Choice(list(FAULTS)),
    help="A fault to inject, named below. Repeatable.",
)
@click.option(
    "--fault-every",
    type=click.IntRange(1),
    default=_DEFAULTS.fault_every,
    show_default=True,
    help="Every how many requests.",
)
@click.option(
    "--slow-seconds",
    type=click.FloatRange(0),
    default=_DEFAULTS.slow_seconds,
    show_default=True,
    help="How long `slow-body` stops.",
)
@click.option("--live", is_flag=True, help="Let new events appear as time passes.")
def sandbox(port: int, unknown_organization: str, faults: tuple[str, ...], **flags: Unpack[_Flags]) -> None:
    """Serve a stand-in for the Qovery API: a made-up organization with a believable audit trail.

    The same seed, events and --now give the same bytes. It answers on loopback only.

    \b
    Examples:
      fairlead sandbox --events 1000000
      fairlead sandbox --boundary inclusive --fault server-errors
    """
    from fairlead.cli.running import run
    from fairlead.telemetry.records import configure_logging

    answer = _UNKNOWN_ORGANIZATION[unknown_organization]
    try:
        options = SandboxOptions(unknown_organization=answer, faults=frozenset(faults), **flags)
    except ValueError as failure:
        raise click.UsageError(str(failure)) from failure
    configure_logging(colours=colours(sys.stderr))
    run(_serve(options, settings(), port))


async def _serve(options: SandboxOptions, server_settings: Settings, port: int) -> None:
    from fairlead.app.ports import sandbox_serving, stop_on_signal

    async with sandbox_serving(options, server_settings, number=port, flag="--port") as running:
        url, stop = running.url, stop_on_signal((running.server,))
        click.echo(
            f"The sandbox answers at {url}\n\n"
            f"  Organization   {DEMO_ORGANIZATION_ID}   ({options.events:,} events)\n"
            f"  API token      Authorization: Token {DEMO_TOKEN}\n"
            f"  JWT            Authorization: Bearer {DEMO_JWT}\n"
            f"  Policy token   Authorization: Token {DEMO_POLICY_TOKEN}\n"
            f"  Viewer (403)   Authorization: Token {DEMO_VIEWER_TOKEN}\n\n"
            f"Try\n  curl -H 'Authorization: Token {DEMO_TOKEN}' "
            f"'{url}/organization/{DEMO_ORGANIZATION_ID}/events?pageSize=5'\n\n"
            f"Serve it\n  QOVERY_API_KEY={DEMO_TOKEN} fairlead serve --upstream {url}"
        )
        sys.stdout.flush()
        await stop.wait()
