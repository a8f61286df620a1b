"""What the `{{variables}}` of a document's credentials stand for: environment variables that its binds name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from posixpath import dirname, join, normpath

from fairlead.plan.model import BoundKey
from fairlead.spec.model import Document

_ENVIRONMENT_VARIABLE = re.compile(r"(?:env\.)?([A-Za-z_][A-Za-z0-9_]*)")


def bind_variables(document: Document, file: str) -> Mapping[str, str]:
    """`{{namespace.KEY}}` and `{{KEY}}` → the environment variable or the file's key behind them (dialect rule 12)."""
    variables: dict[str, str] = {}
    for bind in document.binds:
        for key, right in bind.keys.items():
            variable = file_variable(file, bind.location, right) if bind.location else right
            variables[f"{bind.namespace}.{key}"] = variable
            variables.setdefault(key, variable)
    return variables


def bound_keys(document: Document, file: str) -> tuple[BoundKey, ...]:
    """The keys in files that a document binds; `file` is the document's own."""
    return tuple(
        BoundKey(variable=file_variable(file, bind.location, key), location=bind.location, key=key)
        for bind in document.binds
        if bind.location
        for key in bind.keys.values()
    )


def file_variable(file: str, location: str, key: str) -> str:
    """How the value of a key in a file is called among environment variables, in the document `file`."""
    beside = location.removeprefix("file://").lstrip("/")
    return f"{normpath(join(dirname(file), beside))}#{key}"


def operators_variable(variable: str, binds: Mapping[str, str]) -> str | None:
    """The environment variable that `{{variable}}` names where arguments of callers stand as well, if it names one."""
    if variable in binds:
        return binds[variable]
    return environment_variable(variable) if variable.startswith("env.") else None


def operators_name(variable: str) -> str:
    """How an environment variable is called among the variables of a template: as no argument can be."""
    return f"\0{variable}"


def environment_of(names: Iterable[str]) -> tuple[str, ...]:
    """The environment variables among the variables of templates."""
    return tuple(dict.fromkeys(name.removeprefix("\0") for name in names if name.startswith("\0")))


def environment_variable(variable: str) -> str | None:
    """The environment variable that `{{env.KEY}}` or `{{KEY}}` names where no bind does (dialect R16)."""
    match = _ENVIRONMENT_VARIABLE.fullmatch(variable)
    return match[1] if match else None
