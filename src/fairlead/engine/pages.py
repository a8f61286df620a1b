"""Reads from an answer how to reach its neighbouring pages: arguments for another call, never an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_plus

from fairlead.plan.model import Arguments, PageLink, Pagination
from fairlead.spec.source import JsonValue


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A neighbouring page, and the arguments that call it."""

    relation: Literal["next", "prev"]
    arguments: dict[str, JsonValue]


def neighbours(pagination: Pagination, arguments: Arguments, value: JsonValue) -> list[Neighbour]:
    """The pages an answer names; absent, null and empty links are ends.

    Only the token is taken from a link: the caller's own arguments stay, and a foreign host in a link is
    never followed. A link that repeats the token of this very call leads nowhere and is dropped.
    """
    found = []
    for link in pagination.links:
        token = _token(link, value)
        if token and arguments.get(link.parameter) != token:
            kept = {name: given for name, given in arguments.items() if name not in pagination.tokens}
            kept[link.parameter] = token
            found.append(Neighbour(link.relation, kept))
    return found


def _token(link: PageLink, value: JsonValue) -> str:
    for step in link.pointer:
        value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, str):
        return ""
    match = link.token.search(value)
    return unquote_plus(match[1]) if match else ""
