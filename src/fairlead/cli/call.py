"""`fairlead call`: one operation from the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from fairlead.cli.choice import DOCUMENT, Choice, document_options
from fairlead.cli.documents import runnable_plans
from fairlead.cli.environment import settings
from fairlead.cli.serve import refuse_foreign_sandbox
from fairlead.cli.terminal import escaped, say
from fairlead.engine.arguments import argument_check, unknown_argument
from fairlead.engine.credentials import call_variables, missing_variables
from fairlead.errors import ArgumentFault, FairleadError
from fairlead.plan.model import Arguments, Operation, Plan
from fairlead.settings import Secret
from fairlead.spec.diagnostics import did_you_mean
from fairlead.spec.source import JsonValue

if TYPE_CHECKING:
    from fairlead.app.options import ServeOptions
    from fairlead.engine.execute import Result, Runnable
    from fairlead.upstream.request import UpstreamRequest, UpstreamResponse


@click.command()
@click.argument("operation")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option(
    "--document",
    "documents",
    multiple=True,
    type=DOCUMENT,
    help="The document; repeatable.  [default: the one Fairlead ships]",
)
@click.option("--sandbox", is_flag=True, help="Call a made-up organization instead of the real API.")
@click.option("--upstream", metavar="URL", help="Call this address instead of the document's baseUri.")
@click.option("--offline", is_flag=True, help="Print the request, secrets masked, and send nothing.")
@document_options
def call(
    operation: str, arguments: tuple[str, ...], choice: Choice, sandbox: bool, upstream: str | None, offline: bool
) -> None:  # fmt: skip
    """Run one operation, named as the document or its MCP tool names it.

    Prints the upstream's bytes; on a terminal, indented JSON. Exit status 1 when the upstream refuses.

    \b
    Examples:
      fairlead call getorganizationevents organizationId=… pageSize=5 eventType=DELETE
      fairlead call getorganizationevents organizationId=… --offline
    """
    plans = runnable_plans(choice)
    if sandbox:
        refuse_foreign_sandbox(plans, upstream)
    chosen = find_operation(plans, operation)
    given = argument_check(chosen).check(*read_arguments(chosen, arguments))
    from fairlead.app.options import ServeOptions
    from fairlead.cli.running import run
    from fairlead.sandbox.options import SandboxOptions

    stand_in = SandboxOptions(rate_limit=0) if sandbox else None
    options = ServeOptions(plans=plans, settings=settings(), upstream=upstream, sandbox=stand_in)
    if offline:
        from fairlead.app.bound_keys import bound_secrets

        known = {**options.settings.secrets, **bound_secrets(plans)}
        options = replace(options, settings=replace(options.settings, secrets=known))
        _print_request(options, chosen, given)
        return
    result = run(_execute(options, chosen, given))
    _print_body(result.body, result.value)


def find_operation(plans: Iterable[Plan], name: str) -> Operation:
    """The operation a person names: by operation, route or tool name, case ignored."""
    named: dict[str, Operation] = {}
    for plan in plans:
        for tool in plan.tools:
            named.setdefault(tool.name, tool.operation)
        for route in plan.routes:
            named.setdefault(route.name, route.operation)
        for operation in plan.operations:
            named.setdefault(operation.name, operation)
    for candidate, operation in named.items():
        if candidate.lower() == name.lower():
            return operation
    hint = did_you_mean(name, named) or f"; there are {', '.join(list(named)[:8])}"
    raise click.UsageError(f"There is no operation `{name}`{hint}")


def read_arguments(operation: Operation, words: Sequence[str]) -> tuple[dict[str, JsonValue], list[ArgumentFault]]:
    """The arguments of a command line, converted by declared type, and the faults of those that cannot be read."""
    from fairlead.expose.rest_arguments import convert

    parameters = {parameter.name: parameter for parameter in operation.parameters}
    by_lower = {name.lower(): name for name in parameters}
    texts: dict[str, list[str]] = {}
    faults: list[ArgumentFault] = []
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise click.UsageError(f"`{word}` is not NAME=VALUE.")
        if name.lower() in by_lower:
            texts.setdefault(by_lower[name.lower()], []).append(text)
        else:
            faults.append(unknown_argument(name, parameters))
    given: dict[str, JsonValue] = {}
    for name, values in texts.items():
        convert(parameters[name], values, given, faults)
    return given, faults


async def _execute(options: ServeOptions, operation: Operation, given: Arguments) -> Result:
    from fairlead.app.serving import ready_operations
    from fairlead.engine.execute import execute

    async with ready_operations(options) as runnables:
        return await execute(runnables[operation], given)


def _print_request(options: ServeOptions, operation: Operation, given: Arguments) -> None:
    target = _offline_runnable(options, operation)
    request = target.request(given)
    shown = dict(target.credential.masked_headers())
    click.echo(f"{request.method} {_masked_query(target, request.url)}")
    for name, value in request.headers:
        click.echo(f"{name}: {shown.get(name, value)}")
    missing = () if options.sandbox else missing_variables(call_variables(operation.call), options.settings.secrets)
    if missing:
        message = f"{', '.join(missing)} is not set; what stands for it above is a placeholder."
        say(message, err=True, colour="yellow")
    if request.body:
        click.echo(f"\n{target.credential.scrub(request.body.decode())}")


def _offline_runnable(options: ServeOptions, operation: Operation) -> Runnable:
    from fairlead.app.upstreams import demo_secrets, operations_of

    # Nothing is sent, so a key that is not set is no reason to refuse: the sandbox's stands in, masked.
    calls = [each.call for plan in options.plans for each in plan.operations]
    hidden = {name: Secret("HIDDEN") for call in calls for name in call.environment}
    own, demo = {**options.settings.secrets, **hidden}, demo_secrets(options.plans)
    chosen = replace(options.settings, secrets={**own, **demo} if options.sandbox else {**demo, **own})

    async def nowhere(_request: UpstreamRequest) -> UpstreamResponse:
        raise FairleadError("Nothing is sent offline.")

    return operations_of(options.plans, chosen, options.upstream, lambda *_: nowhere)[operation]


def _masked_query(target: Runnable, url: str) -> str:
    from urllib.parse import quote

    for name, secret in target.credential.query:
        url = url.replace(f"{quote(name, safe='')}={quote(secret.reveal(), safe='')}", f"{quote(name, safe='')}=***")
    return url


def _print_body(body: bytes, value: JsonValue) -> None:
    if not sys.stdout.isatty() or value is None:
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
        return
    import json

    text = json.dumps(value, indent=2, ensure_ascii=False)
    # Event text is hostile: what would move the cursor or reorder the line is shown escaped.
    click.echo(escaped(text, lines=True))
