"""The targets operation: what has events in the window, not what exists."""

from collections.abc import Generator, Iterator

import orjson

from fairlead.sandbox.paging import View
from fairlead.sandbox.stories import BLOCK, Step, environment_of
from fairlead.sandbox.world import step_at


def targets(view: View, level: str | None) -> Generator[None, None, bytes]:
    """Distinct projects, environments or targets of a view under their latest names, by name then id."""
    names: dict[str, str] = {}
    high = view.top
    while high > view.floor:
        start = max(view.floor, high - BLOCK)
        for step in _steps(view, start, high):
            named = _named(step, level)
            if named is not None:
                names.setdefault(*named)
        high = start
        yield
    listed = sorted(names.items(), key=lambda item: (item[1], item[0]))
    return orjson.dumps({"targets": [{"id": key, "name": name} for key, name in listed]})


def _steps(view: View, low: int, high: int) -> Iterator[Step]:
    numbers = range(high - 1, low - 1, -1)
    seen = numbers if view.visible is None else filter(view.visible, numbers)
    return (step_at(view.history, k) for k in seen)


def _named(step: Step, level: str | None) -> tuple[str, str] | None:
    if level == "PROJECT":
        return None if step.home is None else (step.home.project_id, step.home.project_name)
    if level == "ENVIRONMENT":
        home = environment_of(step)
        return None if home is None else (home.id, home.name)
    return step.target.id, step.target.name
