"""Finding what looks like a secret: first whether a text can hold any, in microseconds, then where."""

from __future__ import annotations

import re
from itertools import chain, groupby
from operator import itemgetter

from fairlead.archive.redaction_paths import SEPARATOR, first_name
from fairlead.archive.redaction_rules import LOOKS, NEVER_SECRET, RULES, SECRET_NAMES

TAG = re.compile(r"redacted:[0-9]{1,9}:[0-9a-f]{32}")
"""What stands where a secret stood, of any version of the rules."""

_RARE_FIRST = "zqjxkwvybghpmucdflrnsiotae"
_FIRST = re.compile(r"(\\?.)(.*)", re.DOTALL)
_NAMES = "|".join(words.replace(" ", SEPARATOR) for words in SECRET_NAMES)
_ASSIGNED = re.compile(
    rf"""(?:{_NAMES})(?:["']?[ ]?=[ ]?|["']?:[ ]|["']:)["']?(?!(?:true|false|null|none)\b)([^\s&;"'<>]+)""",
    re.IGNORECASE,
)
_ITSELF = re.compile("|".join(look.pattern for look in LOOKS if not re.compile(look.pattern).groups), re.DOTALL)
# Apart, because one may stand in what comes before another: the user of an address can be a token.
_BESIDE = re.compile("|".join(look.pattern for look in LOOKS if re.compile(look.pattern).groups))


def _mark(words: str) -> str:
    """The end of a name from its rarest letter on: a pattern that starts with a rare letter is soon searched for."""
    start = min((at for at in range(len(words) - 1) if words[at].isalpha()), key=lambda at: _RARE_FIRST.find(words[at]))
    end = words[start:]
    # Seen in every variable: `"is_secret"`, which is a setting, and `"key"`, which is only the end of a name.
    settings = [name for name in NEVER_SECRET if name.endswith(end)] + [end] * (start > 0 and " " not in end)
    return end.replace(" ", SEPARATOR) + "".join(f'(?<!"{re.escape(name)})' for name in settings)


def _marks() -> str:
    """One pattern of all that hints at a secret in lower-case text, by first letters, which is how `re` is fast."""
    named = {_mark(words) + r"""\\*+["'=: ]""" for words in SECRET_NAMES}
    selected = {_mark(first_name(path)) + r'\\*+"' for rule in RULES if rule.everywhere for path in rule.paths}
    # A letter or a slash spelled as an escape could hide any of the others.
    marks = {*named, *selected, *chain.from_iterable(look.marks for look in LOOKS), "u00[2-7]"}
    split = sorted(match.groups() for match in map(_FIRST.fullmatch, marks) if match)
    return "|".join(
        f"{first}(?:{'|'.join(rest for _, rest in group)})" for first, group in groupby(split, itemgetter(0))
    )


_IN_BYTES = re.compile(_marks().encode())
_IN_TEXT = re.compile(_marks())


def may_hold_secret(raw: bytes) -> bool:
    """Whether a secret name or a look could be in the bytes of an event; true too often, false only when none is."""
    return _IN_BYTES.search(raw.lower()) is not None or b"\\/" in raw


def text_may_hold_secret(text: str) -> bool:
    """The same for a text that stands alone."""
    return _IN_TEXT.search(text.lower()) is not None or "\\/" in text


def secret_spans(text: str) -> list[tuple[int, int]]:
    """Where a text holds what looks like a secret; spans that touch a tag are left, those that overlap are one."""
    spans: list[tuple[int, int]] = []
    tags = (match.span() for match in TAG.finditer(text))
    tag = next(tags, None)
    found = chain(_ITSELF.finditer(text), _BESIDE.finditer(text), _ASSIGNED.finditer(text))
    for start, end in sorted(match.span(match.lastindex or 0) for match in found):
        while tag and tag[1] <= start:
            tag = next(tags, None)
        if tag and tag[0] < end:
            continue
        if spans and start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans
