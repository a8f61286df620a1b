"""A server with an archive, before a sandbox with the same events, and how its routes are called."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import serving
from fairlead.app.syncing import SyncOptions, sync_all
from fairlead.archive.place import Place, place_of
from fairlead.cli.choice import Choice
from fairlead.cli.documents import runnable_plans
from fairlead.sandbox.options import SandboxOptions

EVENTS = 1_500


@dataclass(frozen=True, slots=True)
class Answer:
    """What a REST caller received."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def get(url: str, **query: str | int) -> Answer:
    """Call a route; an error status is an answer as well."""
    try:
        with urllib.request.urlopen(f"{url}?{urlencode(query)}" if query else url) as response:
            return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, response.read())
    except urllib.error.HTTPError as refused:
        return Answer(refused.code, {k.lower(): v for k, v in refused.headers.items()}, refused.read())


def archive_in(folder: Path) -> Place:
    """An archive of the sandbox's organization, secrets kept, so that bytes can be compared."""
    settings = serving.settings_for_tests(data_home=folder)
    with serving.gateway(sandbox=SandboxOptions(now=serving.NOW, events=EVENTS, rate_limit=0)) as running:
        options = SyncOptions(
            plans=runnable_plans(Choice()),
            settings=settings,
            organizations=(running.organization_id,),
            upstream=running.sandbox_url,
            keep_secrets=True,
        )
        asyncio.run(sync_all(options, lambda _progress: None))
    return place_of("", settings)


def gateway_on(place: Place, **sandbox: Any) -> Any:
    """A server that answers from an archive, and asks a sandbox for what that does not cover."""
    options = SandboxOptions(**{"now": serving.NOW, "events": EVENTS, "rate_limit": 0, **sandbox})
    return serving.gateway(sandbox=options, plans=runnable_plans(Choice(trail=True)), archive=place)
