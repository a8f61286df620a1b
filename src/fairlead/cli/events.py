"""`fairlead events`: the archive, from the terminal."""

from __future__ import annotations

from collections.abc import Mapping

import click

from fairlead.cli.lazy_group import LazyGroup

_COMMANDS: Mapping[str, str] = {
    "sync": "Keep what the upstream still holds and the archive lacks; run it again at any time.",
    "follow": "Sync for ever: every minute, gently, and telling when something is wrong.",
    "list": "List events, newest first.",
    "targets": "List what has events: targets, projects, environments.",
    "tail": "Show the newest events, and new ones as they are kept.",
    "show": "Show one event, and what it changed.",
    "stats": "Count events by type, actor, origin, target and time.",
    "export": "Write events to a file, or to a folder that grows with the archive.",
    "forward": "Send events to a webhook or to syslog, as they are archived.",
    "gaps": "Show what is covered, and what is missing for ever.",
    "verify": "Verify that nothing of the archive was changed, removed or made up.",
    "prove": "Write a proof of one event for somebody who has no archive.",
    "verify-proof": "Verify such a proof, with nothing but the public key.",
}


@click.group(
    cls=LazyGroup,
    package="fairlead.cli.archive",
    table=_COMMANDS,
    epilog="\b\nThe archive is the file or `postgresql://…` of --archive or FAIRLEAD_ARCHIVE, else a file of\n"
    "your own under ~/.local/share/fairlead. Exit status 3 of `sync` says that a gap was found,\n"
    "of `gaps` that there is one.",
)
def events() -> None:
    """Keep the events of an organization: Qovery forgets them after days, the archive does not.

    \b
    Examples:
      fairlead events sync --sandbox          try it: a made-up organization
      fairlead events sync                    the real thing; QOVERY_API_KEY from the environment
      fairlead events follow                  the same for ever
      fairlead events list --since 2h --event-type DELETE
      fairlead events show 72020e28-a14a-4a63-8655-ccb99ee1edfe
    """
