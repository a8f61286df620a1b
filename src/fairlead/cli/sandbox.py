"""`fairlead sandbox`: a stand-in for the Qovery API."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from fairlead.cli.environment import settings
from fairlead.sandbox.options import (
    DEMO_JWT,
    DEMO_ORGANIZATION_ID,
    DEMO_POLICY_TOKEN,
    DEMO_TOKEN,
    DEMO_VIEWER_TOKEN,
    FAULTS,
    SandboxOptions,
)

if TYPE_CHECKING:
    from fairlead.settings import Settings

_DEFAULTS = SandboxOptions()


@click.command()
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
    type=click.Choice(["404", "403", "400"]),
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
    "--rate-limit",
    type=click.IntRange(0),
    default=_DEFAULTS.rate_limit,
    show_default=True,
    help="Requests an hour for each token; 0 never refuses.",
)
@click.option("--retry-after", is_flag=True, help="Send Retry-After with a 429.")
@click.option(
    "--fault", "faults", multiple=True, type=click.Choice(list(FAULTS)), help="A fault to inject. Repeatable."
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
def sandbox(port: int, unknown_organization: str, faults: tuple[str, ...], **flags: object) -> None:
    """Serve a stand-in for the Qovery API: a made-up organization with a believable audit trail.

    The same seed, events and --now give the same bytes. It answers on loopback only.

    \b
    Examples:
      fairlead sandbox --events 1000000
      fairlead sandbox --boundary inclusive --fault server-errors
    """
    from fairlead.cli.running import run

    try:
        options = SandboxOptions(
            unknown_organization=int(unknown_organization),  # type: ignore[arg-type]
            faults=frozenset(faults),
            **flags,  # type: ignore[arg-type]
        )
    except ValueError as failure:
        raise click.UsageError(str(failure)) from failure
    run(_serve(options, settings(), port))


async def _serve(options: SandboxOptions, server_settings: Settings, port: int) -> None:
    import asyncio
    import signal

    from fairlead.app import sandbox_serving

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with sandbox_serving(options, server_settings, port=port) as url:
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
