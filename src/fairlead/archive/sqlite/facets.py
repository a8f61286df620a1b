"""Values of fields as terms of the full-text index, beside the words of the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fairlead.archive.model import DIMENSIONS, Dimension

# One letter for each dimension, one for the kind, and one for the organization.
_LETTERS = dict(zip(DIMENSIONS, "etsoagpv", strict=True))
_KIND = "k"
_ORGANIZATION = "z"
# Every term of a value names its organization, so that one of many needs no second condition.
_TERMS = " ".join(["{0}z", "k%d", *(f"{{0}}{letter}%d" for letter in _LETTERS.values())])


def facets(organization: int, kind: int, numbers: Sequence[int]) -> str:
    """The terms of an event of a kind, whose values have these numbers in the order of DIMENSIONS."""
    return _TERMS.format(organization) % (kind, *numbers)


def of_organization(organization: int) -> str:
    """The expression that finds all events of an organization."""
    return f"facets : {organization}{_ORGANIZATION}"


def of_values(organization: int, dimension: Dimension, numbers: Iterable[int]) -> str:
    """The expression that finds the events which have one of these values in a dimension."""
    return _one_of(f"{organization}{_LETTERS[dimension]}{number}" for number in numbers)


def of_kinds(kinds: Iterable[int]) -> str:
    """The expression that finds the events of these kinds."""
    return _one_of(f"{_KIND}{kind}" for kind in kinds)


def _one_of(terms: Iterable[str]) -> str:
    return f"facets : ({' OR '.join(terms)})"
