"""Takes values of an unknown shape for what they should be; what is something else is empty, never a failure."""

from __future__ import annotations

from fairlead.spec.source import JsonValue


def mapping(value: JsonValue) -> dict[str, JsonValue]:
    """The mapping, or an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: JsonValue) -> list[JsonValue]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


def text(value: JsonValue) -> str:
    """The text, or an empty one; a number is a text where only a text makes sense."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def prose(value: JsonValue, longest: int) -> str:
    """A text for people on one line, cut at a word when it is too long."""
    words = " ".join(text(value).split())
    words = "".join(character for character in words if character.isprintable())
    return words if len(words) <= longest else f"{words[:longest].rpartition(' ')[0] or words[:longest]}…"


def first_paragraph(value: JsonValue) -> str:
    """The beginning of a longer text, up to its first empty line."""
    return text(value).strip().partition("\n\n")[0]
