"""How much an answer may hold when nobody asks for more: what a model reads without losing its thread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from fairlead.spec.source import JsonValue

ROOM = 7_500
"""Bytes of an answer, less than the 8 kB that are promised: its own braces and what it says of more come on top."""


def fitting(
    rows: Sequence[Mapping[str, JsonValue]], room: int | None, beside: Mapping[str, JsonValue] | None = None
) -> list[JsonValue]:
    """As many of the first rows as fit into so many bytes beside what an answer has already; at least one.

    All of them where there is no limit.
    """
    listed: list[JsonValue] = []
    left = 0 if room is None else room - len(orjson.dumps(beside or {}))
    for row in rows:
        left -= len(orjson.dumps(row)) + 1
        if room is not None and left < 0 and listed:
            break
        listed.append(dict(row))
    return listed
