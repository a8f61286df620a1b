"""Log records: structured, on standard error, never with a credential in them."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Literal, TypeAlias

import orjson
import structlog

from fairlead.telemetry.requests import current

_Event: TypeAlias = MutableMapping[str, Any]
_Processor: TypeAlias = Callable[[object, str, _Event], Mapping[str, object] | str]


def configure_logging(*, colours: bool, verbose: bool = False, form: Literal["console", "json"] = "console") -> None:
    """Send records to standard error, as readable lines or as lines of JSON; called once, when a server starts."""
    level = logging.DEBUG if verbose else logging.INFO
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _identify,
            _escape_control_characters,
            _json if form == "json" else _console(colours=colours),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # A record and its line break in one write: several workers share the stream.
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # The servers' own chatter would repeat what the records say, and less structured.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "mcp"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def record(event: str, *, level: Literal["info", "warning"] = "warning", **fields: str | int | float | None) -> None:
    """Write one record; fields must be safe to keep for ever. It never raises.

    The request that is being answered is named in it: `request_id`, `trace_id` when it is part of a trace, and
    `caller` when the caller has a name.
    """
    # Whoever read standard error may be gone, and the caller of the moment still gets an answer.
    # TypeError: a number that JSON has no form for.
    with contextlib.suppress(OSError, ValueError, TypeError):
        getattr(structlog.get_logger("fairlead"), level)(event, **fields)


def _identify(_logger: object, _method: str, event: _Event) -> _Event:
    identity = current()
    if identity is not None:
        event["request_id"] = identity.request_id
        if identity.traceparent:
            event["trace_id"] = identity.trace_id
        if identity.caller:
            event["caller"] = identity.caller
    return event


def _escape_control_characters(_logger: object, _method: str, event: _Event) -> _Event:
    """Event text is hostile: a terminal escape in a value must not reach the terminal."""
    return {
        key: value.encode("unicode_escape").decode() if isinstance(value, str) and not value.isprintable() else value
        for key, value in event.items()
    }


def _console(*, colours: bool) -> _Processor:
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)


def _json(_logger: object, _method: str, event: _Event) -> str:
    first = {name: event.pop(name) for name in ("timestamp", "level", "event")}
    return orjson.dumps({**first, **event}).decode()
