"""Checks a caller's arguments against an operation, and says what is wrong in words a person or a model can use."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import jsonschema_rs

from fairlead.errors import MOST_FAULTS, ArgumentFault, ConfigurationError, InvalidArguments
from fairlead.plan.model import Arguments, Operation, Parameter
from fairlead.plan.parameters import arguments_schema
from fairlead.spec.diagnostics import did_you_mean
from fairlead.spec.source import JsonValue

# Linear in the text: with the longest text one is tried on, no pattern of a document takes more than a fraction of a
# second. A pattern that looks around or back cannot be tried so, and is refused.
_PATTERNS = jsonschema_rs.RegexOptions(size_limit=1_000_000)
_LONGEST_TEXT = 16_000
_ARTICLES: Mapping[str, str] = {
    "string": "a string", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "an object",
}  # fmt: skip
_FORMATS: Mapping[str, str] = {
    "uuid": "a UUID like `123e4567-e89b-12d3-a456-426614174000`",
    "date-time": "a moment like `2026-01-31T12:00:00Z`",
    "date": "a date like `2026-01-31`",
}


@dataclass(frozen=True, slots=True)
class ArgumentCheck:
    """The compiled check of one operation's arguments."""

    parameters: Mapping[str, Parameter]
    validator: jsonschema_rs.Validator
    patterned: tuple[str, ...]

    def check(self, arguments: Arguments, faults: Sequence[ArgumentFault] = ()) -> Arguments:
        """The arguments without those that are null, which counts as absent.

        Raises InvalidArguments with every fault: those an adapter found while it read them (`faults`), then
        unknown names, missing ones, wrong types and values among the rest.
        """
        given = self.present(arguments)
        for name in self.patterned:
            value = given.get(name)
            if isinstance(value, str) and len(value) > _LONGEST_TEXT:
                fault = ArgumentFault(name, f"is longer than the {_LONGEST_TEXT:,} characters it may have")
                raise InvalidArguments((*faults, fault))
        try:
            if not faults and self.validator.is_valid(given):
                return given
            known = {fault.argument for fault in faults}
            found = [fault for fault in self._faults(given) if fault.argument not in known]
        except (UnicodeEncodeError, RecursionError, ValueError):
            raise unreadable(given) from None
        raise InvalidArguments((*faults, *found))

    def present(self, arguments: Arguments) -> Arguments:
        """The arguments without those that are null and thereby absent; null is a value of type `any` only."""
        if None not in arguments.values():
            return arguments
        return {name: value for name, value in arguments.items() if value is not None or self._takes_null(name)}

    def _takes_null(self, name: str) -> bool:
        return name in self.parameters and self.parameters[name].type == "any"

    def _faults(self, given: Arguments) -> Iterable[ArgumentFault]:
        for error in self.validator.iter_errors(given):
            kind = error.kind.as_dict()
            if error.kind.name == "required":
                yield ArgumentFault(str(kind["property"]), "is required")
            elif error.kind.name == "additionalProperties":
                yield from unknown_arguments([str(name) for name in kind["unexpected"]], self.parameters)
            else:
                name = str(error.instance_path[0]) if error.instance_path else "arguments"
                yield ArgumentFault(name, _message(error.kind.name, self.parameters.get(name), given.get(name)))


def argument_check(operation: Operation) -> ArgumentCheck:
    """The check of an operation; a pattern of the document that does not compile raises ConfigurationError."""
    return parameters_check(operation.name, operation.parameters)


def parameters_check(name: str, parameters: Sequence[Parameter]) -> ArgumentCheck:
    """The check of what `name` takes; a pattern that does not compile raises ConfigurationError."""
    validator = _validator(parameters, f"The inputs of `{name}` make")
    patterned = tuple(parameter.name for parameter in parameters if parameter.pattern is not None)
    return ArgumentCheck({parameter.name: parameter for parameter in parameters}, validator, patterned)


def accepts(parameter: Parameter, value: JsonValue) -> bool:
    """Whether a caller may give this value; raises ConfigurationError for a pattern that cannot be tried."""
    validator = _validator([parameter], f"The input `{parameter.name}` makes")
    try:
        return validator.is_valid({parameter.name: value})
    except (UnicodeEncodeError, RecursionError, ValueError):
        return False


def _validator(parameters: Iterable[Parameter], subject: str) -> jsonschema_rs.Validator:
    try:
        schema = arguments_schema(parameters)
        return jsonschema_rs.validator_for(schema, validate_formats=True, pattern_options=_PATTERNS)
    except (ValueError, jsonschema_rs.ValidationError) as failure:
        raise ConfigurationError(
            f"{subject} no valid schema.",
            detail=str(failure),
            remedy="A pattern can look neither around nor back, and has to be small.",
        ) from failure


def unknown_argument(name: str, known: Iterable[str]) -> ArgumentFault:
    """The fault of a name no parameter has."""
    return unknown_arguments([name], known)[0]


def unknown_arguments(names: Sequence[str], known: Iterable[str]) -> list[ArgumentFault]:
    """The faults of names no parameter has; all the known names are told once, where none of them is near."""
    known = list(known)
    # Finding a hint takes time, so only what will be told has one.
    hints = [did_you_mean(name, known) for name in names[:MOST_FAULTS]]
    if known and "" in hints:
        hints[hints.index("")] = f"; it takes {', '.join(f'`{name}`' for name in known)}"
    pairs = zip_longest(names, hints, fillvalue="")
    return [ArgumentFault(_short(name), f"is not a parameter{hint}") for name, hint in pairs]


def wrong_type(parameter: Parameter, value: JsonValue) -> ArgumentFault:
    """The fault of a value that is not of the parameter's type."""
    return ArgumentFault(parameter.name, f"must be {_ARTICLES.get(parameter.type, 'a value')}, not {_shown(value)}")


def _message(keyword: str, parameter: Parameter | None, value: JsonValue) -> str:
    if parameter is None:
        return "cannot be used"
    if keyword == "type":
        return wrong_type(parameter, value).message
    if keyword == "format":
        return f"must be {_FORMATS.get(parameter.format or '', f'a {parameter.format}')}, not {_shown(value)}"
    if keyword == "pattern":
        example = f", for example {_shown(parameter.example)}" if parameter.example is not None else ""
        return f"must match `{parameter.pattern}`{example}; {_shown(value)} does not"
    if keyword == "minimum":
        return f"must be at least {parameter.minimum:g}, not {_shown(value)}"
    if keyword == "maximum":
        return f"must be at most {parameter.maximum:g}, not {_shown(value)}"
    if keyword == "enum":
        return f"must be one of {', '.join(_shown(item) for item in parameter.enum)}, not {_shown(value)}"
    return "must not be empty" if keyword == "minLength" else f"fails `{keyword}`"


def unreadable(given: Arguments) -> InvalidArguments:
    """The error of arguments that hold what no encoding can carry, such as half a surrogate pair."""
    for name, value in given.items():
        try:
            f"{name}{value}".encode()
        except (UnicodeEncodeError, RecursionError, ValueError):
            shown = _short(name.encode("ascii", "replace").decode())
            return InvalidArguments((ArgumentFault(shown, "is not text that can be sent"),))
    return InvalidArguments((ArgumentFault("arguments", "cannot be read"),))


def _shown(value: JsonValue) -> str:
    if isinstance(value, str):
        return f"`{_short(value)}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float) and not math.isfinite(value):
        return "a number without end"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    return f"`{_short(str(value))}`"


def _short(text: str) -> str:
    shown = text if len(text) <= 80 else f"{text[:77]}…"
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode()
