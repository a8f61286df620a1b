"""Writes a value where only text can stand, and reads the bytes that a text stands for."""

from __future__ import annotations

import base64
import binascii
import re

from fairlead.spec.json_text import json_text
from fairlead.spec.source import JsonValue


def text_of(value: JsonValue) -> str:
    """How a value is written where only text can stand: `true`, `5` for 5.0, JSON for what has parts.

    Raises ValueError for what JSON has no word for.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return json_text(value)


_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+(?:; ?[\w-]+=[\w.-]+)*)?;base64,(.*)", re.ASCII | re.DOTALL)
_ANY_TYPE = "application/octet-stream"


def read_bytes(text: str) -> tuple[str, bytes]:
    """The media type and the bytes of a text: those of a `data:` URL in base64 (RFC 2397), else its own.

    Raises ValueError for a URL whose base64 is none.
    """
    match = _DATA_URL.fullmatch(text)
    if match is None:
        return _ANY_TYPE, text.encode()
    try:
        return match[1] or _ANY_TYPE, base64.b64decode(match[2], validate=True)
    except binascii.Error:
        raise ValueError("is a `data:` URL without valid base64") from None


def data_url(media_type: str, content: bytes) -> str:
    """The text that stands for bytes of a media type; one that is none is left out."""
    encoded = base64.b64encode(content).decode()
    url = f"data:{media_type};base64,{encoded}"
    return url if _DATA_URL.fullmatch(url) else f"data:;base64,{encoded}"
