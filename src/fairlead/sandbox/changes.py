"""The `change` and `original_change` of an event: strings of JSON as PostgreSQL's jsonb prints them."""

import json
from functools import lru_cache

import orjson

from fairlead.archive.contract import MICROS_PER_SECOND
from fairlead.sandbox.options import ChangeStyle
from fairlead.sandbox.payloads import Json, Moment, Payload, payload
from fairlead.sandbox.stories import Step

HUGE = 5 * 1024 * 1024
_HOUR = 3_600 * MICROS_PER_SECOND
_EDITABLE = ("cpu", "memory", "tag", "version", "value", "setting", "role_name", "auto_stop",
             "generate_certificate", "timeout_sec", "description", "build.timeout_max_sec")  # fmt: skip


def change(seed: int, step: Step, micros: int, style: ChangeStyle) -> str:
    """The state after the event."""
    return written(payload(seed, step, _moment(step, micros, micros)), style)


def original_change(seed: int, step: Step, micros: int, style: ChangeStyle) -> str | None:
    """The state before an UPDATE: one setting differs, and `updated_at`; None for every other event."""
    if step.event_type != "UPDATE":
        return None
    earlier = micros - _HOUR * (1 + step.draw % 700) - step.draw % MICROS_PER_SECOND
    state = payload(seed, step, _moment(step, micros, earlier))
    present = [key for key in _EDITABLE if key in state] or ["name"]
    key = present[step.draw % len(present)]
    return written(state | {key: _other(state.get(key))}, style)


def written(state: Payload, style: ChangeStyle) -> str:
    """JSON with keys in jsonb order at every level: by length, then by bytes."""
    ordered = _ordered(state)
    if style == "postgres":
        return json.dumps(ordered, ensure_ascii=False)
    return orjson.dumps(ordered).decode()


@lru_cache(maxsize=2)
def huge_change() -> str:
    """A change of 5 MB, as a careless values file would be."""
    return written({"values_override": "x" * HUGE}, "compact")


def _moment(step: Step, micros: int, updated: int) -> Moment:
    created = updated if step.event_type == "CREATE" else micros - _HOUR * (720 + step.draw % 5_000)
    return Moment(_epoch(created), _epoch(updated))


def _epoch(micros: int) -> float:
    whole, fraction = divmod(micros, MICROS_PER_SECOND)
    return micros / MICROS_PER_SECOND if fraction else whole


def _ordered(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=_rank)}
    return [_ordered(one) for one in value] if isinstance(value, list) else value


def _rank(key: str) -> tuple[int, str]:
    return len(key), key


def _other(value: Json) -> Json:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value // 2
    return f"{value} (previous)" if value else "previous"
