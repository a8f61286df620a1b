"""Reads the values that documents keep in files beside them, each time they are made ready to serve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fairlead.app.upstreams import called_upstreams, variables_of
from fairlead.errors import ConfigurationError
from fairlead.plan.model import Plan
from fairlead.settings import Secret
from fairlead.spec.bind_files import bound_value
from fairlead.spec.neighbours import neighbour


def bound_secrets(plans: Sequence[Plan]) -> dict[str, Secret]:
    """The values of bound keys by their variables; what a file has not is left out.

    Raises ConfigurationError for a file that cannot be read and that a call needs.
    """
    found: dict[str, Secret] = {}
    needed = {*variables_of(plans), *(name for up in called_upstreams(plans) for name in up.variables.values())}
    for plan in plans:
        for bound in plan.bound_keys:
            try:
                value = bound_value(neighbour(Path(plan.file).parent, bound.location), bound.key)
            except (ValueError, OSError) as failure:
                if bound.variable not in needed:
                    continue
                raise ConfigurationError(
                    f"`{bound.location}`, which {plan.file} keeps `{bound.key}` in, cannot be used: {failure}.",
                    remedy="Put the file there, or bind an environment variable: leave `location` out.",
                ) from failure
            if value:
                found[bound.variable] = Secret(value)
    return found
