"""An event as one line of JSON, its value exactly as it was sent."""

from __future__ import annotations

import orjson

MEDIA_TYPE = "application/x-ndjson"

# JSON has line breaks between tokens only; in a string they are escaped.
_BREAKS = bytes.maketrans(b"\r\n", b"  ")


def one_line(raw: bytes) -> bytes:
    """A JSON value as one line without its end: line breaks between tokens are spaces, nothing else differs."""
    return raw.translate(_BREAKS)


def ndjson(raw: bytes) -> bytes:
    """An event as a line of NDJSON."""
    return one_line(raw) + b"\n"


def enveloped(raw: bytes, organization_id: str, number: int) -> bytes:
    """An event as a line of NDJSON that says whose it is and which of the archive's: `event` is what was sent."""
    archive = {"organization_id": organization_id, "number": number}
    return orjson.dumps({"archive": archive, "event": orjson.Fragment(one_line(raw))}) + b"\n"
