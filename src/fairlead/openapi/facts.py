"""What a provider states of one value, as far as it can be held: a fact that the provider itself breaks is left out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from fairlead.engine.arguments import accepts
from fairlead.errors import ConfigurationError
from fairlead.openapi.model import Facts
from fairlead.openapi.references import References
from fairlead.openapi.schemas import bounds_of, flat, known_values
from fairlead.openapi.shapes import listed, mapping, prose, text
from fairlead.plan.conversion import typed_value
from fairlead.plan.model import Parameter, ParameterType
from fairlead.spec.json_text import json_text
from fairlead.spec.source import JsonValue

_LONGEST_DESCRIPTION = 1_000
_LONGEST_EXAMPLE = 500
_LONGEST_PATTERN = 500
_LONGEST_FORMAT = 60
_MOST_LEVELS = 20
_MOST_TRIED = 20
_BEYOND_64_BITS = re.compile(r"[0-9]{19}")
_NATIVE: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,),
    "array": (list,), "object": (dict,),
}  # fmt: skip
# Those that are checked and that providers write for looser texts: `10s` is called a duration, `14:30` a time.
_LOOSE_FORMATS = frozenset({
    "duration", "time", "hostname", "idn-hostname", "idn-email", "uri-reference", "iri", "iri-reference",
    "uri-template", "json-pointer", "relative-json-pointer", "regex",
})  # fmt: skip


def facts_of(stated: dict[str, JsonValue], schema: JsonValue, kind: str, references: References) -> Facts:
    """The facts of a value of this type; `stated` is what holds the schema, a parameter or the schema itself."""
    found = flat(schema, references)
    least, greatest = bounds_of(found, kind)
    facts = Facts(
        type=kind,
        description=prose(stated.get("description") or found.get("description"), _LONGEST_DESCRIPTION),
        format=_format(found, kind),
        pattern=_pattern(found, kind),
        minimum=least,
        maximum=greatest,
        default=found.get("default"),
        known_values=known_values(found, references) if kind in {"string", "array", "integer", "number"} else (),
        example=next(_examples(stated, found, references), None),
    )
    return _consistent(facts)


def _format(schema: dict[str, JsonValue], kind: str) -> str:
    stated = text(schema.get("format"))
    usable = kind in {"string", "integer", "number"} and stated.isprintable() and len(stated) <= _LONGEST_FORMAT
    return stated if usable and stated not in _LOOSE_FORMATS else ""


def _pattern(schema: dict[str, JsonValue], kind: str) -> str:
    stated = schema.get("pattern")
    if kind != "string" or not isinstance(stated, str) or not 0 < len(stated) <= _LONGEST_PATTERN:
        return ""
    try:
        re.compile(stated)
        accepts(_parameter(Facts(type=kind, pattern=stated)), "")
    except (re.error, ConfigurationError, OverflowError, RecursionError):
        return ""  # it looks around or back, or is of another kind of regular expression
    return stated


def _examples(
    stated: dict[str, JsonValue], schema: dict[str, JsonValue], references: References
) -> Iterator[JsonValue]:
    for holder in (stated, schema):
        yield from (holder[key] for key in ("example", "x-example") if holder.get(key) is not None)
        several = holder.get("examples")
        yield from (each for each in listed(several) if each is not None)
        for named in mapping(several).values():
            value = references.mapping(named).get("value")
            if value is not None:
                yield value


def _consistent(facts: Facts) -> Facts:
    """The facts without a default or an example of another type, and without limits that its own values break."""
    facts = replace(facts, default=_fitting(facts.default, facts.type), example=_fitting(facts.example, facts.type))
    if not (facts.format or facts.pattern or facts.minimum is not None or facts.maximum is not None):
        return facts
    listed_ones = (_fitting(value, facts.type) for value in facts.known_values[:_MOST_TRIED])
    parameter = _parameter(facts)
    values = [value for value in (facts.default, facts.example, *listed_ones) if value is not None]
    if all(accepts(parameter, value) for value in values):
        return facts
    return replace(facts, format="", pattern="", minimum=None, maximum=None)


def _parameter(facts: Facts) -> Parameter:
    return Parameter(
        name="value",
        type=cast("ParameterType", facts.type) if facts.type in _NATIVE else "any",
        location="query",
        required=True,
        format=facts.format or None,
        pattern=facts.pattern or None,
        minimum=facts.minimum,
        maximum=facts.maximum,
    )


def _fitting(value: JsonValue, kind: str) -> JsonValue:
    """A small value as one of a type, or None."""
    if value is None:
        return None
    try:
        written = json_text(value)
    except ValueError:
        return None
    if len(written) > _LONGEST_EXAMPLE or written.count("[") + written.count("{") > _MOST_LEVELS:
        return None
    if kind == "string" and not isinstance(value, str | dict | list):
        return written  # YAML takes `007` and `true` for something else
    if isinstance(value, str) and kind in {"integer", "number", "boolean"}:
        try:
            value = typed_value(
                Parameter(name="", type=cast("ParameterType", kind), location="query", required=False), value
            )
        except ValueError:
            return None
    native = _NATIVE.get(kind)
    fits = native is None or (isinstance(value, native) and isinstance(value, bool) is (kind == "boolean"))
    return value if fits and not _BEYOND_64_BITS.search(written) else None
