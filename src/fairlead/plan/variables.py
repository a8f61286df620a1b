"""What the `{{variables}}` of a document's credentials stand for: environment variables that its binds name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fairlead.spec.model import Document

_ENVIRONMENT_VARIABLE = re.compile(r"(?:env\.)?([A-Za-z_][A-Za-z0-9_]*)")


def bind_variables(document: Document) -> Mapping[str, str]:
    """`{{namespace.KEY}}` and `{{KEY}}` → the environment variable behind them (dialect rule 12)."""
    variables: dict[str, str] = {}
    for bind in document.binds:
        if bind.location:
            continue
        for key, variable in bind.keys.items():
            variables[f"{bind.namespace}.{key}"] = variable
            variables.setdefault(key, variable)
    return variables


def environment_variable(variable: str) -> str | None:
    """The environment variable that `{{env.KEY}}` or `{{KEY}}` names where no bind does (dialect R16)."""
    match = _ENVIRONMENT_VARIABLE.fullmatch(variable)
    return match[1] if match else None
