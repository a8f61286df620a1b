"""`fairlead events follow`: syncs for ever."""

from __future__ import annotations

import sys

import click

from fairlead.cli.archive.opening import archive_option
from fairlead.cli.environment import colours, settings
from fairlead.cli.terminal import say


@click.command()
@archive_option
@click.option(
    "--organization",
    "organizations",
    multiple=True,
    metavar="ID",
    help="An organization; repeatable.  [default: all that the key may see]",
)
@click.option("--every", default="60s", show_default=True, metavar="TIME", help="How often to look for new events.")
@click.option("--sandbox", is_flag=True, help="Follow a made-up organization on this machine, which goes on living.")
@click.option("--upstream", metavar="URL", help="Read from this address instead of the document's baseUri.")
@click.option(
    "--budget",
    type=click.FloatRange(0.01, 1.0),
    default=0.5,
    show_default=True,
    help="The share of the hourly requests of the key to use; the rest is left to others.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Answer /metrics, /healthz and /readyz on this port of 127.0.0.1; 0 takes any free one.",
)
@click.option("--keep-secrets", is_flag=True, help="Store the secrets in events as they are. You should not.")
def follow(
    named: str, organizations: tuple[str, ...], every: str, sandbox: bool, upstream: str | None, budget: float,
    metrics_port: int | None, keep_secrets: bool,
) -> int:  # fmt: skip
    """Keep new events as they come, those that come late, and once a day everything again.

    Several followers of one archive are safe: one syncs, the others stand by. Ctrl-C or SIGTERM ends it in good
    order; a second one at once. What happens stands in records on standard error.

    \b
    Examples:
      fairlead events follow --sandbox
      QOVERY_API_KEY=… fairlead events follow --archive audit.db
      fairlead events follow --organization … --budget 0.2 --metrics-port 9100
    """
    from fairlead.app.following import FollowOptions, follow_until_signal
    from fairlead.app.syncing import SyncOptions
    from fairlead.cli.archive.instants import span_option
    from fairlead.cli.choice import Choice
    from fairlead.cli.documents import runnable_plans
    from fairlead.cli.running import run
    from fairlead.cli.serve import refuse_foreign_sandbox
    from fairlead.telemetry.records import configure_logging

    plans = runnable_plans(Choice())
    if sandbox:
        refuse_foreign_sandbox(plans, upstream)
    if keep_secrets:
        say("Secrets in events will be stored in clear (--keep-secrets).", err=True, colour="yellow")
    chosen = settings()
    configure_logging(colours=colours(sys.stderr), form=chosen.log_format)
    options = FollowOptions(
        sync=SyncOptions(
            plans=plans,
            settings=chosen,
            archive=named,
            organizations=organizations,
            sandbox=sandbox,
            upstream=upstream,
            budget=budget,
            keep_secrets=keep_secrets,
        ),
        every=span_option(every, "--every"),
        metrics_port=metrics_port,
    )
    run(follow_until_signal(options, _announce))
    say("Stopped; what was read is kept.", err=True)
    return 0


def _announce(archive: str, metrics_url: str) -> None:
    metrics = f" Metrics are at {metrics_url}/metrics." if metrics_url else ""
    say(f"Following into {archive}.{metrics} Ctrl-C ends it.")
    sys.stdout.flush()
