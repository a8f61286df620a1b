"""Makes names that model APIs, MCP and generators take, of names as authors write them."""

from __future__ import annotations

import re
from collections.abc import Container

LONGEST_FOR_MODELS = 64
LONGEST_FOR_MCP = 128
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


def safe_name(text: str, longest: int, *, filler: str = "-") -> str:
    """The text in letters, digits, `_`, `-` and `.`, with `filler` for anything else; it may be empty."""
    return _UNSAFE.sub(filler, text).strip(filler)[:longest]


def is_safe_name(text: str, longest: int) -> bool:
    """Whether a name is taken as it is."""
    return 0 < len(text) <= longest and not _UNSAFE.search(text)


def free_name(name: str, taken: Container[str], longest: int, *, joint: str = "-") -> str:
    """The name, shortened, with a number behind it if it is taken."""
    candidate, number = name[:longest], 2
    while candidate in taken:
        suffix = f"{joint}{number}"
        candidate, number = name[: longest - len(suffix)] + suffix, number + 1
    return candidate
