"""The part of SARIF 2.1.0 that `fairlead check` writes, as a JSON Schema: nothing else, and all that is required.

In our own words after the standard (sections 3.13 to 3.49); no package of the tests brings the whole schema.
"""

from __future__ import annotations

from fairlead.spec.source import JsonValue


def _object(required: dict[str, JsonValue], optional: dict[str, JsonValue] | None = None) -> dict[str, JsonValue]:
    return {
        "type": "object", "required": list(required), "properties": required | (optional or {}),
        "additionalProperties": False,
    }  # fmt: skip


def _list(items: JsonValue) -> dict[str, JsonValue]:
    return {"type": "array", "uniqueItems": True, "items": items}


_TEXT: JsonValue = {"type": "string", "minLength": 1}
_LEVEL: JsonValue = {"enum": ["none", "note", "warning", "error"]}
_MESSAGE = _object({"text": _TEXT}, {"markdown": _TEXT})
_PLACE = _object({
    "physicalLocation": _object({
        "artifactLocation": _object({"uri": {"type": "string", "format": "uri-reference"}}),
        "region": _object({
            "startLine": {"type": "integer", "minimum": 1}, "startColumn": {"type": "integer", "minimum": 1},
        }),
    }),
})  # fmt: skip
_RULE = _object({
    "id": {"type": "string", "pattern": "^[a-z0-9-]+$"},
    "shortDescription": _MESSAGE, "fullDescription": _MESSAGE, "help": _MESSAGE,
    "defaultConfiguration": _object({"level": _LEVEL}),
    "properties": _object({"documentation": {"type": "string", "format": "uri-reference"}}),
})  # fmt: skip
_RUN = _object({
    "tool": _object({"driver": _object({"name": _TEXT, "rules": _list(_RULE)})}),
    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    "results": {"type": "array", "items": _object({
        "ruleId": _TEXT, "level": _LEVEL, "message": _object({"text": _TEXT}), "locations": _list(_PLACE),
    })},
})  # fmt: skip
SCHEMA = _object({"$schema": {"type": "string", "format": "uri"}, "version": {"const": "2.1.0"}, "runs": _list(_RUN)})
