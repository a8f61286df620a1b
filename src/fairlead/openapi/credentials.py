"""The credentials of an imported document: each scheme's `authentication`, and the environment variables behind it."""

from __future__ import annotations

from fairlead.openapi.model import Scheme
from fairlead.openapi.names import variable_name
from fairlead.spec.source import JsonValue

_WORDS = {"bearer": ("TOKEN",), "apikey": ("API_KEY",), "basic": ("USERNAME", "PASSWORD")}


class Credentials:
    """The variables of one document; each scheme has its own, named after the document."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._owners: dict[str, str] = {}

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that credentials are made of so far."""
        return tuple(self._owners)

    def of(self, scheme: Scheme) -> JsonValue:
        """The `authentication` of a scheme."""
        words = [f"{{{{env.{self._variable(scheme, word)}}}}}" for word in _WORDS[scheme.kind or "bearer"]]
        if scheme.kind == "basic":
            return {"type": "basic", "username": words[0], "password": words[1]}
        if scheme.kind == "apikey":
            return {"type": "apikey", "key": scheme.key, "value": words[0], "placement": scheme.placement}
        return {"type": "bearer", "token": words[0]}

    def _variable(self, scheme: Scheme, word: str) -> str:
        candidates = [variable_name(self._namespace, word), variable_name(self._namespace, scheme.name, word)]
        number = 2
        while self._owners.setdefault(candidates[0], scheme.name) != scheme.name:
            candidates = [*candidates[1:], variable_name(self._namespace, scheme.name, str(number), word)]
            number += 1
        return candidates[0]
