"""A query as the tables are asked."""

from __future__ import annotations

from typing import NamedTuple

from fairlead.archive.model import Query
from fairlead.archive.postgres.lexemes import expression
from fairlead.archive.postgres.words import Words


class Search(NamedTuple):
    """A query, the tables it is about, the condition, and the condition's values; no tables: nothing can fit."""

    query: Query
    organization: int
    tables: str
    condition: str
    values: tuple[object, ...]


def nothing(query: Query) -> Search:
    """A search that finds nothing."""
    return Search(query, 0, "", "", ())


def search_of(query: Query, organization: int, words: Words) -> Search:
    """The search for what a query finds among an organization's events."""
    tables = "event"
    conditions = ["event.organization = %s", "NOT event.superseded"]
    values: list[object] = [organization]
    known = words.numbers_of(value or None for each in query.filters for value in each.values)
    for each in query.filters:
        numbers = sorted({known[value or None] for value in each.values if (value or None) in known})
        if numbers:
            # The index keeps the order of positions for one value only.
            one = len(numbers) == 1
            condition = f"event.{each.dimension} = {'%s' if one else 'ANY(%s)'}"
            conditions.append(f"NOT ({condition})" if each.negated else condition)
            values.append(numbers[0] if one else numbers)
        elif not each.negated:
            return nothing(query)
    looked_for = expression(query.text)
    if looked_for:
        tables = "event JOIN search ON search.position = event.position"
        conditions.append("search.words @@ %s::tsquery")
        values.append(looked_for)
    return Search(query, organization, tables, " AND ".join(conditions), tuple(values))
