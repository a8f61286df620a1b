"""`fairlead explain`: the compiled plan, with the rule behind everything the author did not write."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import click

from fairlead.cli.choice import DOCUMENT, Choice, document_options, selection_options
from fairlead.cli.documents import compile_all, print_diagnostics
from fairlead.cli.environment import colours
from fairlead.plan.inference import RULES
from fairlead.plan.model import Argument, Authentication, Constant, Operation, Plan, Supply, UpstreamInput


@click.command()
@click.argument("documents", nargs=-1, type=DOCUMENT)
@selection_options
@document_options
def explain(choice: Choice) -> None:
    """Show what a document compiles to: operations, where each parameter comes from, what was inferred and why.

    \b
    Examples:
      fairlead explain
      fairlead explain my-capability.yaml --pin organizationId=…
    """
    compiled = compile_all(choice)
    for plan in compiled.plans:
        click.echo("\n".join(plan_lines(plan, bold=colours(sys.stdout))))
    print_diagnostics(compiled.diagnostics)


def plan_lines(plan: Plan, *, bold: bool = False) -> list[str]:
    """A plan as readable lines."""

    def head(text: str) -> str:
        return click.style(text, bold=True) if bold else text

    lines = [head(plan.title), f"  {Path(plan.file).name}", ""]
    for upstream in plan.upstreams:
        lines.append(head(f"upstream {upstream.namespace}") + f"  {upstream.base or '(no address)'}")
        lines += [f"  {line}" for line in _authentication_lines(upstream.authentication)]
    for operation in plan.operations:
        lines += [
            "",
            head(f"operation {operation.name}"),
            *(f"  {line}" for line in _operation_lines(plan, operation)),
        ]
    lines += ["", head("inferred")]
    for inference in plan.inferences:
        lines.append(f"  {inference.rule:24} {inference.where}: {inference.message}")
    shown = set(re.findall(r"[a-z-]+", "\n".join(lines)))
    return [*lines, "", head("rules"), *(f"  {rule:24} {text}" for rule, text in RULES.items() if rule in shown), ""]


def _operation_lines(plan: Plan, operation: Operation) -> list[str]:
    lines = [f"REST  {route.method} {route.path}" for route in plan.routes if route.operation is operation]
    lines += [f"MCP   {tool.name}" for tool in plan.tools if tool.operation is operation]
    call = operation.call
    lines += [f"calls {call.method} {call.upstream.base}{call.path.text}", "takes"]
    width = max((len(parameter.name) for parameter in operation.parameters), default=0)
    for parameter in operation.parameters:
        need = "required" if parameter.required else "optional"
        lines.append(f"  {parameter.name:{width}}  {parameter.location:6} {parameter.type:8} {need}  {parameter.rule}")
    lines.append("sends")
    width = max((len(item.name) for item in call.inputs), default=0)
    required = {parameter.name for parameter in operation.parameters if parameter.required}
    lines += [
        f"  {item.name:{width}}  {item.location:6} {_supply(item.supply)}  {', '.join(_rules(item, required))}"
        for item in call.inputs
    ]
    return [*lines, "answers the upstream's bytes untouched  identity-mapping"]


def _rules(item: UpstreamInput, required: Collection[str]) -> Iterator[str]:
    """The rules behind one input: what supplied it, what its place asks for, what happens when it is absent."""
    yield item.rule
    if item.location == "path":
        yield "placeholder"
    elif not isinstance(item.supply, Constant) and not (
        isinstance(item.supply, Argument) and item.supply.name in required
    ):
        yield "absent-argument"


def _supply(supply: Supply) -> str:
    if isinstance(supply, Argument):
        return f"← {supply.name}"
    if isinstance(supply, Constant):
        return f"= {supply.value!r}"
    return f"← template of {', '.join(supply.variables)}"


def _authentication_lines(authentication: Authentication | None) -> list[str]:
    if authentication is None:
        return ["no authentication"]
    variables = ", ".join(dict.fromkeys(authentication.variables.values()))
    lines = [f"{authentication.type}, from the environment variable {variables}  bind-variable, secret-required"]
    for rule in authentication.schemes:
        condition = f"tokens like {rule.pattern.pattern}" if rule.pattern else "other tokens"
        lines.append(f"Authorization: {rule.scheme} … for {condition}")
    return lines
