"""Path templates: `{x}` and `{{x}}` in an upstream path, filled so that a value cannot leave its segment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

PLACEHOLDER = re.compile(r"\{\{\s*([^{}/]+?)\s*\}\}|\{\s*([^{}/]+?)\s*\}")
_DOT_SEGMENTS = frozenset({".", "..", "%2e", "%2e.", ".%2e", "%2e%2e"})
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """Literal texts and placeholder names in turn: `literals[0] name[0] literals[1] …`."""

    literals: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def text(self) -> str:
        """The template in one spelling, `{x}`."""
        pairs = zip(self.literals, (*(f"{{{name}}}" for name in self.names), ""), strict=True)
        return "".join(literal + name for literal, name in pairs)

    def fill(self, values: Mapping[str, str]) -> str:
        """The path with every placeholder percent-encoded as part of one segment.

        Raises ValueError when a filled segment would be empty or a dot segment, which URL parsers resolve
        however it is encoded (WHATWG URL, "shorten a url's path").
        """
        parts = [self.literals[0]]
        for name, literal in zip(self.names, self.literals[1:], strict=True):
            parts += (percent_encoded(values[name]), literal)
        path = "".join(parts)
        if any(not value.strip(".") for value in values.values()):  # only such values can make a dot segment
            if "" in values.values():
                raise ValueError("must not be empty")
            if not _DOT_SEGMENTS.isdisjoint(path.lower().split("/")):
                raise ValueError("cannot be `.` or `..`")
        return path


def percent_encoded(text: str, safe: str = "") -> str:
    """The text as it may stand in one segment or one query value; raises UnicodeEncodeError for half a surrogate."""
    return text if _UNRESERVED.fullmatch(text) else quote(text, safe=safe)


def parse_path(text: str) -> PathTemplate:
    """Split a path at its placeholders; a path without a leading slash gets one."""
    if not text.startswith("/"):
        text = f"/{text}"
    literals, names, end = [], [], 0
    for match in PLACEHOLDER.finditer(text):
        literals.append(_encode_literal(text[end : match.start()]))
        names.append(match[1] or match[2])
        end = match.end()
    literals.append(_encode_literal(text[end:]))
    return PathTemplate(tuple(literals), tuple(names))


def _encode_literal(text: str) -> str:
    # What an author wrote is kept, except what cannot stand in a path at all.
    return quote(text.partition("#")[0], safe="/:@!$&'()*+,;=~%?")
