"""Where secrets stand: JSON paths of the rules, compiled once, and followed while a text is read.

A path is JSONPath (RFC 9535) restricted to `$`, `.name`, `..name`, `[*]` and, at its end, `..*`. What a path selects is
secret with everything in it; `..*` selects what is below and not the thing itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from fairlead.archive.json_spans import LONGEST_NAME
from fairlead.archive.redaction_rules import NEVER_SECRET, OF_A_SECRET, RULES, SECRET_NAMES, Rule

CHANGES = ("change", "original_change")
"""The fields of an event that are strings of JSON."""

SEPARATOR = "[-_. ]*"
"""What may stand between the words of a name, or nothing."""

_PATH = re.compile(r"\$((?:\.\.?[A-Za-z_][A-Za-z0-9_]*|\[\*\])*)(\.\.\*)?")
_STEP = re.compile(r"(\.\.?)([A-Za-z_][A-Za-z0-9_]*)|\[\*\]")
_SECRET_NAME = re.compile(f"(?:{'|'.join(words.replace(' ', SEPARATOR) for words in SECRET_NAMES)})$")


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: to the member of a name, or to any child; `deep` at any depth below."""

    name: str | None
    deep: bool


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path."""

    steps: tuple[Step, ...]
    below: bool
    """Whether it ends on `..*`."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """What the rules say of one value of a JSON text; a place is made once and compared by identity."""

    reached: frozenset[tuple[Path, int]]
    """Each path that can still select something here or below, with how many of its steps are taken."""
    secret: bool = False
    open: bool = False
    """Whether a secret ends with this value: what is below an object is not part of it."""
    document: Place | None = None
    """The place of what the string says here, where a string of JSON is due."""
    own: bool = False
    """Whether a target with rules of its own is read."""
    events: bool = False
    """Whether the fields of an event are the members here."""


@dataclass(frozen=True, slots=True)
class Concern:
    """The rules that concern an event."""

    event: Place
    """Where reading the event's own bytes begins."""
    own: bool
    """Whether its target has rules of its own."""
    names: tuple[bytes, ...]
    """A rule of its own can select something only where one of these stands."""


def compiled(path: str) -> Path:
    """A path of the subset; ValueError for any other."""
    match = _PATH.fullmatch(path)
    if match is None:
        raise ValueError(f"{path} is not of $, .name, ..name, [*] and a last ..*")
    steps = [Step(step[2], step[1] == "..") for step in _STEP.finditer(match[1])]
    return Path(tuple(steps), bool(match[2]))


def is_secret_name(name: str) -> bool:
    """Whether a name says that what it names is secret, in any joining of its words."""
    lowered = name[-LONGEST_NAME:].lower()
    return lowered not in NEVER_SECRET and _SECRET_NAME.search(lowered) is not None


@lru_cache(maxsize=8_192)
def descend(place: Place, name: str | None) -> Place:
    """The place of a member, or with None of an item of a list."""
    if place.events and name in CHANGES and place.document:
        return place.document
    if place.secret and not place.open:
        return _SECRET
    named = name is not None and is_secret_name(name)
    if named and str(name).lower() not in OF_A_SECRET:
        return _SECRET
    reached: set[tuple[Path, int]] = set()
    for path, taken in place.reached:
        if taken == len(path.steps):
            return _SECRET
        step = path.steps[taken]
        if step.deep:
            reached.add((path, taken))
        if step.name is None or step.name == name:
            if taken + 1 == len(path.steps) and not path.below:
                return _SECRET
            reached.add((path, taken + 1))
    return _place(frozenset(reached), named)


_SECRET = Place(frozenset(), secret=True)


@lru_cache(maxsize=4_096)
def _place(reached: frozenset[tuple[Path, int]], named: bool) -> Place:
    return Place(reached, secret=named, open=named)


@lru_cache(maxsize=1_024)
def concern(target_type: str | None, sub_target_type: str | None) -> Concern:
    """The rules that concern events of a target."""
    return _concern(tuple(rule for rule in RULES if _concerns(rule, target_type, sub_target_type)))


@lru_cache(maxsize=1_024)
def _concern(rules: tuple[Rule, ...]) -> Concern:
    everywhere = frozenset((compiled(path), 0) for rule in RULES if rule.everywhere for path in rule.paths)
    paths = frozenset((compiled(path), 0) for rule in rules for path in rule.paths)
    names = {first_name(path) for rule in rules if not rule.everywhere for path in rule.paths}
    inside = Place(everywhere | paths, own=bool(names))
    document = Place(everywhere | paths, document=inside)
    return Concern(
        event=Place(everywhere, document=document, events=True),
        own=bool(names),
        names=tuple(sorted(name.encode() for name in names)),
    )


def first_name(path: str) -> str:
    """The first name of a path: where it does not stand, the path selects nothing."""
    return next((step.name for step in compiled(path).steps if step.name), "")


def _concerns(rule: Rule, target_type: str | None, sub_target_type: str | None) -> bool:
    return (not rule.target_types or target_type in rule.target_types) and (
        not rule.sub_target_types or sub_target_type in rule.sub_target_types
    )
