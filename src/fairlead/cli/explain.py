"""`fairlead explain`: the compiled plan, with the rule behind everything the author did not write."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from fairlead.cli.choice import DOCUMENT, Choice, document_options, selection_options
from fairlead.cli.documents import compile_all, print_diagnostics
from fairlead.cli.environment import colours
from fairlead.cli.terminal import escaped
from fairlead.plan.inference import RULES, spelling_rule
from fairlead.plan.model import (
    Argument,
    Authentication,
    Constant,
    Operation,
    Parameter,
    Plan,
    Route,
    Supply,
    Tool,
    UpstreamCall,
    UpstreamInput,
)
from fairlead.plan.variables import environment_of

# Where a parameter comes from, by the rule that supplied it; `{}` is the name of the input that it fills.
_ORIGINS: Mapping[str, str] = {
    "declared": "declared where it is exposed",
    "inherited": "from the input {}",
    "undeclared-placeholder": "from the placeholder {{{}}}",
    "host-label": "from the placeholder {{{}}} of the address",
    "unused-placeholder": "from the route's placeholder {{{}}}, and not sent",
    "template-value": "from a text in `with`",
    "body-variable": "from the `body` block's {{{{{}}}}}",
    "undeclared-body": "from the method, which sends a body",
}


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
    bold = colours(sys.stdout)
    for plan in compiled.plans:
        for line in map(escaped, plan_lines(plan)):
            is_heading = not line.startswith(" ")
            click.echo(click.style(line, bold=True) if bold and is_heading and line else line)
    print_diagnostics(compiled.diagnostics)


def plan_lines(plan: Plan) -> list[str]:
    """A plan as readable lines; those that are not indented are headings."""
    lines = [plan.title, f"  {Path(plan.file).name}", ""]
    for upstream in plan.upstreams:
        lines.append(f"upstream {upstream.namespace}  {upstream.base or '(no address)'}")
        lines += [f"  {line}" for line in _authentication_lines(upstream.authentication)]
    for operation in plan.operations:
        lines += [
            "",
            f"operation {operation.name}",
            *(f"  {line}" for line in _operation_lines(plan, operation)),
        ]
    lines += ["", "inferred"]
    for inference in plan.inferences:
        lines.append(f"  {inference.where}: {inference.message} [{inference.rule}]")
    shown = set(re.findall(r"[a-z-]+", " ".join(re.findall(r"\[([a-z, -]+)\]", "\n".join(lines)))))
    return [*lines, "", "rules", *(f"  {rule:24} {text}" for rule, text in RULES.items() if rule in shown), ""]


def _operation_lines(plan: Plan, operation: Operation) -> list[str]:
    routes = [route for route in plan.routes if route.operation is operation]
    tools = [tool for tool in plan.tools if tool.operation is operation]
    call = operation.call
    lines = [f"REST  {route.method} {route.path}" for route in routes]
    lines += [f"MCP   {tool.name}" for tool in tools]
    lines += [f"calls {call.method} {call.upstream.base}{call.path.text}", "takes"]
    required = {parameter.name for parameter in operation.parameters if parameter.required}
    rows = [
        (f"{each.name}:", f"{each.location},", f"{each.type},", f"{'required' if each.required else 'optional'},",
         "; ".join([_origin(each, call), *_spellings(each, routes, tools)]))
        for each in operation.parameters
    ]  # fmt: skip
    lines += _aligned(rows)
    lines.append("sends")
    lines += _aligned([
        (f"{item.name}:", f"{item.location},", _with_rules(_supply(item.supply), _rules(item, required)))
        for item in call.inputs
    ])  # fmt: skip
    return [*lines, "answers the upstream's bytes untouched [identity-mapping]"]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Each row as an indented line, every cell but the last as wide as the widest of its column."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return ["  " + " ".join([*map(str.ljust, row, widths), row[-1]]) for row in rows]


def _origin(parameter: Parameter, call: UpstreamCall) -> str:
    """Where a parameter comes from, with the rule that says so."""
    fills = [item.name for item in call.inputs if item.supply == Argument(parameter.name)]
    origin = _ORIGINS.get(parameter.rule, "supplied").format(fills[0] if fills else parameter.name)
    return _with_rules(origin, [parameter.rule])


def _spellings(parameter: Parameter, routes: Sequence[Route], tools: Sequence[Tool]) -> Iterator[str]:
    """The other names that callers know a parameter by."""
    filling = [each.text for route in routes for each in route.placeholders if each.parameter == parameter.name]
    for placeholder in dict.fromkeys(filling):
        if placeholder != parameter.name:
            yield f"REST spells it {{{placeholder}}} [{spelling_rule(placeholder, parameter.name)}]"
    for alias in dict.fromkeys(tool.aliases.get(parameter.name, parameter.name) for tool in tools):
        if alias != parameter.name:
            yield f"MCP spells it {alias} [safe-alias]"


def _rules(item: UpstreamInput, required: Collection[str]) -> Iterator[str]:
    """The rules behind one input: what supplied it, what its place asks for, what happens when it is absent."""
    yield item.rule
    if item.location == "path":
        yield "placeholder"
    elif (
        not isinstance(item.supply, Constant)
        and item.rule != "operator-variable"
        and not (isinstance(item.supply, Argument) and item.supply.name in required)
    ):
        yield "absent-argument"


def _with_rules(text: str, rules: Iterable[str]) -> str:
    codes = ", ".join(rule for rule in rules if rule in RULES)
    return f"{text} [{codes}]" if codes else text


def _supply(supply: Supply) -> str:
    if isinstance(supply, Argument):
        return f"from {supply.name}"
    if isinstance(supply, Constant):
        return f"always {json.dumps(supply.value, ensure_ascii=False)}"
    own = environment_of(supply.variables)
    names = [name for name in supply.variables if name.removeprefix("\0") not in own]
    return f"from a text with {', '.join([*names, *(f'the environment variable {name}' for name in own)])}"


def _authentication_lines(authentication: Authentication | None) -> list[str]:
    if authentication is None:
        return ["no authentication"]
    variables = ", ".join(dict.fromkeys(authentication.variables.values()))
    lines = [f"{authentication.type}, from the environment variable {variables} [bind-variable, secret-required]"]
    for rule in authentication.schemes:
        condition = f"tokens like {rule.pattern.pattern}" if rule.pattern else "other tokens"
        lines.append(f"Authorization: {rule.scheme} … for {condition}")
    return lines
