"""Reads the text of a provider's description, JSON or YAML, at a bounded cost, and writes YAML that is read back alike.

A description is somebody else's and may be meant to hurt: its size, its depth and the number of its values are bounded
before anything is made of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import yaml

from fairlead.errors import FairleadError
from fairlead.spec.diagnostics import DocumentInvalid
from fairlead.spec.source import Bounds, JsonValue, parse, plain_value

if TYPE_CHECKING:
    from yaml.nodes import ScalarNode

# The largest published ones have 12 MB as JSON, 37 MB as YAML.
DESCRIPTION_BOUNDS = Bounds(size=32 * 1024 * 1024, nodes=2_000_000, depth=100, located=False)
_WIDTH = 120
_Dumper: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class DescriptionRefused(FairleadError):
    """A provider's description cannot be read, or nothing can be made of it."""


def read_text(data: bytes, name: str) -> JsonValue:
    """What a JSON or YAML text says; `name` is what messages call it. Raises DescriptionRefused."""
    bounds = DESCRIPTION_BOUNDS
    if len(data) > bounds.size:
        raise DescriptionRefused(
            f"{name} is larger than {bounds.size // 1024 // 1024} MiB.", remedy="Take out what you do not need of it."
        )
    text = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"{"):
        try:
            return _read_json(text, name)
        except orjson.JSONDecodeError:
            pass  # a YAML mapping may begin so as well
    try:
        return parse(data, name, bounds).value
    except DocumentInvalid as failure:
        first = failure.diagnostics[0]
        where = f"line {first.position.line}, column {first.position.column}"
        raise DescriptionRefused(
            f"{name} cannot be read ({where}): {first.message}.",
            remedy="Give an OpenAPI description as JSON or YAML, not the page that shows it.",
        ) from None


def _read_json(text: bytes, name: str) -> JsonValue:
    # Counted before they are made: each value but the first follows one of these.
    if sum(text.count(mark) for mark in (b",", b"[", b"{")) > DESCRIPTION_BOUNDS.nodes:
        raise DescriptionRefused(
            f"{name} holds more than {DESCRIPTION_BOUNDS.nodes:,} values.",
            remedy="Take out what you do not need of it.",
        )
    value: JsonValue = orjson.loads(text)
    level: list[JsonValue] = [value]
    for _ in range(DESCRIPTION_BOUNDS.depth + 1):
        level = [child for each in level if isinstance(each, dict | list) for child in _children(each)]
        if not level:
            return value
    raise DescriptionRefused(
        f"{name} nests deeper than {DESCRIPTION_BOUNDS.depth} levels.", remedy="Take out what you do not need of it."
    )


def _children(value: dict[str, JsonValue] | list[JsonValue]) -> list[JsonValue]:
    children = value.values() if isinstance(value, dict) else value
    return [child for child in children if isinstance(child, dict | list)]


class _Written(_Dumper):  # type: ignore[misc, valid-type]
    """Writes every value out, and every text so that `spec/source.py` reads it as a text again."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the library's signature
        return True


def _text_node(dumper: yaml.SafeDumper, text: str) -> ScalarNode:
    # YAML 1.1, which the library speaks, has other numbers than the core schema.
    style = "'" if not text or not isinstance(plain_value(text), str) else None
    if "\n" in text and text.isprintable() is False and all(part.isprintable() for part in text.split("\n")):
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Written.add_representer(str, _text_node)


def yaml_text(value: JsonValue, width: int = _WIDTH) -> str:
    """A value as YAML, keys in their order, lines folded where they are wider."""
    return str(yaml.dump(value, Dumper=_Written, sort_keys=False, allow_unicode=True, width=width))
