"""Checks what the operator pinned with the same rules that callers' arguments are held to."""

from __future__ import annotations

from dataclasses import replace

from fairlead.engine.arguments import argument_check
from fairlead.engine.hosts import is_place
from fairlead.errors import ConfigurationError, InvalidArguments
from fairlead.plan.model import Operation


def check_pins(operation: Operation) -> None:
    """Raise ConfigurationError when a pinned value does not fit its parameter; nothing was served yet."""
    if not operation.pins:
        return
    pinned = replace(operation, parameters=tuple(pin.parameter for pin in operation.pins))
    for pin in operation.pins:
        if pin.parameter.location == "path" and str(pin.value) in {"", ".", ".."}:
            raise ConfigurationError(f"--pin {pin.parameter.name} cannot be `{pin.value}`, which is no path segment.")
        if pin.parameter.location == "host" and not is_place(str(pin.value)):
            raise ConfigurationError(f"--pin {pin.parameter.name} cannot be `{pin.value}`, which is no part of a host.")
    try:
        argument_check(pinned).check({pin.parameter.name: pin.value for pin in operation.pins})
    except InvalidArguments as failure:
        fault = failure.faults[0]
        raise ConfigurationError(f"--pin {fault.argument} {fault.message}.") from None
