"""What the parameters of a description are on the wire, in the words of capability documents.

A document's array in the query repeats its key, an object is JSON, and everything else is a text; whatever a provider
wants otherwise becomes an input that can be sent so, or is told and left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from fairlead.openapi.facts import facts_of
from fairlead.openapi.model import DescribedInput, Facts, Place
from fairlead.openapi.references import References
from fairlead.openapi.schemas import flat, types_of
from fairlead.openapi.shapes import mapping, text
from fairlead.plan.inference import RESERVED_HEADERS
from fairlead.spec.source import JsonValue

SENT = "x-fairlead-sent"
_PLACES: dict[str, Place] = {"path": "path", "query": "query", "header": "header", "cookie": "cookie"}
# What OpenAPI itself says of a parameter with these names: it is none.
_NO_PARAMETERS = frozenset({"accept", "authorization", "content-type"})
_SEPARATORS = {"form": "commas", "simple": "commas", "spaceDelimited": "spaces", "pipeDelimited": "`|`", "tabs": "tabs"}
_REFERENCE = re.compile(r"\{\{|^(?:\$this|rest|tools|mcp|[\w-]+-(?:rest|mcp))\.")
_LONGEST_NAME = 200
_MOST_PROPERTIES = 200


def usable_name(name: str) -> bool:
    """Whether a name can stand in a document: short, printable, and no template."""
    return 0 < len(name) <= _LONGEST_NAME and name.isprintable() and "{{" not in name and name == name.strip()


@dataclass(frozen=True, slots=True)
class WireReader:
    """Reads the parameters of one operation; `told` is what is left out of it, each with the reason."""

    references: References
    told: list[str] = field(default_factory=list)

    def inputs(self, parameter: dict[str, JsonValue]) -> Iterator[DescribedInput]:
        """The inputs that a parameter is: one, none, or one for each property of an object."""
        name, where = text(parameter.get("name")), text(parameter.get("in"))
        place = _PLACES.get(where)
        if not usable_name(name) or place is None:
            self.told.append(f"a parameter `{name[:60] or '(no name)'}` in `{where[:60] or '(no place)'}` is left out")
            return
        if place == "header" and name.lower() in RESERVED_HEADERS | _NO_PARAMETERS and not _is_sent(parameter):
            if name.lower() not in _NO_PARAMETERS:
                self.told.append(f"the header `{name}` is the connection's, so it is left out")
            return
        schema, in_content = self._schema(parameter)
        kinds = types_of(flat(schema, self.references), self.references)
        style = text(parameter.get("style")) or ("simple" if place in {"path", "header"} else "form")
        explode = parameter.get("explode") is True or ("explode" not in parameter and style == "form")
        made = self._made(parameter, name, place, schema, _kind(kinds))
        if in_content:
            yield self._in_content(made, kinds)
        elif kinds == {"object"} and place == "query":
            yield from self._properties(made, schema, style, explode=explode)
        elif "array" in kinds:
            yield self._array(made, style, explode=explode)
        elif made.facts.type == "object":
            self.told.append(f"`{name}` is an object in the {place}, so its value has to be written as its style says")
            yield _as_text(made, "")
        elif place == "path" and style in {"label", "matrix"}:
            self.told.append(f"`{name}` has the style `{style}`, so its value has to be written with it")
            yield made
        else:
            yield made

    def fields(self, schema: JsonValue, *, spread: bool = False) -> Iterator[DescribedInput]:
        """The fields of a form; with `spread` those of a JSON body, each of them an input."""
        found = flat(schema, self.references)
        required = found.get("required")
        for name, each in list(mapping(found.get("properties")).items())[:_MOST_PROPERTIES]:
            own = flat(each, self.references)
            if own.get("readOnly") is True:
                continue
            if not usable_name(name):
                self.told.append(f"the field `{name[:60]}` of the body is left out")
                continue
            kinds = types_of(own, self.references)
            kind = next(iter(kinds)) if len(kinds) == 1 else ""
            if not spread and _is_file(own, self.references):
                kind = "file"
            facts = facts_of({}, own, kind, self.references)
            is_required = isinstance(required, list) and name in required
            yield DescribedInput(name=name, place="body" if spread else "formData", required=is_required, facts=facts)

    def _schema(self, parameter: dict[str, JsonValue]) -> tuple[JsonValue, bool]:
        content = mapping(parameter.get("content"))
        if "schema" in parameter or not content:
            return parameter.get("schema"), False
        media = self.references.mapping(next(iter(content.values())))
        return media.get("schema"), True

    def _made(
        self, parameter: dict[str, JsonValue], name: str, place: Place, schema: JsonValue, kind: str
    ) -> DescribedInput:
        found = flat(schema, self.references)
        required = parameter.get("required") is True or place == "path"
        facts = facts_of(parameter, found, kind, self.references)
        fixed = found.get("const") if required and place in {"query", "header"} else None
        if isinstance(fixed, str) and _REFERENCE.search(fixed):
            fixed = None  # a document would take it for a template or for a caller's argument
        return DescribedInput(
            name=name,
            place=place,
            required=required,
            facts=facts,
            fixed=fixed if isinstance(fixed, str | int | float) else None,
        )

    def _in_content(self, made: DescribedInput, kinds: set[str]) -> DescribedInput:
        if kinds == {"object"} and made.place == "query":
            return made  # what a document sends for it is JSON
        return _as_text(made, "Written as JSON." if kinds != {"string"} else "")

    def _array(self, made: DescribedInput, style: str, *, explode: bool) -> DescribedInput:
        if style == "deepObject":
            self.told.append(f"`{made.name}` is a list of the style `deepObject`; it is sent by repeating its name")
        if made.place == "query" and (explode or style == "deepObject"):
            return replace(made, facts=replace(made.facts, type="array"))
        separator = _SEPARATORS.get(style)
        if separator is None:
            self.told.append(f"`{made.name}` has the style `{style[:60]}`, so its value has to be written with it")
        return _as_text(made, f"Several values are separated by {separator}." if separator else "")

    def _properties(
        self, made: DescribedInput, schema: JsonValue, style: str, *, explode: bool
    ) -> Iterator[DescribedInput]:
        """One input for each property of an object in the query."""
        if style == "deepObject":
            spelled = f"{made.name}[{{}}]"
        elif style == "form" and explode:
            spelled = "{}"
        else:
            self.told.append(f"`{made.name}` is an object of the style `{style[:60]}`, so it is left out")
            return
        parts = list(self.fields(schema))
        if not parts:
            self.told.append(f"`{made.name}` is an object without fixed fields, so it is left out")
        for part in parts:
            kind = part.facts.type if part.facts.type not in {"", "file"} else "string"
            name = spelled.replace("{}", part.name)
            facts = replace(part.facts, type=kind)
            yield replace(part, name=name, place="query", required=made.required and part.required, facts=facts)


def _is_sent(parameter: dict[str, JsonValue]) -> bool:
    """Whether a description that Fairlead wrote says that `Accept` is an input, which OpenAPI has no word for."""
    return text(parameter.get("name")).lower() == "accept" and parameter.get(SENT) is True


def _kind(kinds: set[str]) -> str:
    """The type of what is sent as text: one that takes all that the provider takes; empty where it says nothing."""
    if not kinds:
        return ""
    if "array" in kinds:
        return "array"
    scalars = kinds - {"object"} or kinds
    if len(scalars) == 1:
        kind = next(iter(scalars))
        return kind if kind in {"string", "integer", "number", "boolean", "object"} else "string"
    return "number" if scalars == {"integer", "number"} else "string"


def _as_text(made: DescribedInput, note: str) -> DescribedInput:
    """The input as a text, with how to write it; what is stated of its parts does not hold for it."""
    facts = made.facts
    described = " ".join(part for part in (facts.description, note) if part)
    example = facts.example if isinstance(facts.example, str) else None
    kept = Facts(type="string", description=described, known_values=facts.known_values, example=example)
    return replace(made, facts=kept)


def _is_file(schema: dict[str, JsonValue], references: References) -> bool:
    if schema.get("type") == "array":
        schema = flat(schema.get("items"), references)
    if schema.get("type") == "file":
        return True
    binary = schema.get("format") == "binary" or text(schema.get("contentMediaType")) == "application/octet-stream"
    return binary and "contentEncoding" not in schema and schema.get("type") in (None, "string")
