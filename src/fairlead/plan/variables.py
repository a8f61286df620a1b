"""What the `{{variables}}` of a document's credentials stand for: environment variables that its binds name."""

from __future__ import annotations

from collections.abc import Mapping

from fairlead.spec.model import Document


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
