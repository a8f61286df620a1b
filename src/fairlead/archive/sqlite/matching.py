"""What the full-text index is asked for a query."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from fairlead.archive.model import Dimension, Filter, Query
from fairlead.archive.sqlite.facets import of_kinds, of_organization, of_values
from fairlead.archive.sqlite.kinds import KIND, Kinds
from fairlead.archive.sqlite.vocabulary import beginning_with
from fairlead.archive.sqlite.words import Words
from fairlead.archive.text import words_of

# Of so many terms the index can be asked one by one within milliseconds.
_MOST_KINDS = 128
_MOST_WORDS = 64
_ANY_END = " *"


class Matching:
    """Makes full-text expressions; for one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, words: Words, kinds: Kinds) -> None:
        self._connection = connection
        self._words = words
        self._kinds = kinds

    def expression(self, query: Query, organization: int) -> str | None:
        """The full-text expression of a query; None when no event can fit because none ever had such values."""
        filters = [(each, self._numbers(each)) for each in query.filters]
        if any(not (numbers or each.negated) for each, numbers in filters):
            return None
        kinds = self._of_kinds(organization, filters)
        if kinds is not None:
            if not kinds:
                return None
            filters = [(each, numbers) for each, numbers in filters if each.dimension not in KIND]
        wanted = [of_values(organization, each.dimension, numbers) for each, numbers in filters if not each.negated]
        unwanted = [
            of_values(organization, each.dimension, numbers) for each, numbers in filters if each.negated and numbers
        ]
        wanted += [of_kinds(kinds)] if kinds else []
        # Only words are shared: whatever else is asked for names its organization.
        wanted = wanted or [of_organization(organization)]
        wanted += [self._text(word, begins=begins) for word, begins in words_of(query.text)]
        expression = " AND ".join(f"({each})" for each in wanted)
        return f"({expression}) NOT ({' OR '.join(unwanted)})" if unwanted else expression

    def _numbers(self, condition: Filter) -> list[int]:
        numbers = (self._words.number_of(value or None) for value in condition.values)
        return list(dict.fromkeys(number for number in numbers if number is not None))

    def _of_kinds(self, organization: int, filters: Sequence[tuple[Filter, Sequence[int]]]) -> list[int] | None:
        """The kinds that stand for the conditions on their fields; None when one condition does, or too many would.

        The index intersects lists by going through the shortest one, which takes seconds where few of millions fit;
        where many kinds fit, many events do, and the newest of them are found soon.
        """
        own = [(each, numbers) for each, numbers in filters if each.dimension in KIND and numbers]
        if len(own) < 2 and not any(each.negated for each, _ in own):
            return None
        conditions = [(_column(each.dimension, negated=each.negated), numbers) for each, numbers in own]
        found = self._kinds.fitting(organization, conditions, _MOST_KINDS + 1)
        return found if len(found) <= _MOST_KINDS else None

    def _text(self, word: str, *, begins: bool) -> str:
        if not begins:
            return f'text : "{word}"'
        words = beginning_with(self._connection, word, _MOST_WORDS)
        if not words:
            return f'text : "{word}"{_ANY_END}'
        return f"text : ({' OR '.join(quoted(each) for each in words)})"


def is_gathered(expression: str) -> bool:
    """Whether the index collects all that an expression finds before it gives the first: once is enough, then."""
    return _ANY_END in expression


def quoted(word: str) -> str:
    """A word of the index as its expressions take it."""
    return '"' + word.replace('"', '""') + '"'


def _column(dimension: Dimension, *, negated: bool) -> str:
    return f"{dimension} NOT IN" if negated else f"{dimension} IN"
