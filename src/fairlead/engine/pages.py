"""Reads from an answer how to reach its neighbouring pages: arguments for another call, never an address."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from fairlead.plan.model import Arguments, PageLink, Pagination
from fairlead.spec.source import JsonValue


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A neighbouring page, and the arguments that call it."""

    relation: Literal["next", "prev"]
    arguments: dict[str, JsonValue]


def neighbours(pagination: Pagination, arguments: Arguments, value: JsonValue) -> tuple[Neighbour, ...]:
    """The pages an answer names; absent, null and empty links are ends.

    Only the token is taken from a link: the caller's own arguments stay, and a foreign host in a link is
    never followed. A link that repeats the token of this very call leads nowhere and is dropped.
    """
    tokens = {link.parameter for link in pagination.links}
    kept = {name: argument for name, argument in arguments.items() if name not in tokens}
    return tuple(
        Neighbour(link.relation, kept | {link.parameter: token})
        for link, token in _tokens(pagination.links, value)
        if arguments.get(link.parameter) != token
    )


def _tokens(links: Iterable[PageLink], value: JsonValue) -> Iterable[tuple[PageLink, str]]:
    for link in links:
        found: JsonValue = value
        for step in link.pointer:
            found = found.get(step) if isinstance(found, dict) else None
        if isinstance(found, str) and found:
            try:
                tokens = parse_qs(urlsplit(found.replace("&amp;", "&")).query).get(link.token)
            except ValueError:
                continue
            if tokens:
                yield link, tokens[-1]
