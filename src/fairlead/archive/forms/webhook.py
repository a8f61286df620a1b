"""Events as a signed HTTP delivery, after the Standard Webhooks specification (standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import orjson

from fairlead.archive.events import Event, read_event
from fairlead.archive.forms.ndjson import one_line
from fairlead.errors import ConfigurationError

TYPE = "qovery.events"
TOLERANCE = 300
"""How many seconds a receiver lets a delivery's clock differ from its own."""

_SECRET = re.compile(r"whsec_([A-Za-z0-9+/]+=*)")
_BATCH_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SIGNED_WITH = "v1,"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request to send as it is: whatever changes a byte of the body breaks its signature."""

    headers: dict[str, str]
    body: bytes


def signing_key(secret: str) -> bytes:
    """The key that a secret of the form `whsec_…` stands for; of 24 to 64 bytes, as the specification asks."""
    match = _SECRET.fullmatch(secret)
    try:
        key = base64.b64decode(match[1], validate=True) if match else b""
    except binascii.Error:
        key = b""
    if not 24 <= len(key) <= 64:
        raise ConfigurationError(
            "A webhook secret is not `whsec_` and 24 to 64 bytes in Base64.",
            remedy="Make one: printf whsec_; openssl rand -base64 32",
        )
    return key


def event_key(raw: bytes, event: Event) -> str:
    """What names an event when it is delivered again: its id, else the SHA-256 of its bytes."""
    return event.id or f"sha256:{sha256(raw).hexdigest()}"


def delivery(keys: Sequence[bytes], batch_id: str, now: int, events: Sequence[bytes], organization_id: str) -> Delivery:
    """A batch of events at an instant in Unix seconds, signed with each key: two while one is replaced by another.

    The body is one JSON object, as the specification asks, with the events exactly as they were sent. It is delivered
    at least once: `webhook-id` is the same when a batch is sent again, and `event_ids` name its events in order.
    """
    if not _BATCH_ID.fullmatch(batch_id):
        raise ValueError("a batch's id is 1 to 128 letters, digits, hyphens and underscores")
    body = _body(events, organization_id, now)
    signatures = " ".join(_SIGNED_WITH + _signature(key, batch_id, str(now), body) for key in keys)
    headers = {
        "content-type": "application/json",
        "webhook-id": batch_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signatures,
    }
    return Delivery(headers, body)


def verified(keys: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: int) -> bool:
    """Whether a delivery is of someone who has one of the keys, made within five minutes of now."""
    batch_id, instant = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not re.fullmatch("[0-9]{1,12}", instant) or abs(int(instant) - now) > TOLERANCE:
        return False
    given = [each for each in headers.get("webhook-signature", "").split(" ") if each.startswith(_SIGNED_WITH)]
    made = [_SIGNED_WITH + _signature(key, batch_id, instant, body) for key in keys]
    return any(hmac.compare_digest(one.encode(), other.encode()) for one in given for other in made)


def _body(events: Sequence[bytes], organization_id: str, now: int) -> bytes:
    data = {
        "organization_id": organization_id,
        "event_ids": [event_key(raw, read_event(raw)) for raw in events],
        "events": [orjson.Fragment(one_line(raw)) for raw in events],
    }
    instant = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return orjson.dumps({"type": TYPE, "timestamp": instant, "data": data})


def _signature(key: bytes, batch_id: str, instant: str, body: bytes) -> str:
    signed = b".".join([batch_id.encode(), instant.encode(), body])
    return base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
