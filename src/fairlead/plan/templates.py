"""Mustache-like templates (`{{x}}`, `{{a.b}}`) with the variables known at compile time."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_VARIABLE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Template:
    """Literal texts and variable names in turn, one literal more than names."""

    literals: tuple[str, ...]
    variables: tuple[str, ...]

    @property
    def sole_variable(self) -> str | None:
        """The variable, when the template is nothing but that: its value keeps its type."""
        return self.variables[0] if self.literals == ("", "") else None

    def with_values(self, values: Mapping[str, str]) -> Template:
        """The same template with some of its variables already replaced."""
        literals, variables = [self.literals[0]], []
        for variable, literal in zip(self.variables, self.literals[1:], strict=True):
            if variable in values:
                literals[-1] += values[variable] + literal
            else:
                variables.append(variable)
                literals.append(literal)
        return Template(tuple(literals), tuple(variables))

    def render(self, value_of: Callable[[str], str]) -> str:
        """The text with every variable replaced by what `value_of` gives for it."""
        parts = [self.literals[0]]
        for variable, literal in zip(self.variables, self.literals[1:], strict=True):
            parts += [value_of(variable), literal]
        return "".join(parts)


def parse_template(text: str) -> Template:
    """Split a text at its `{{variables}}`; a text without any is a template that is one literal."""
    pieces = _VARIABLE.split(text)
    return Template(tuple(pieces[::2]), tuple(pieces[1::2]))
