"""Takes a `baseUri` apart: the address, the part of the path that belongs to every call, and who fills what in it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from fairlead.plan.paths import PLACEHOLDER
from fairlead.plan.variables import environment_variable

_ORIGIN = re.compile(r"(?:https?://)?[^/]*")
_SHOUTED = re.compile(r"(?:env\..+|[A-Z][A-Z0-9_]*)")
# Two labels at least, none of them a placeholder: whoever fills what stands before them stays in that domain.
# Of `co.uk` and its like, two are nobody's domain yet.
_FIXED_DOMAIN = re.compile(
    r"[^{}/:]*\.(?:[A-Za-z0-9-]+\.(?![A-Za-z]{2}(?::|$))|[A-Za-z0-9-]{4,}\.|[A-Za-z0-9-]+\.[A-Za-z0-9-]+\.)"
    r"[A-Za-z][A-Za-z0-9-]*(?::[0-9]+)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A `baseUri` in parts. Its placeholders are spelled `{name}`.

    Callers fill `labels`, which cannot change the domain; the operator pins `pinned`, which can; the environment has
    `variables`. The placeholders of `path` are path parameters like any other.
    """

    address: str
    path: str
    labels: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()


def read_base(text: str, binds: Collection[str]) -> Base:
    """The parts of an address; variables are names in capitals, binds, and what begins with `env.`."""
    spelled = PLACEHOLDER.sub(lambda match: f"{{{match[1] or match[2]}}}", text.strip().replace("${", "{")).rstrip("/")
    match = _ORIGIN.match(spelled)
    origin = match[0] if match else ""
    below = _names(spelled[len(origin) :])
    if not below or any(_is_variable(name, binds) for name in below):
        origin = spelled  # nothing of the path is for callers to fill
    names = dict.fromkeys(_names(origin))
    variables = tuple(name for name in names if _is_variable(name, binds))
    host = origin.partition("://")[2].partition("/")[0]
    labels = tuple(name for name in names if name not in variables and _is_label(name, host))
    pinned = tuple(name for name in names if name not in variables and name not in labels)
    return Base(address=origin, path=spelled[len(origin) :], labels=labels, pinned=pinned, variables=variables)


def _names(text: str) -> list[str]:
    return [match[1] or match[2] for match in PLACEHOLDER.finditer(text)]


def _is_variable(name: str, binds: Collection[str]) -> bool:
    return name in binds or bool(_SHOUTED.fullmatch(name) and environment_variable(name))


def _is_label(name: str, host: str) -> bool:
    """Whether a fixed domain follows the placeholder wherever it stands in the host, and nothing else holds it."""
    parts = host.split(f"{{{name}}}")
    after = PLACEHOLDER.sub("x", "x".join(parts[1:]))
    return len(parts) > 1 and bool(_FIXED_DOMAIN.fullmatch(after)) and not PLACEHOLDER.search(_domain(host))


def _domain(host: str) -> str:
    """The last two labels of a host."""
    return ".".join(host.rsplit(".", 2)[-2:])
