"""Whose the `{{variables}}` of a text in a document are: the caller's, or the operator's."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from fairlead.plan.model import Argument, Constant, Supply
from fairlead.plan.templates import Template, parse_template
from fairlead.plan.variables import environment_of, operators_name, operators_variable
from fairlead.spec.source import JsonValue

_CALLERS = ("rest", "tools", "mcp")


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a text stands.

    `callers` are words before a dot that mean the caller, beside `rest`, `tools` and `mcp`. `binds` are variables of
    the environment by the names that the document has for them, beside what begins with `env.`.
    """

    callers: Collection[str] = ()
    binds: Mapping[str, str] = field(default_factory=dict)


def read_supply(value: JsonValue, scope: Scope) -> Supply:
    """What a value in `with` means: the caller's argument, a template, or a constant."""
    if not isinstance(value, str):
        return Constant(value)
    if "{{" not in value:
        own = operators_variable(value, scope.binds) if "." in value else None
        if own is not None:
            return Template(("", ""), (operators_name(own),))
        name = _caller_name(value, scope)
        return Constant(value) if name == value else Argument(name)
    template = read_template(value, scope)
    if not template.variables:
        return Constant(value)
    argument = sole_argument(template)
    return template if argument is None else Argument(argument)


def read_template(text: str, scope: Scope) -> Template:
    """A text whose variables are named as callers' arguments, or as variables of the environment."""

    def named(variable: str) -> str:
        own = operators_variable(variable, scope.binds)
        return _caller_name(variable, scope) if own is None else operators_name(own)

    parsed = parse_template(text)
    return Template(parsed.literals, tuple(map(named, parsed.variables)))


def sole_argument(template: Template) -> str | None:
    """The caller's argument, when a template is nothing but that: its value keeps its type."""
    sole = template.sole_variable
    return None if sole is None or environment_of([sole]) else sole


def _caller_name(reference: str, scope: Scope) -> str:
    """The argument that `rest.X`, `tools.X` or `<namespace>.X` means; anything else is its own name."""
    reference, whole = reference.removeprefix("$this."), reference
    for word in (*_CALLERS, *scope.callers):
        if word and reference.startswith(f"{word}.") and len(reference) > len(word) + 1:
            return reference[len(word) + 1 :]
    return whole
