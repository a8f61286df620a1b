"""Takes the secrets out of an event before it is stored; of its bytes, nothing else changes."""

from __future__ import annotations

import hmac
import re

import msgspec

from fairlead.archive.events import Event
from fairlead.archive.json_spans import Edit, Leaf, outward, quoted, scan, spliced, string_text
from fairlead.archive.redaction_looks import TAG, may_hold_secret, secret_spans, text_may_hold_secret
from fairlead.archive.redaction_paths import Place, concern, descend, is_secret_name
from fairlead.archive.redaction_rules import NAMING, RULES_VERSION

_JSON_WITHIN = re.compile(r"[ \t\n\r]*[{\[]")
_WORDS = ("true", "false", "null")
_json = msgspec.json.Decoder(msgspec.Raw)


def redact(raw: bytes, event: Event, key: bytes) -> bytes:
    """The bytes of an event with a tag in place of each secret value; the same object when there is none.

    `event` is what `read_event` makes of `raw`. An event that holds a secret and is no JSON becomes one tag.
    """
    rules = concern(event.target_type, event.sub_target_type)
    wary = may_hold_secret(raw)
    if not wary and not any(name in raw for name in rules.names) and not (rules.own and _is_broken(event)):
        return raw
    text = raw.decode("utf-8", "surrogateescape")
    edits = _edits(text, rules.event, key, wary)
    if edits is None:
        return quoted(redaction_tag(key, text)).encode()
    return spliced(text, edits).encode("utf-8", "surrogateescape") if edits else raw


def redaction_tag(key: bytes, value: str) -> str:
    """What stands where a secret stood: the same for the same value and key, and telling nothing without the key."""
    digest = hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256")
    return f"redacted:{RULES_VERSION}:{digest.hex()[:32]}"


def _is_broken(event: Event) -> bool:
    return not (_is_json(event.change) and _is_json(event.original_change))


def _is_json(text: str | None) -> bool:
    try:
        return not text or bool(_json.decode(text))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def _edits(text: str, root: Place, key: bytes, wary: bool) -> list[Edit] | None:
    """What has to be replaced in a JSON text; None when it is none.

    Unless `wary`, only paths can select something: no name and no look is a secret's.
    """
    reading = _Reading(key, wary)
    if not scan(text, root, descend, reading.visit):
        return None
    reading.finish()
    return reading.edits


class _Reading:
    """What was found in one JSON text so far."""

    __slots__ = ("_key", "_named", "_values", "_wary", "edits")

    def __init__(self, key: bytes, wary: bool) -> None:
        self.edits: list[Edit] = []
        self._key = key
        self._wary = wary
        self._named: set[int] = set()
        self._values: list[tuple[Leaf, Place]] = []

    def visit(self, leaf: Leaf, place: Place) -> None:
        """Look at a leaf; whether a `value` is secret is known only when the name beside it was read as well."""
        if not (self._wary or place.secret or place.document or "{" in leaf.literal or "[" in leaf.literal):
            return
        if leaf.name == "value" and not place.secret:
            self._values.append((leaf, place))
        elif leaf.literal[0] == '"':
            self._text(leaf, place)
        elif place.secret:
            self._number(leaf)

    def finish(self) -> None:
        """Look at the values whose names are all read by now."""
        for leaf, place in self._values:
            secret = leaf.home in self._named
            if leaf.literal[0] == '"':
                self._text(leaf, Place(place.reached, secret=True) if secret else place)
            elif secret:
                self._number(leaf)

    def _number(self, leaf: Leaf) -> None:
        if leaf.literal not in _WORDS:
            self._replace(leaf, leaf.literal)

    def _text(self, leaf: Leaf, place: Place) -> None:
        said = string_text(leaf.literal)
        if said == "" or (said is not None and TAG.fullmatch(said)):
            return
        if leaf.name in NAMING and said and is_secret_name(said):
            self._named.add(leaf.home)
        if place.secret:
            self._replace(leaf, leaf.literal[1:-1] if said is None else said)
        elif said is None:
            # No parser takes it, so nothing says where a secret in it would end.
            if text_may_hold_secret(leaf.literal):
                self._replace(leaf, leaf.literal[1:-1])
        elif place.document and not place.events:
            self._document(leaf, said, place.document)
        else:
            self._within(leaf, said, place)

    def _document(self, leaf: Leaf, said: str, root: Place) -> None:
        edits = _edits(said, root, self._key, self._wary)
        if edits:
            self.edits += outward(leaf, said, edits)
        elif edits is None and (root.own or text_may_hold_secret(said)):
            self._replace(leaf, said)

    def _within(self, leaf: Leaf, said: str, place: Place) -> None:
        """A text that may itself be a JSON text, as a Docker configuration is, or hold a secret among words."""
        edits = _edits(said, place, self._key, self._wary) if _JSON_WITHIN.match(said) else None
        if edits is None and text_may_hold_secret(said):
            edits = [Edit(*span, redaction_tag(self._key, said[slice(*span)])) for span in secret_spans(said)]
        if edits:
            self.edits += outward(leaf, said, edits)

    def _replace(self, leaf: Leaf, value: str) -> None:
        self.edits.append(Edit(leaf.start, leaf.end, quoted(redaction_tag(self._key, value))))
