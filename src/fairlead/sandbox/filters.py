"""What a caller asks for: the query string, read strictly, and the test it makes of an event."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from urllib.parse import unquote_to_bytes

from fairlead.archive.contract import (
    NANOS_PER_MICRO,
    PAGE_SIZE_DEFAULT,
    PAGE_SIZE_MAXIMUM,
    SERVICE_TARGET_TYPES,
    TARGET_LEVELS,
    digits,
    filter_nanos,
)
from fairlead.sandbox.options import SandboxOptions
from fairlead.sandbox.replies import RefusalError
from fairlead.sandbox.stories import Step, environment_of
from fairlead.sandbox.vocabulary import lexicon, words

Parameters = tuple[tuple[str, str], ...]
Keep = Callable[[Step], bool]

_LONGEST_QUERY = 8_192
_MOST_PARAMETERS = 100
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NUMBER = re.compile(r"[+-]?[0-9]{1,300}(\.[0-9]{0,300})?([eE][+-]?[0-9]{1,3})?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which events are asked for: a window in microseconds, end excluded, and exact values."""

    since: int | None = None
    before: int | None = None
    event_type: str | None = None
    target_type: str | None = None
    sub_target_type: str | None = None
    origin: str | None = None
    target_id: str | None = None
    triggered_by: str | None = None
    project_id: str | None = None
    environment_id: str | None = None
    impossible: bool = False
    """Whether a filter is malformed and the upstream answers with nothing rather than 400."""


def decoded(raw: bytes, what: str) -> str:
    """Percent-decoded text; malformed escapes, invalid UTF-8 and NUL are refused with 400."""
    if _BAD_ESCAPE.search(raw):
        raise RefusalError(400, f"malformed percent-encoding in the {what}")
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise RefusalError(400, f"the {what} is not UTF-8") from None
    if "\0" in text:
        raise RefusalError(400, f"the {what} holds a NUL")
    return text


def parameters(query: bytes) -> Parameters:
    """Every parameter received, in order, decoded; both `+` and `%20` are a space."""
    if len(query) > _LONGEST_QUERY:
        raise RefusalError(400, "the query is too long")
    pieces = [piece for piece in query.split(b"&") if piece]
    if len(pieces) > _MOST_PARAMETERS:
        raise RefusalError(400, "too many parameters")
    pairs = (piece.replace(b"+", b" ").partition(b"=") for piece in pieces)
    return tuple((decoded(name, "query"), decoded(value, "query")) for name, _, value in pairs)


def given(received: Parameters) -> dict[str, str]:
    """The value that counts for each name: the first one; an empty value is no value."""
    values: dict[str, str] = {}
    for name, value in received:
        if value:
            values.setdefault(name, value)
    return values


def page_size(values: dict[str, str], options: SandboxOptions) -> int:
    """The number of events wanted on a page."""
    text = values.get("pageSize")
    if text is None:
        return PAGE_SIZE_DEFAULT
    number = float(text) if _NUMBER.fullmatch(text) else float("nan")
    if not isfinite(number) or int(number) < 1:
        raise RefusalError(400, "pageSize must be a number of at least 1")
    if number > PAGE_SIZE_MAXIMUM and options.reject_large_pages:
        raise RefusalError(400, f"pageSize must be at most {PAGE_SIZE_MAXIMUM}")
    return min(int(number), PAGE_SIZE_MAXIMUM)


def token(values: dict[str, str], name: str) -> int | None:
    """A page token as its number."""
    text = values.get(name)
    try:
        return None if text is None else digits(text)
    except ValueError as reason:
        raise RefusalError(400, f"{name}: {reason}") from None


def events_search(values: dict[str, str], options: SandboxOptions) -> Search:
    """What the events operation is asked for."""
    return _search(values, options, project="serviceProjectId", environment="serviceEnvironmentId")


def targets_search(values: dict[str, str], options: SandboxOptions) -> Search:
    """What the targets operation is asked for; it knows neither sub-target types nor target ids."""
    known = {name: value for name, value in values.items() if name not in ("subTargetType", "targetId")}
    search = _search(known, options, project="projectId", environment="environmentId")
    level = values.get("targetLevelToFetch")
    if level is not None and level not in TARGET_LEVELS:
        raise RefusalError(400, "targetLevelToFetch must be PROJECT or ENVIRONMENT")
    complete = level or (search.project_id and search.environment_id)
    if not options.lenient_targets and search.target_type in SERVICE_TARGET_TYPES and not complete:
        raise RefusalError(400, "projectId and environmentId are mandatory for a service target type")
    return search


def _search(values: dict[str, str], options: SandboxOptions, *, project: str, environment: str) -> Search:
    known = lexicon(options.vocabulary)
    enums = {
        "eventType": known.event_types,
        "targetType": known.target_types,
        "subTargetType": known.sub_target_types,
        "origin": known.origins,
    }
    wrong = [name for name, values_known in enums.items() if values.get(name, "") not in {*values_known, ""}]
    ids = [name for name in ("targetId", project, environment) if name in values]
    wrong += [name for name in ids if _UUID.fullmatch(values[name]) is None]
    if wrong and options.reject_bad_filters:
        raise RefusalError(400, f"invalid value for {', '.join(wrong)}")
    return Search(
        since=_instant(values, "fromTimestamp", options),
        before=_instant(values, "toTimestamp", options, past=options.to_inclusive),
        event_type=values.get("eventType"),
        target_type=values.get("targetType"),
        sub_target_type=values.get("subTargetType"),
        origin=values.get("origin"),
        target_id=_lower(values.get("targetId")),
        triggered_by=values.get("triggeredBy"),
        project_id=_lower(values.get(project)),
        environment_id=_lower(values.get(environment)),
        impossible=bool(wrong),
    )


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _instant(values: dict[str, str], name: str, options: SandboxOptions, *, past: bool = False) -> int | None:
    """The first microsecond at or after the timestamp, or with `past` the first one after it."""
    text = values.get(name)
    if text is None:
        return None
    try:
        nanos = filter_nanos(text, seconds_only=options.seconds_only)
    except ValueError as reason:
        raise RefusalError(400, f"{name}: {reason}") from None
    return nanos // NANOS_PER_MICRO + 1 if past else -(-nanos // NANOS_PER_MICRO)


def keep(search: Search, options: SandboxOptions) -> Keep | None:
    """The test a step must pass, window aside; None lets everything through."""
    enums = (search.event_type, search.target_type, search.sub_target_type, search.origin)
    tests: list[Keep] = []
    if search.impossible:
        return lambda _: False
    if any(enums):
        wanted = [(place, value) for place, value in enumerate(enums) if value is not None]
        tests.append(lambda step: _says(step, wanted, options))
    if search.target_id is not None:
        tests.append(lambda step: step.target.id == search.target_id)
    if search.triggered_by is not None:
        tests.append(lambda step: step.actor.triggered_by == search.triggered_by)
    if search.project_id is not None:
        tests.append(lambda step: step.home is not None and step.home.project_id == search.project_id)
    if search.environment_id is not None:
        tests.append(lambda step: _within(step, search.environment_id))
    if len(tests) == 1:
        return tests[0]
    return (lambda step: all(test(step) for test in tests)) if tests else None


def _says(step: Step, wanted: list[tuple[int, str]], options: SandboxOptions) -> bool:
    said = words(step, options.vocabulary)
    return all(said[place] == value for place, value in wanted)


def _within(step: Step, environment_id: str | None) -> bool:
    home = environment_of(step)
    return home is not None and home.id == environment_id
