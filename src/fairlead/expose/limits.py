"""What one port allows its callers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one port allows its callers. Times are seconds, sizes are bytes."""

    max_connections: int = 2_000
    max_header_bytes: int = 64 * 1024
    max_request_bytes: int = 4 * 1024 * 1024
    header_timeout: float = 10.0
    body_timeout: float = 30.0
    write_timeout: float = 30.0
    idle_timeout: float = 75.0
