"""What the full-text index is asked: values of fields as terms of their own, beside the words of the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fairlead.archive.model import DIMENSIONS, Dimension, Filter, Query
from fairlead.archive.text import words_of

# One letter for each dimension, and one for the organization.
_LETTERS = dict(zip(DIMENSIONS, "etsoagpv", strict=True))
_ORGANIZATION = "z"

NumberOf = Callable[[str | None], int | None]


def facets(organization: int, numbers: Sequence[int]) -> str:
    """The terms of an event, whose values have these numbers in the order of DIMENSIONS."""
    # Every term names its organization, so that one of many needs no second condition.
    terms = [f"{organization}{letter}{number}" for letter, number in zip(_LETTERS.values(), numbers, strict=True)]
    return " ".join([f"{organization}{_ORGANIZATION}", *terms])


def term_of(organization: int, dimension: Dimension | None, number: int) -> str:
    """The term of events that have a value's number in a dimension; without one, of all of the organization."""
    return f"{organization}{_LETTERS[dimension]}{number}" if dimension else f"{organization}{_ORGANIZATION}"


def match(query: Query, organization: int, number_of: NumberOf) -> str | None:
    """The full-text expression of a query; None when no event can fit because nobody ever had such a value."""
    wanted: list[str] = []
    unwanted: list[str] = []
    for each in query.filters:
        terms = _terms(organization, each, number_of)
        if each.negated:
            unwanted += terms
        elif terms:
            wanted.append(f"facets : ({' OR '.join(terms)})")
        else:
            return None
    if not wanted:
        wanted.append(f"facets : {organization}{_ORGANIZATION}")
    wanted += [f'text : "{word}"{" *" if begins else ""}' for word, begins in words_of(query.text)]
    expression = " AND ".join(f"({each})" for each in wanted)
    return f"({expression}) NOT (facets : ({' OR '.join(unwanted)}))" if unwanted else expression


def _terms(organization: int, condition: Filter, number_of: NumberOf) -> list[str]:
    numbers = [number_of(value or None) for value in condition.values]
    letter = _LETTERS[condition.dimension]
    return [f"{organization}{letter}{number}" for number in dict.fromkeys(numbers) if number is not None]
