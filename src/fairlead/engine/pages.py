"""Reads from an answer how to reach its neighbouring pages: arguments for another call, never an address."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import unquote_plus

from fairlead.plan.model import Arguments, PageLink, Pagination
from fairlead.spec.source import JsonValue

Relation: TypeAlias = Literal["next", "prev"]

# Our own link carries the token in a header, and the call after it in an address.
_LONGEST_TOKEN = 2_000
_WORDS: dict[Relation, str] = {"next": "next", "prev": "previous"}


class Neighbour(NamedTuple):
    """A neighbouring page: the argument that leads to it, instead of any other token."""

    relation: Relation
    parameter: str
    token: str


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """A link of the upstream that nobody can follow, and why; unlike an end, there may be more behind it."""

    relation: Relation
    fault: str

    @property
    def notice(self) -> str:
        """What a caller is told of it."""
        return f"the {_WORDS[self.relation]} link of the upstream {self.fault}, so there may be more"


class Neighbours(NamedTuple):
    """What an answer says about the pages around it."""

    pages: tuple[Neighbour, ...] = ()
    dead_ends: tuple[DeadEnd, ...] = ()


def neighbours(pagination: Pagination, arguments: Arguments, value: JsonValue) -> Neighbours:
    """The pages an answer names, and the links that lead nowhere; absent, null and empty links are ends.

    Only the token is taken from a link: the caller's own arguments stay, and a foreign host in a link is
    never followed. A link that repeats the token of this very call would be followed for ever.
    """
    pages, dead_ends = [], []
    for link in pagination.links:
        token = _token(link, value)
        if not token:
            continue
        if arguments.get(link.parameter) == token:
            dead_ends.append(DeadEnd(link.relation, "leads back to this page"))
        elif len(token) > _LONGEST_TOKEN:
            fault = f"has a token of {len(token):,} characters where {_LONGEST_TOKEN:,} can be followed"
            dead_ends.append(DeadEnd(link.relation, fault))
        else:
            pages.append(Neighbour(link.relation, link.parameter, token))
    return Neighbours(tuple(pages), tuple(dead_ends))


def page_arguments(pagination: Pagination, arguments: Arguments, page: Neighbour) -> dict[str, JsonValue]:
    """The arguments that call a neighbouring page: the caller's own but for its tokens, and the page's."""
    kept = {name: given for name, given in arguments.items() if name not in pagination.tokens}
    return {**kept, page.parameter: page.token}


def _token(link: PageLink, value: JsonValue) -> str:
    for step in link.pointer:
        value = value.get(step) if isinstance(value, dict) else None
    if not isinstance(value, str):
        return ""
    match = link.token.search(value)
    if match is None:
        return ""
    token: str = match[1]
    return unquote_plus(token) if "%" in token or "+" in token else token
