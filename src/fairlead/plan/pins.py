"""Pins: arguments the operator fixes for the whole server, taken out of every schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from fairlead.errors import ConfigurationError
from fairlead.plan.conversion import typed_value
from fairlead.plan.inference import Declared
from fairlead.plan.model import Argument, Constant, Parameter, Pin, Supply
from fairlead.plan.templates import Template
from fairlead.spec.source import JsonValue

Supplied: TypeAlias = tuple[Declared, Supply, str]
"""An input of the upstream call, who supplies it, and the rule that said so."""


class Pins:
    """The pins of a command line, and which of them found something to fix."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = {name.lower(): (name, text) for name, text in given.items()}
        self._used: set[str] = set()
        self._names: dict[str, None] = {}

    @property
    def used(self) -> frozenset[str]:
        """The names, as given, that fixed an argument of some operation."""
        return frozenset(self._used)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name seen so far that a pin may use."""
        return tuple(self._names)

    def among(self, parameters: Mapping[str, Parameter], supplies: Sequence[Supplied]) -> dict[str, Pin]:
        """The pinned ones of these parameters, by name.

        A pin may use the caller's name or the upstream's. Raises ConfigurationError for a text that is not of
        the parameter's type.
        """
        upstream_names = {s.name: declared.name for declared, s, _ in supplies if isinstance(s, Argument)}
        fixed: dict[str, Pin] = {}
        for name, parameter in parameters.items():
            aliases = (name, upstream_names.get(name, name))
            self._names.update(dict.fromkeys(aliases))
            found = next((self._given[alias.lower()] for alias in aliases if alias.lower() in self._given), None)
            if found is not None:
                self._used.add(found[0])
                fixed[name] = Pin(parameter, _value(parameter, *found))
        return fixed


def pinned_supply(supply: Supply, fixed: Mapping[str, Pin]) -> Supply:
    """What supplies an input once some arguments are fixed; the same object when none of them concerns it."""
    if isinstance(supply, Argument) and supply.name in fixed:
        return Constant(fixed[supply.name].value)
    if isinstance(supply, Template) and not fixed.keys().isdisjoint(supply.variables):
        filled = supply.with_values({name: str(pin.value) for name, pin in fixed.items()})
        return filled if filled.variables else Constant(filled.literals[0])
    return supply


def _value(parameter: Parameter, name: str, text: str) -> JsonValue:
    try:
        return typed_value(parameter, text)
    except ValueError:
        raise ConfigurationError(f"--pin {name}: `{text}` is no {parameter.type}.") from None
