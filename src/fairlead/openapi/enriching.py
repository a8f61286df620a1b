"""Writes an overlay of what a provider documents and a capability document does not say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fairlead.openapi.additions import additions, counted, declaration
from fairlead.openapi.matching import Match, match_operations
from fairlead.openapi.model import DescribedInput
from fairlead.openapi.reading import ReadDescription
from fairlead.openapi.schemas import contained
from fairlead.openapi.selecting import Selector
from fairlead.openapi.shapes import listed, mapping, text
from fairlead.plan.consumed import ConsumedEntry, read_consumed
from fairlead.plan.findings import Findings
from fairlead.plan.inference import Declared
from fairlead.spec.diagnostics import DocumentInvalid
from fairlead.spec.json_text import is_json
from fairlead.spec.rules import read_model
from fairlead.spec.source import JsonValue, Path, Source, walk
from fairlead.spec.spellings import as_lists

# What an overlay may bring and its targets may visit is bounded; these leave room for a few corrections by hand.
_MOST_VALUES = 90_000
_MOST_CHARACTERS = 6_000_000
_MOST_ACTIONS = 15_000
_VALUES_OF_SCHEMAS = 50_000
_LARGEST_SCHEMA, _SMALLEST_SCHEMA = 1_500, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrichment:
    """An overlay as a value, what it adds, and what of the document or the description found no other side."""

    overlay: JsonValue = field(hash=False)
    actions: int
    matched: int
    total: int
    added: Mapping[str, int] = field(hash=False)
    told: tuple[str, ...]


def enrichment(source: Source, read: ReadDescription, title: str) -> Enrichment:
    """The overlay for a document as its author wrote it, without any other overlay; `title` says what it is.

    Raises DocumentInvalid when nothing of the document can be made out.
    """
    spelled = as_lists(source)
    document, diagnostics = read_model(spelled)
    if document is None:
        raise DocumentInvalid(diagnostics)
    named = read_consumed(document, Findings(spelled))
    entries = list({entry.at: entry for each in named.values() for entry in each}.values())
    matching = match_operations(entries, read.description.operations)
    share = _VALUES_OF_SCHEMAS // max(1, len(matching.matches))
    enriching = _Enriching(source, spelled.value, read, max(_SMALLEST_SCHEMA, min(_LARGEST_SCHEMA, share)))
    for match in matching.matches:
        enriching.enrich(match)
    overlay: JsonValue = {
        "overlay": "1.0.0",
        "info": {"title": title, "version": read.description.version or "1"},
        "actions": enriching.actions,
    }
    return Enrichment(
        overlay=overlay,
        actions=len(enriching.actions),
        matched=len(matching.matches),
        total=len(entries),
        added=dict(enriching.added),
        told=(*_imports(spelled.value), *matching.told, *enriching.told, *enriching.notes()),
    )


def _imports(document: JsonValue) -> Iterator[str]:
    for each in listed(mapping(mapping(document).get("capability")).get("consumes")):
        if "import" in mapping(each):
            yield f"`{text(mapping(each)['import'])}` is imported from another file, which no overlay reaches"


class _Enriching:
    """The actions of one overlay while they are found."""

    def __init__(self, source: Source, document: JsonValue, read: ReadDescription, share: int) -> None:
        self.raw = source.value
        self.document = document
        self.read = read
        self.share = share
        self.selector = Selector(source.value)
        self.actions: list[JsonValue] = []
        self.added: Counter[str] = Counter()
        self.told: list[str] = []
        self._values = self._characters = 0
        self._full = False
        self._given = _given_names(document)

    def notes(self) -> Iterator[str]:
        """What there is to say of the overlay as a whole."""
        if self._full:
            yield "what follows would make the overlay larger than one may be, so it is left out"
        if self.selector.by_place:
            yield "the document is so large that most actions name operations by their place; write it anew with it"

    def enrich(self, match: Match) -> None:
        """Find what one operation lacks."""
        operation = _at(self.document, match.entry.at)
        sides = _Sides(match)
        lacking: list[dict[str, JsonValue]] = []
        for item in match.entry.inputs:
            described = sides.described(item)
            if described is not None:
                lacking += self._enrich_input(match.entry, item, described)
        self.told += [f"{match.entry.authored.name}: {each}" for each in sides.told()]
        update: dict[str, JsonValue] = {}
        if not text(operation.get("description")).strip() and match.operation.description:
            update["description"] = match.operation.description
        lacking += self._missing(match, sides, update)
        if lacking:
            update["inputParameters"] = self._as_inputs(match.entry.at, lacking)
        schema = self._response_schema(match, operation)
        if schema is not None:
            update["x-fairlead-response-schema"] = schema
        inputs, answers = len(lacking), 1 if schema is not None else 0
        if update and self._act(match.entry.at, update):
            found = {"inputs": inputs, "answers": answers, "descriptions": int("description" in update)}
            self.added.update({name: number for name, number in found.items() if number})

    def _enrich_input(
        self, entry: ConsumedEntry, item: Declared, described: DescribedInput
    ) -> Iterator[dict[str, JsonValue]]:
        """Act on an input where it is declared; one of the operation's resource or API is declared again instead."""
        if item.authored is None:
            if item.rule in {"undeclared-placeholder", "undeclared-body"}:
                yield declaration(item.name, described)
            return
        path = _declared_at(self.document, entry.at, item)
        if path is None:
            return
        authored = _at(self.document, path)
        found = additions(authored, described)
        if not found:
            return
        if path[: len(entry.at)] != entry.at:
            yield {**authored, **found}
        elif self._act(path, found):
            self.added.update(counted(found))

    def _missing(self, match: Match, sides: _Sides, update: dict[str, JsonValue]) -> Iterator[dict[str, JsonValue]]:
        """The inputs that the provider documents and the document lacks."""
        entry, body = match.entry, match.operation.body
        given = self._given.get(f"{entry.upstream.namespace}.{entry.authored.name}", set())
        for described in sides.missing():
            if described.place in {"body", "formData"} and "body" in given:
                self.told.append(f"{entry.authored.name}: the provider takes another body than the document sends")
                return
            if described.place in {"body", "formData"} and body is not None and body.block is not None:
                update["body"] = body.block
            yield declaration(described.name, described)

    def _as_inputs(self, at: Path, lacking: Sequence[dict[str, JsonValue]]) -> JsonValue:
        """Inputs in the shape in which the author lists them: a list, or a map keyed by name."""
        if isinstance(_raw_at(self.raw, at).get("inputParameters"), dict):
            return {text(each["name"]): {k: v for k, v in each.items() if k != "name"} for each in lacking}
        return [*lacking]

    def _response_schema(self, match: Match, operation: dict[str, JsonValue]) -> dict[str, JsonValue] | None:
        answer = match.operation.answer
        if "x-fairlead-response-schema" in operation or not is_json(answer.media_type) or not answer.schema:
            return None
        return contained(answer.schema, self.read.references, self.share)

    def _act(self, path: Path, update: dict[str, JsonValue]) -> bool:
        """Add an action, unless the overlay would become too large."""
        self._values += sum(1 for _ in walk(update)) + 3
        self._characters += sum(len(value) for _, value in walk(update) if isinstance(value, str))
        if self._values > _MOST_VALUES or self._characters > _MOST_CHARACTERS or len(self.actions) >= _MOST_ACTIONS:
            self._full = True
            return False
        self.actions.append({"target": self.selector.target(path), "update": update})
        return True


class _Sides:
    """The inputs of a consumed operation and of its description, side by side."""

    def __init__(self, match: Match) -> None:
        self._entry, self._names = match.entry, match.names
        self._left = {(each.place, each.name): each for each in match.operation.inputs}
        self._theirs = dict(self._left)
        self._told: list[str] = []

    def described(self, item: Declared) -> DescribedInput | None:
        """The described side of an input, if it has one."""
        if item.authored is not None and item.authored.location == "environment":
            return None
        if item.rule == "fixed-header":
            self._left.pop(("header", self._alike("header", item.name)), None)
            return None
        if item.location == "path":
            return self._left.pop(("path", self._names.get(item.name, item.name)), None)
        if item.location in {"query", "header", "cookie"}:
            found = self._left.pop((item.location, self._alike(item.location, item.name)), None)
            if found is None:
                self._tell_unknown(item)
            return found
        if item.location == "body":
            whole = [key for key in self._left if key[0] == "body"]
            return self._left.pop(whole[0]) if len(whole) == 1 else None
        if item.location == "field" and item.form:
            return self._left.pop(("formData", item.name), None)
        return None

    def _alike(self, place: str, name: str) -> str:
        """The provider's spelling of a name: the same, or the only one that differs in case."""
        if (place, name) in self._left:
            return name
        alike = [key[1] for key in self._left if key[0] == place and key[1].lower() == name.lower()]
        return alike[0] if len(alike) == 1 else name

    def _tell_unknown(self, item: Declared) -> None:
        elsewhere = next((place for place, name in self._theirs if name == item.name), None)
        if elsewhere is not None:
            self._told.append(f"`{item.name}` is in the {item.location} here, and in the {elsewhere} for the provider")
        else:
            self._told.append(f"the provider documents no `{item.name}` in the {item.location}")

    def told(self) -> list[str]:
        """What is on one side only, or in another place there."""
        return self._told

    def missing(self) -> Iterator[DescribedInput]:
        """The described inputs that the document lacks and that a call can have."""
        entry, rule = self._entry, self._entry.upstream.authentication
        taken = {item.name.lower() for item in entry.inputs}
        credential = rule.key.literals[0].lower() if rule and rule.key and not rule.key.variables else ""
        has_body = entry.body is not None and not any(item.rule == "undeclared-body" for item in entry.inputs)
        for described in self._left.values():
            if described.place in {"body", "formData"}:
                if not has_body and described.name.lower() not in taken:
                    yield described
            elif described.place != "path" and described.name.lower() not in taken | {credential}:
                yield described


def _given_names(document: JsonValue) -> dict[str, set[str]]:
    """What the document gives in `with` to each operation it calls."""
    given: dict[str, set[str]] = {}
    for adapter in listed(mapping(mapping(document).get("capability")).get("exposes")):
        resources = listed(mapping(adapter).get("resources"))
        exposed = [each for one in resources for each in listed(mapping(one).get("operations"))]
        for each in (*exposed, *listed(mapping(adapter).get("tools"))):
            found = mapping(each)
            given.setdefault(text(found.get("call")), set()).update(mapping(found.get("with")))
    return given


def _declared_at(document: JsonValue, at: Path, item: Declared) -> Path | None:
    """Where an input is declared: at the operation, at its resource or at its API; the innermost wins."""
    assert item.authored is not None
    for holder in (at, at[:-2], at[:-4]):
        inputs = listed(_at(document, holder).get("inputParameters"))
        for index in reversed(range(len(inputs))):
            each = mapping(inputs[index])
            if each.get("name") == item.authored.name and each.get("in") == item.authored.location:
                return (*holder, "inputParameters", index)
    return None


def _at(document: JsonValue, path: Path) -> dict[str, JsonValue]:
    value = document
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
    return mapping(value)


def _raw_at(document: JsonValue, path: Path) -> dict[str, JsonValue]:
    """The same in a document whose maps keyed by name are not lists yet."""
    value = document
    for part in path:
        if isinstance(value, dict):
            value = value.get(part) if isinstance(part, str) else list(value.values())[part]
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
    return mapping(value)
