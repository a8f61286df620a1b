"""`fairlead serve`: REST and MCP, at once."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import click

from fairlead.archive.contract import BASE_URI
from fairlead.cli.documents import document_options, runnable_plans
from fairlead.cli.environment import on_terminal, settings
from fairlead.errors import ConfigurationError
from fairlead.plan.model import Plan

SANDBOX_PORT = 8081


@click.command()
@click.argument("documents", nargs=-1, type=click.Path(path_type=Path))
@click.option("--sandbox", is_flag=True, help="Call a made-up organization on this machine instead of the real API.")
@click.option("--upstream", metavar="URL", help="Call this address instead of the document's baseUri.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to serve on.")
@click.option("--rest-port", type=click.IntRange(0, 65535), help="The REST port.  [default: the document's, 8080]")
@click.option("--mcp-port", type=click.IntRange(0, 65535), help="The MCP port.  [default: the document's, 9090]")
@click.option(
    "--sandbox-port",
    type=click.IntRange(0, 65535),
    default=SANDBOX_PORT,
    show_default=True,
    help="The sandbox's port.",
)
@click.option("--insecure", is_flag=True, help="Serve beyond loopback without asking callers for a token.")
@document_options
def serve(
    documents: tuple[Path, ...], overlay: Path | None, pins: tuple[str, ...], sandbox: bool, upstream: str | None,
    host: str, rest_port: int | None, mcp_port: int | None, sandbox_port: int, insecure: bool,
) -> None:  # fmt: skip
    """Serve documents as REST and MCP (files or folders; without any, the Qovery organization events).

    Ctrl-C or SIGTERM finishes the calls in flight and stops; a second one stops at once. Callers need a token
    when FAIRLEAD_API_TOKEN is set, which a --host beyond loopback requires.

    \b
    Examples:
      fairlead serve --sandbox
      QOVERY_API_KEY=… fairlead serve --pin organizationId=…
      fairlead serve capabilities/ --rest-port 8000
    """
    plans = runnable_plans(documents, overlay, pins)
    if sandbox:
        refuse_foreign_sandbox(plans, upstream)
    from fairlead.app import ServeOptions
    from fairlead.cli.running import run
    from fairlead.sandbox.options import SandboxOptions
    from fairlead.telemetry import configure_logging

    configure_logging(colours=sys.stderr.isatty())
    options = ServeOptions(
        plans=plans,
        settings=settings(),
        host=host,
        rest_port=_port(rest_port, plans[0].rest_port, 8080),
        mcp_port=_port(mcp_port, plans[0].mcp_port, 9090),
        upstream=upstream,
        # The demonstration is not cut short by the limit the real API has; `fairlead sandbox` keeps it.
        sandbox=SandboxOptions(rate_limit=0) if sandbox else None,
        sandbox_port=sandbox_port,
        insecure=insecure,
    )
    run(_serve(options))


def refuse_foreign_sandbox(plans: tuple[Plan, ...], upstream: str | None) -> None:
    """Raise when the sandbox cannot stand in for what the plans call."""
    if upstream:
        raise click.UsageError("--sandbox and --upstream exclude each other.")
    for plan in plans:
        if any(up.base != BASE_URI for up in plan.upstreams):
            raise ConfigurationError(
                f"--sandbox stands in for {BASE_URI} only, and {plan.file} calls something else.",
                remedy="Leave --sandbox out, or point --upstream at your own stand-in.",
            )


def _port(asked: int | None, document: int | None, default: int) -> int:
    return asked if asked is not None else document if document is not None else default


async def _serve(options: object) -> None:
    from fairlead.app import ServeOptions, Serving, serving
    from fairlead.errors import CannotListen

    assert isinstance(options, ServeOptions)

    async def serve_with(chosen: ServeOptions) -> None:
        async with serving(chosen) as running:
            assert isinstance(running, Serving)
            click.echo(banner(chosen.plans, running.rest_url, running.mcp_url, running.sandbox_url))
            await running.until_signal()
            click.echo("Finishing the calls in flight…", err=True)

    try:
        await serve_with(options)
    except CannotListen as failure:
        # Nobody asked for the sandbox's port by number; any free one serves as well.
        if f"Port {SANDBOX_PORT}" not in failure.public or options.sandbox is None:
            raise
        await serve_with(replace(options, sandbox_port=0))


def banner(plans: tuple[Plan, ...], rest_url: str, mcp_url: str, sandbox_url: str | None) -> str:
    """What a person needs next: the addresses, a call to paste, and configuration for an MCP client."""
    from fairlead.expose.rest import example_call
    from fairlead.sandbox.options import DEMO_ORGANIZATION_ID, DEMO_TOKEN

    known = {"organizationId": DEMO_ORGANIZATION_ID} if sandbox_url else {}
    colours = on_terminal()

    def head(text: str) -> str:
        return click.style(text, bold=True) if colours else text

    name = plans[0].namespace or "fairlead"
    lines = [head(", ".join(plan.title for plan in plans)), ""]
    page = f"{rest_url}/" + (f"?organizationId={DEMO_ORGANIZATION_ID}" if sandbox_url else "")
    lines += [f"  Page       {page}", f"  REST       {rest_url}   (description: {rest_url}/openapi.json)"]
    lines += [f"  MCP        {mcp_url}"]
    if sandbox_url:
        lines += [
            f"  Sandbox    {sandbox_url}   (organization {DEMO_ORGANIZATION_ID},",
            f"             Authorization: Token {DEMO_TOKEN})",
        ]
    if plans[0].routes:
        lines += ["", head("Try"), f"  {example_call(plans[0].routes[0], rest_url, known)}"]
    lines += ["", head("An MCP client over HTTP"), _indented(mcp_http_config(name, mcp_url))]
    lines += [
        "",
        head("An MCP client over stdio"),
        _indented(mcp_stdio_config(name, plans, sandbox=sandbox_url is not None)),
    ]
    return "\n".join(lines)


def mcp_http_config(name: str, mcp_url: str) -> str:
    """Configuration for an MCP client that speaks HTTP."""
    return json.dumps({"mcpServers": {name: {"type": "http", "url": mcp_url}}}, indent=2)


def mcp_stdio_config(name: str, plans: tuple[Plan, ...], *, sandbox: bool) -> str:
    """Configuration for an MCP client that starts its servers itself."""
    command = shutil.which(sys.argv[0]) or shutil.which("fairlead") or "fairlead"
    arguments = ["mcp", *(["--sandbox"] if sandbox else [])]
    if len(plans) > 1 or "fairlead" not in Path(plans[0].file).parts:
        arguments += [str(Path(plan.file).resolve()) for plan in plans]
    entry: dict[str, object] = {"command": str(Path(command).resolve()), "args": arguments}
    variables = [
        v for p in plans for up in p.upstreams if up.authentication for v in up.authentication.variables.values()
    ]
    if variables and not sandbox:
        entry["env"] = dict.fromkeys(variables, "…")
    return json.dumps({"mcpServers": {name: entry}}, indent=2, ensure_ascii=False)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
