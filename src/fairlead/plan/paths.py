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
        return self.with_texts({name: f"{{{name}}}" for name in self.names})

    def with_texts(self, texts: Mapping[str, str]) -> str:
        """The path with these texts for its placeholders, as they are."""
        pairs = zip(self.literals, (*(texts[name] for name in self.names), ""), strict=True)
        return "".join(literal + text for literal, text in pairs)

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


def encoded_literal(text: str) -> str:
    """A text as one segment holds it; what may stand there is kept (RFC 3986, `pchar`), but for a shell's quote."""
    return quote(text, safe="!$&()*+,;=:@")


def parse_path(text: str) -> PathTemplate:
    """Split a path at its placeholders; a path without a leading slash gets one."""
    literals, names = split_at_placeholders(text if text.startswith("/") else f"/{text}")
    return PathTemplate(tuple(map(_encode_literal, literals)), names)


def split_at_placeholders(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The literal texts of a path or a segment, and the names of the placeholders between them."""
    literals, names, end = [], [], 0
    for match in PLACEHOLDER.finditer(text):
        literals.append(text[end : match.start()])
        names.append(match[1] or match[2])
        end = match.end()
    return (*literals, text[end:]), tuple(names)


def _encode_literal(text: str) -> str:
    # What an author wrote is kept, except what cannot stand in a path at all.
    return quote(text.partition("#")[0], safe="/:@!$&'()*+,;=~%?")
