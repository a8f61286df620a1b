"""What a described input adds to one that a document declares: facts that the document does not state itself."""

from __future__ import annotations

from collections import Counter
from typing import cast

from fairlead.openapi.model import DescribedInput, Facts
from fairlead.openapi.shapes import text
from fairlead.plan.inference import declared_type
from fairlead.spec.source import JsonValue

# What the summary calls each key.
_COUNTED = {
    "type": "types", "required": "required inputs", "description": "descriptions", "default": "defaults",
    "x-fairlead-format": "formats", "x-fairlead-pattern": "patterns", "x-fairlead-minimum": "limits",
    "x-fairlead-maximum": "limits", "x-fairlead-known-values": "lists of known values",
    "x-fairlead-example": "examples",
}  # fmt: skip


def additions(authored: dict[str, JsonValue], described: DescribedInput) -> dict[str, JsonValue]:
    """The keys to add to an input; nothing for one that the document fixes.

    A type is the provider's where it differs, since it decides what callers may give; whatever else the author stated
    stays.
    """
    if authored.get("value") is not None:
        return {}
    facts, added = described.facts, cast("dict[str, JsonValue]", {})
    kind: str = declared_type(authored.get("type"), in_body=described.place in {"body", "formData"})
    if text(authored.get("type")).lower() in {"file", "binary"}:
        kind = "file"
    if facts.type and facts.type != kind and not authored.get("enum"):
        added["type"] = facts.type
    elif facts.type and facts.type != kind:
        return _worded(authored, facts)  # the author's own list is of another type
    if described.required and described.place != "path" and authored.get("required") is not True:
        # What has a default is not missed by the provider when it is absent, whatever it says.
        added |= {"required": True} if facts.default is None else {}
    return added | _worded(authored, facts) | {k: v for k, v in stated(facts).items() if authored.get(k) is None}


def stated(facts: Facts) -> dict[str, JsonValue]:
    """The facts for which a document has no word but in an overlay, and the default."""
    known: list[JsonValue] = [*facts.known_values]
    found: dict[str, JsonValue] = {
        "default": facts.default,
        "x-fairlead-format": facts.format or None,
        "x-fairlead-pattern": facts.pattern or None,
        "x-fairlead-minimum": facts.minimum,
        "x-fairlead-maximum": facts.maximum,
        "x-fairlead-known-values": known or None,
        "x-fairlead-example": None if known else facts.example,
    }
    return {key: value for key, value in found.items() if value is not None}


def _worded(authored: dict[str, JsonValue], facts: Facts) -> dict[str, JsonValue]:
    """The description, where the document has none."""
    missing = not text(authored.get("description")).strip()
    return {"description": facts.description} if missing and facts.description else {}


def declaration(name: str, described: DescribedInput) -> dict[str, JsonValue]:
    """A whole input that the document lacks, under the name it has there."""
    facts = described.facts
    made: dict[str, JsonValue] = {"name": name, "in": described.place}
    if facts.type or described.place not in {"body", "formData"}:
        made["type"] = facts.type or "string"
    if described.required and (facts.default is None or described.place == "path"):
        made["required"] = True
    if described.fixed is not None:
        made["value"] = described.fixed
    return made | _worded({}, facts) | stated(facts)


def counted(keys: dict[str, JsonValue]) -> Counter[str]:
    """How many facts of each sort these keys are."""
    return Counter(dict.fromkeys((_COUNTED[key] for key in keys if key in _COUNTED), 1))
