"""An event as a syslog message (RFC 5424), framed for a stream (RFC 6587) or bounded for a datagram (RFC 5426)."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairlead.archive.events import Event
from fairlead.archive.forms.instants import utc
from fairlead.archive.forms.meaning import Severity, meaning
from fairlead.archive.forms.ndjson import one_line
from fairlead.errors import ConfigurationError

FACILITY = 13
"""Log audit."""

SEVERITIES: Mapping[Severity, int] = {
    Severity.UNKNOWN: 5,
    Severity.INFORMATIONAL: 6,
    Severity.LOW: 5,
    Severity.MEDIUM: 4,
}
"""Syslog's severities: 4 warning, 5 notice, 6 informational."""

LEAST_DATAGRAM = 480
"""What every receiver takes (RFC 5426)."""

MOST_DATAGRAM = 65_507
"""What one datagram over IPv4 holds."""

PARAMETERS = (
    "id",
    "event_type",
    "target_type",
    "sub_target_type",
    "target_id",
    "target_name",
    "origin",
    "triggered_by",
    "project_id",
    "project_name",
    "environment_id",
    "environment_name",
    "user_agent",
)
"""The fields that are structured data; the instant is in the header, and the body has everything."""

_MOST_VALUE = 256
_NIL = "-"
_NAME = re.compile(r"[!#-<>-\\^-~]{1,32}")
_HOSTNAME = re.compile(r"[!-~]{1,255}")
_MESSAGE_ID = re.compile(r"[!-~]{1,32}")
_PLAIN = re.compile(r"[ -!#-\[^-~]*+")
_SPECIAL = re.compile(r'["\\\]]')
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What messages say of where they come from.

    A name of structured data needs an `@` and the enterprise number of whoever defines it, unless the IETF does. We
    have no number; 32473 is the one kept for examples (RFC 5612), so it is nobody else's. `sd_id` takes your own.
    """

    organization_id: str
    hostname: str = _NIL
    app_name: str = "fairlead"
    sd_id: str = "qovery@32473"

    def __post_init__(self) -> None:
        if not (_HOSTNAME.fullmatch(self.hostname) and _NAME.fullmatch(self.app_name) and _NAME.fullmatch(self.sd_id)):
            raise ConfigurationError(
                "A syslog host name, application name or structured-data name cannot be used.",
                remedy='Take 1 to 32 printable ASCII characters without a space, `=`, `]` and `"` (a host name: 255).',
            )


def message(raw: bytes, event: Event, sender: Sender) -> bytes:
    """An event as a message of any size: its fields as structured data, the event itself on one line as the body."""
    body = one_line(raw)
    return b" ".join(
        [_header(event, sender.hostname, sender.app_name), _data(event, sender, PARAMETERS), _marked(body)]
    )


def framed(text: bytes) -> bytes:
    """A message as a stream over TCP or TLS carries it: counted octets, so that no content ends it (RFC 6587)."""
    return b"%d %b" % (len(text), text)


def datagram(raw: bytes, event: Event, sender: Sender, limit: int = 2_048) -> bytes:
    """An event as a message of at most `limit` bytes, 480 or more.

    One that is too large goes without its body, since half a JSON is none, and says `truncated="true"`; if its fields
    are too large as well, only its id and its organization stay. Fetch the rest from the archive.
    """
    if not LEAST_DATAGRAM <= limit <= MOST_DATAGRAM:
        raise ConfigurationError(
            f"A syslog datagram cannot be of {limit:,} bytes.",
            remedy=f"Take {LEAST_DATAGRAM:,} to {MOST_DATAGRAM:,}; every receiver takes 480, and most 2,048.",
        )
    whole = message(raw, event, sender) if len(raw) <= limit else b""
    if whole and len(whole) <= limit:
        return whole
    header = _header(event, sender.hostname, sender.app_name)
    fields = header + b" " + _data(event, sender, PARAMETERS, cut=True)
    return fields if len(fields) <= limit else _least(event, sender)


def _least(event: Event, sender: Sender) -> bytes:
    """What fits 480 bytes: 468 at most, 256 of them for two values of 64 bytes that are all escaped."""
    hostname = sender.hostname if len(sender.hostname) <= 32 else _NIL
    return _header(event, hostname, sender.app_name) + b" " + _data(event, sender, ("id",), cut=True, most=64)


def _header(event: Event, hostname: str, app_name: str) -> bytes:
    means = meaning(event.event_type, event.target_type, event.sub_target_type)
    priority = FACILITY * 8 + SEVERITIES[means.severity]
    instant = utc(event.timestamp, most_digits=6) or _NIL
    kind = event.event_type if event.event_type and _MESSAGE_ID.fullmatch(event.event_type) else _NIL
    return f"<{priority}>1 {instant} {hostname} {app_name} {_NIL} {kind}".encode()


def _data(event: Event, sender: Sender, names: Sequence[str], *, cut: bool = False, most: int = _MOST_VALUE) -> bytes:
    values = {"organization_id": sender.organization_id} | {name: getattr(event, name) for name in names}
    texts = [f'{name}="{_escaped(value, most)}"' for name, value in values.items() if value is not None]
    if cut:
        texts.append('truncated="true"')
    return f"[{sender.sd_id} {' '.join(texts)}]".encode()


def _escaped(value: str, most: int) -> str:
    """A parameter's value of at most so many bytes before it is escaped, on one line and without control characters."""
    short = value[:most]
    if not _PLAIN.fullmatch(short):
        clean = _CONTROLS.sub("\ufffd", short).encode("utf-8", "replace")
        short = _SPECIAL.sub(r"\\\g<0>", clean[:most].decode("utf-8", "ignore"))
    return short


def _marked(body: bytes) -> bytes:
    """A body in UTF-8 says so by a byte order mark; ASCII needs none, and what is neither must not have one."""
    if body.isascii():
        return body
    try:
        body.decode()
    except UnicodeDecodeError:
        return body
    return codecs.BOM_UTF8 + body
