"""The words an event is found by: names, actor, user agent, and the string values of its change."""

from __future__ import annotations

import re

import orjson

from fairlead.archive.events import Event

MOST_TEXT = 65_536
"""Characters of an event that are searched; what lies beyond is kept and not found by words."""

# What is before the first hyphen is looked at last: hyphens are soon searched for.
_UUID = re.compile(r"-(?<=\b[0-9a-fA-F]{8}-)[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b")
# Letters of New Tai Lue and Vedic signs are none to SQLite, which would refuse a word that has one inside.
_WORD = re.compile(r"[^\W_\u19b0-\u19c0\u19c8\u19c9\u1cf2\u1cf3]+")


def searchable(event: Event) -> str:
    """The text of an event that free text is looked for in; ids lose their hyphens and so stay one word."""
    parts = [
        event.target_name,
        event.project_name,
        event.environment_name,
        event.triggered_by,
        event.user_agent,
        event.target_id,
    ]
    found = [part for part in parts if part]
    if event.change:
        found += _values(event.change)
    return _joined_ids(" ".join(found)[:MOST_TEXT])


def words_of(text: str) -> tuple[tuple[str, bool], ...]:
    """The words a person looks for, in lower case, and whether each is only the beginning of one (`nginx*`).

    A single letter is looked for as it is: it begins a part of all words there are.
    """
    joined = _joined_ids(text)
    found = [(match[0].lower(), joined[match.end() : match.end() + 1] == "*") for match in _WORD.finditer(joined)]
    return tuple((word, begins and len(word) > 1) for word, begins in found)


def storable(text: str) -> bool:
    """Whether a database takes a text: it has no half of a surrogate pair, which a command line may bring."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _joined_ids(text: str) -> str:
    # A function is thrice as fast as a template here.
    return _UUID.sub(_without_hyphens, text) if "-" in text else text


def _without_hyphens(found: re.Match[str]) -> str:
    return found[0].replace("-", "")


def _values(change: str) -> list[str]:
    """The string values of a JSON text, wherever they are; the text itself when it is none."""
    try:
        waiting = [orjson.loads(change)]
    except orjson.JSONDecodeError:
        return [change]
    found: list[str] = []
    size = 0
    while waiting and size < MOST_TEXT:
        value = waiting.pop()
        if isinstance(value, str):
            found.append(value)
            size += len(value)
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
    return found
