"""The methods of HTTP: which can be sent, and what each says of a call (RFC 9110, section 9)."""

from __future__ import annotations

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
IDEMPOTENT = SAFE | {"PUT", "DELETE"}
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Those whose callers give a body; few clients send one with another."""
DESCRIBED = SAFE | WITH_BODY | {"DELETE", "TRACE"}
"""Those that OpenAPI has a word for."""
SENDABLE = DESCRIBED | {
    "QUERY", "SEARCH", "LIST", "PURGE", "COPY", "MOVE", "LINK", "UNLINK", "LOCK", "UNLOCK", "MKCOL", "PROPFIND",
    "PROPPATCH", "REPORT", "MERGE",
}  # fmt: skip
"""Those that an API may have; any other word is taken for a slip."""
