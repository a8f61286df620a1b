"""Log records: structured, on standard error, never with a credential in them."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Mapping

import structlog


def configure_logging(*, colours: bool, verbose: bool = False) -> None:
    """Send records to standard error, as readable lines; called once, when a server starts."""
    level = logging.DEBUG if verbose else logging.INFO
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _escape_control_characters,
            structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    # The servers' own chatter would repeat what the records say, and less structured.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "mcp", "pyreqwest"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def record(event: str, **fields: str | int | float | None) -> None:
    """Write one warning record; fields must be safe to keep for ever. It never raises."""
    # Whoever read standard error may be gone, and the caller of the moment still gets an answer.
    with contextlib.suppress(OSError, ValueError):
        structlog.get_logger("fairlead").warning(event, **fields)


def _escape_control_characters(_logger: object, _method: str, event: Mapping[str, object]) -> Mapping[str, object]:
    """Event text is hostile: a terminal escape in a value must not reach the terminal."""
    return {
        key: value.encode("unicode_escape").decode() if isinstance(value, str) and not value.isprintable() else value
        for key, value in event.items()
    }
