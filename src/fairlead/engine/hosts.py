"""Fills the placeholders of an address, so that a caller's value cannot change its domain, scheme or port."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.engine.texts import text_of
from fairlead.errors import ArgumentFault, InvalidArguments
from fairlead.plan.model import Arguments
from fairlead.plan.paths import PLACEHOLDER

_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_PLACE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?|\[[0-9a-f:]+\]")


@dataclass(frozen=True, slots=True)
class HostFiller:
    """An address, and the arguments of its placeholders by name; the operator's have names no caller can use."""

    address: str
    arguments: Mapping[str, str]

    def fill(self, arguments: Arguments) -> str:
        """The address for these arguments; raises InvalidArguments for one that is no label of a host name."""
        filled = self.address
        for name, argument in self.arguments.items():
            text = text_of(arguments[argument])
            pinned = argument.startswith("\0")
            if not (_PLACE if pinned else _LABEL).fullmatch(text):
                said = "must be one part of a host name: letters, digits and `-`"
                raise InvalidArguments((ArgumentFault(argument.lstrip("\0"), said),))
            filled = filled.replace(f"{{{name}}}", text)
        return filled


def is_place(text: str) -> bool:
    """Whether a text may stand in an address where the operator says it does: a host, an IP address, a port."""
    return bool(_PLACE.fullmatch(text))


def host_filler(address: str, arguments: Mapping[str, str]) -> HostFiller | None:
    """The filler of an address; None for one without placeholders."""
    return HostFiller(address, arguments) if PLACEHOLDER.search(address) else None
