"""What to serve, where, and in front of what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version as package_version
from pathlib import Path

from fairlead.app.watch import Watch
from fairlead.archive.place import Place
from fairlead.plan.model import Plan
from fairlead.sandbox.options import SandboxOptions
from fairlead.settings import Settings

VERSION = package_version("fairlead")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What to serve and where. A port of 0 takes any free one; `upstream` replaces the documents' addresses.

    `command` starts the same tools on standard input and output on this machine; `public_command` says the same
    to strangers, without a path of this machine.

    With an `archive`, callers are answered from it where it has all that the upstream could say. `followed` are the
    plans that it is kept fresh with, of `organizations` (none: all that the key may see); without them it is only read.

    With `tool_search`, MCP clients find tools instead of listing them.

    `compile` reads the documents anew for a reload, in a thread of its own; `watch` says when to. `metrics_folder`
    is where the workers of one server show each other their numbers, and `sandbox_url` the sandbox that they share.
    """

    plans: tuple[Plan, ...]
    settings: Settings
    host: str = "127.0.0.1"
    rest_port: int = 8080
    mcp_port: int = 9090
    upstream: str | None = None
    sandbox: SandboxOptions | None = None
    sandbox_port: int = 0
    sandbox_url: str | None = None
    insecure: bool = False
    tool_search: bool = False
    archive: Place | None = None
    followed: tuple[Plan, ...] = ()
    organizations: tuple[str, ...] = ()
    compile: Callable[[], tuple[Plan, ...]] | None = None
    watch: Watch | None = None
    worker: int = 0
    metrics_folder: Path | None = None
    command: tuple[str, ...] = ("fairlead", "mcp")
    public_command: tuple[str, ...] = ("fairlead", "mcp")
