"""Pages of a filtered history: where a token points, which events a page holds, and whether more follow.

Long searches are generators that yield after every block looked at, so that whoever drives them can let other
requests pass.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from fairlead.archive.contract import NANOS_PER_MICRO
from fairlead.sandbox.options import Boundary
from fairlead.sandbox.stories import BLOCK
from fairlead.sandbox.world import World, instant_at, older_than, tie_of

Visible = Callable[[int], bool]
Direction = Literal["older", "newer", "again"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The part of a history a search can see, as numbers: `floor <= k < top`, and passing `visible`."""

    history: World
    visible: Visible | None
    bottom: int
    """Where the window begins, whether or not retention still shows it."""
    floor: int
    top: int
    boundary: Boundary


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Which page of a view: its size, and the token to go on from, if any."""

    size: int
    token: int | None = None
    direction: Direction = "older"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Event numbers, newest first, and what lies around them."""

    numbers: tuple[int, ...]
    newer: int | None
    """The nearest newer event of the view, if there is one."""
    next: int | None
    previous: int | None
    limit_reached: bool


class Cut(NamedTuple):
    """Where a token cuts the history: continue with `k < below`, step back with `k >= above`."""

    below: int
    above: int


Walk = Generator[None, None, list[int]]


def cut(history: World, boundary: Boundary, token: int) -> Cut:
    """What a token means under a boundary mode."""
    micros, rest = divmod(token, NANOS_PER_MICRO)
    first, after = older_than(history, micros), older_than(history, micros + 1)
    if boundary == "exact":
        below = min(first + rest, after)
        return Cut(below, min(below + 1, after))
    start = after if rest else first
    return Cut(start, after) if boundary == "exclusive" else Cut(after, start)


def token_of(history: World, boundary: Boundary, k: int) -> int:
    """The token that points at event k: its nanoseconds; in exact mode plus its place in the tie."""
    place = k - tie_of(history, k).first if boundary == "exact" else 0
    return instant_at(history, k) * NANOS_PER_MICRO + place


def older(view: View, low: int, high: int, limit: int) -> Walk:
    """The newest `limit` visible events with `low <= k < high`, newest first."""
    if view.visible is None:
        return list(range(high - 1, max(low, high - limit) - 1, -1))
    found: list[int] = []
    while high > low:
        start = max(low, high - BLOCK)
        found.extend(filter(view.visible, range(high - 1, start - 1, -1)))
        if len(found) >= limit:
            return found[:limit]
        high = start
        yield
    return found


def newer(view: View, low: int, high: int, limit: int) -> Walk:
    """The oldest `limit` visible events with `low <= k < high`, oldest first."""
    if view.visible is None:
        return list(range(low, min(high, low + limit)))
    found: list[int] = []
    while low < high:
        end = min(high, low + BLOCK)
        found.extend(filter(view.visible, range(low, end)))
        if len(found) >= limit:
            return found[:limit]
        low = end
        yield
    return found


def turn(view: View, ask: Ask) -> Generator[None, None, Page]:
    """The page asked for."""
    if ask.direction == "older":
        return (yield from _onward(view, ask))
    return (yield from _back(view, ask))


def _onward(view: View, ask: Ask) -> Generator[None, None, Page]:
    start = view.top
    if ask.token is not None:
        start = _clamped(view, cut(view.history, view.boundary, ask.token).below)
    down = yield from older(view, view.floor, start, ask.size + 1)
    numbers = tuple(down[: ask.size])
    above: list[int] = []
    if ask.token is not None:
        above = yield from newer(view, numbers[0] + 1 if numbers else start, view.top, 1)
    return (yield from _page(view, ask, numbers, more=len(down) > ask.size, newer_one=above))


def _back(view: View, ask: Ask) -> Generator[None, None, Page]:
    where = cut(view.history, view.boundary, ask.token or 0)
    start = _clamped(view, where.above if ask.direction == "newer" else where.below)
    up = yield from newer(view, start, view.top, ask.size + 1)
    numbers = tuple(reversed(up[: ask.size]))
    below = yield from older(view, view.floor, numbers[-1] if numbers else start, 1)
    return (yield from _page(view, ask, numbers, more=bool(below), newer_one=up[ask.size :]))


def _clamped(view: View, k: int) -> int:
    return max(min(k, view.top), min(view.floor, view.top))


def _page(
    view: View, ask: Ask, numbers: tuple[int, ...], *, more: bool, newer_one: list[int]
) -> Generator[None, None, Page]:
    hidden: list[int] = []
    if not more:
        hidden = yield from older(view, view.bottom, min(view.floor, view.top), 1)
    ends = [token_of(view.history, view.boundary, k) for k in numbers] if numbers else [ask.token]
    return Page(
        numbers=numbers,
        newer=newer_one[0] if newer_one else None,
        next=ends[-1] if more else None,
        previous=ends[0] if newer_one else None,
        limit_reached=bool(hidden),
    )
