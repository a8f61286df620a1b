"""Names for what a description calls otherwise, or not at all: deterministic, valid where they stand, never twice."""

from __future__ import annotations

import re

from fairlead.plan import safe_names
from fairlead.plan.paths import PLACEHOLDER, split_at_placeholders
from fairlead.plan.safe_names import LONGEST_FOR_MODELS, safe_name

_UNSPOKEN = re.compile(r"[^a-z0-9]+")
_UNROUTED = re.compile(r"[^A-Za-z0-9._~:,=@$()-]+")
_NO_VARIABLE = re.compile(r"[^A-Z0-9]+")
_VERSIONED = re.compile(r"/v[0-9]")
_LONGEST_SLUG = 60


def slug(title: str) -> str:
    """A title as the name of a file and of a namespace."""
    return _UNSPOKEN.sub("-", title.lower()).strip("-")[:_LONGEST_SLUG].strip("-") or "api"


def operation_name(stated: str, method: str, path: str) -> str:
    """The name of an operation: its own, else its method and path, in characters that tools may have."""
    spelled = (safe_name(text, len(text)).strip("-.") for text in (stated, f"{method.lower()}{path}"))
    return next((name for name in spelled if name), "")


def free_name(name: str, taken: set[str], longest: int = LONGEST_FOR_MODELS) -> str:
    """The name, shortened, with a number if another has it; from then on it is taken."""
    free = safe_names.free_name(name[:longest].rstrip("-."), taken, longest)
    taken.add(free)
    return free


def variable_name(*parts: str) -> str:
    """An environment variable of these words."""
    words = "_".join(_NO_VARIABLE.sub("_", part.upper()).strip("_") for part in parts)
    return words if words[:1].isalpha() else f"API_{words}"


def route_of(path: str) -> str:
    """The REST path for an upstream's: below `/v1`, in characters that need no encoding."""
    segments = []
    for segment in path.partition("#")[0].replace("?", "/").replace("&", "/").split("/"):
        literals, names = split_at_placeholders(segment)
        spoken = [_UNROUTED.sub("-", literal) for literal in literals]
        if not names:
            spoken = [spoken[0].strip("-.")]
        segments.append(spoken[0] + "".join(f"{{{name}}}{text}" for name, text in zip(names, spoken[1:], strict=True)))
    spelled = "/" + "/".join(each for each in segments if each)
    return spelled if _VERSIONED.match(spelled) else f"/v1{spelled}".rstrip("/")


def shape_of(route: str) -> str:
    """A route without the names of its placeholders; two of one shape cannot be told apart."""
    return PLACEHOLDER.sub("{}", route)
