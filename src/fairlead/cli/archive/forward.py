"""`fairlead events forward`: events to a webhook or to syslog."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fairlead.cli.archive.forward_options import Wanted, forwarding_options
from fairlead.cli.environment import settings

if TYPE_CHECKING:
    from fairlead.forward.syslog import Transport


@click.group()
def forward() -> None:
    """Send events to a receiver, each at least once, in the order they were archived.

    How far it went is kept in a file, so that every run goes on where the last one ended. Exit status 0: all is
    delivered, or it was asked to stop; 1: the receiver is away or takes nothing, and the next run goes on there;
    3: some events were refused, and are in a file; 4: something is set up wrong.

    \b
    Examples:
      fairlead events forward webhook https://example.com/events --follow
      fairlead events forward syslog logs.example.com:6514 --tls
    """


@forward.command()
@click.argument("url")
@forwarding_options
@click.option(
    "--secret-variable",
    default="FAIRLEAD_WEBHOOK_SECRET",
    show_default=True,
    metavar="NAME",
    help="The environment variable with the secret, `whsec_…`; two, separated by a space, while one is replaced.",
)
@click.option(
    "--refused",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where events go that the receiver refuses, with the reason.  [default: beside --state]",
)
def webhook(url: str, secret_variable: str, refused: Path | None, wanted: Wanted) -> int:  # fmt: skip
    """Post batches of events to an address, signed after the Standard Webhooks specification.

    No redirect is followed, and certificates are checked. A batch that is refused for what is in it (400, 413, 422 …)
    is halved until the event is found, which goes to a file; the others go on. 401, 403, 404 and the like end the
    run: no other batch would be taken either.

    \b
    Examples:
      export FAIRLEAD_WEBHOOK_SECRET="whsec_$(openssl rand -base64 32)"
      fairlead events forward webhook https://example.com/events
      fairlead events forward webhook http://127.0.0.1:8080/ --follow --start now
    """
    from fairlead.app.forwarding import Hook
    from fairlead.cli.archive.forwarding import run_forwarding, warn_of_clear_text
    from fairlead.forward.webhook import shown, signing_keys, webhook_address

    chosen = settings()
    address = webhook_address(url)
    keys = signing_keys(chosen.secrets.get(secret_variable), secret_variable)
    warn_of_clear_text(address)
    return run_forwarding(Hook(address=address, keys=keys), shown(address), wanted, refused)


@forward.command()
@click.argument("address", metavar="HOST:PORT")
@click.option("--tcp", "transport", flag_value="tcp", default=True, help="A stream; the default.")
@click.option("--tls", "transport", flag_value="tls", help="A stream that is encrypted, its certificate checked.")
@click.option("--udp", "transport", flag_value="udp", help="Datagrams, any of which may be lost unseen.")
@forwarding_options
@click.option("--ca-file", default="", metavar="FILE", help="The authorities to trust.  [default: the system's]")
@click.option("--certificate", default="", metavar="FILE", help="A certificate of our own and its key, for --tls.")
@click.option(
    "--datagram-bytes",
    type=click.IntRange(480, 65_507),
    default=2_048,
    show_default=True,
    help="How large a datagram is at most; a larger event goes without its body.",
)
@click.option("--hostname", default="", metavar="NAME", help="What messages call this machine.  [default: its name]")
@click.option("--sd-id", default="qovery@32473", show_default=True, help="The name of the structured data.")
def syslog(
    address: str, transport: Transport, ca_file: str, certificate: str, datagram_bytes: int, hostname: str,
    sd_id: str, wanted: Wanted,
) -> int:  # fmt: skip
    """Send each event as a message after RFC 5424, counted octets on streams (RFC 6587).

    Syslog has no answers: an event counts as delivered when the receiver's machine acknowledged its bytes, over UDP
    when it was sent. What has to be certain goes to a webhook.

    \b
    Examples:
      fairlead events forward syslog 127.0.0.1:601
      fairlead events forward syslog logs.example.com:6514 --tls --follow
      fairlead events forward syslog 127.0.0.1:514 --udp --rate 500
    """
    from fairlead.archive.forms.syslog import Sender
    from fairlead.cli.archive.forwarding import run_forwarding
    from fairlead.forward.syslog import Line, syslog_address

    if (ca_file or certificate) and transport != "tls":
        raise click.UsageError("--ca-file and --certificate are for --tls.")
    chosen = settings()
    line = Line(
        address=syslog_address(address),
        transport=transport,
        # Whose events they are is said with each.
        sender=Sender(organization_id="", hostname=hostname or socket.gethostname(), sd_id=sd_id),
        timeout=chosen.total_timeout,
        datagram=datagram_bytes,
        certificates=ca_file,
        own_certificate=certificate,
    )
    return run_forwarding(line, f"syslog+{transport}://{address}", wanted)
