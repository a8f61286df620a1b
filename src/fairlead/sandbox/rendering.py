"""An event as the bytes a caller receives."""

from functools import lru_cache
from typing import NamedTuple

import orjson

from fairlead.archive.contract import instant_text
from fairlead.sandbox.changes import change, huge_change, original_change
from fairlead.sandbox.options import ChangeStyle, SandboxOptions, TimestampProfile, Vocabulary
from fairlead.sandbox.stories import environment_of
from fairlead.sandbox.vocabulary import words
from fairlead.sandbox.world import World, id_at, instant_at, step_at

_AGE_OF_HUGE = 3
_STRANGE_EVERY = 30


class Look(NamedTuple):
    """Everything that decides how an event is written; small, because it is part of a cache's key."""

    timestamps: TimestampProfile
    omit_nulls: bool
    change_style: ChangeStyle
    vocabulary: Vocabulary
    content_faults: frozenset[str]


def look(options: SandboxOptions) -> Look:
    """How a sandbox with these options writes its events."""
    faults = options.faults & {"unknown-enum", "unknown-field", "huge-change", "broken-change"}
    return Look(options.timestamps, options.omit_nulls, options.change_style, options.vocabulary, faults)


def events_at(history: World, numbers: tuple[int, ...], style: Look) -> bytes:
    """A JSON array of events; pages asked for again and again, as in a load test, are kept ready."""
    # A page of 5 MB is not worth keeping 128 times.
    written = _joined if "huge-change" in style.content_faults else _kept
    return written(history, numbers, style)


def _joined(history: World, numbers: tuple[int, ...], style: Look) -> bytes:
    return b"[%b]" % b",".join([event_at(history, k, style) for k in numbers])


_kept = lru_cache(maxsize=128)(_joined)


@lru_cache(maxsize=4_096)
def event_at(history: World, k: int, style: Look) -> bytes:
    """Event k as JSON, keys in the upstream's order."""
    fields = event_fields(history, k, style)
    age = history.count - 1 - k
    if "unknown-enum" in style.content_faults and age % _STRANGE_EVERY == 1:
        fields["event_type"] = "QUANTUM_DEPLOYED"
    if "broken-change" in style.content_faults and age % _STRANGE_EVERY == 2:
        fields["change"] = '{"id": "cut off in the mid'
    if "huge-change" in style.content_faults and age == _AGE_OF_HUGE:
        fields["change"] = huge_change()
    if "unknown-field" in style.content_faults:
        fields["environment_type"] = "PRODUCTION" if fields["environment_name"] == "production" else "DEVELOPMENT"
    if style.omit_nulls:
        fields = {key: value for key, value in fields.items() if value is not None}
    return orjson.dumps(fields)


def event_fields(history: World, k: int, style: Look) -> dict[str, str | None]:
    """The fields of event k, without faults."""
    step, micros = step_at(history, k), instant_at(history, k)
    said = words(step, style.vocabulary)
    home, inside = step.home, environment_of(step)
    return {
        "id": id_at(history, k),
        "timestamp": _timestamp(micros, style),
        "event_type": said.event_type,
        "target_id": step.target.id,
        "target_name": step.target.name,
        "target_type": said.target_type,
        "sub_target_type": said.sub_target_type,
        "change": change(history.seed, step, micros, style.change_style),
        "origin": said.origin,
        "triggered_by": step.actor.triggered_by,
        "project_id": home.project_id if home else None,
        "project_name": home.project_name if home else None,
        "environment_id": inside.id if inside else None,
        "environment_name": inside.name if inside else None,
        "user_agent": step.actor.user_agent,
        "original_change": original_change(history.seed, step, micros, style.change_style),
    }


def _timestamp(micros: int, style: Look) -> str:
    if style.timestamps == "nofraction":
        return instant_text(micros // 1_000_000 * 1_000_000)
    text = instant_text(micros)
    if style.timestamps == "micro":
        return text
    whole, _, fraction = text[:-1].partition(".")
    return f"{whole}.{fraction:0<9}Z"
