"""The one place where the process's environment is read."""

from __future__ import annotations

import os
from typing import TextIO

from fairlead.settings import Settings, read_settings


def settings() -> Settings:
    """The settings of this process; raises ConfigurationError, naming the variable, for a bad one."""
    return read_settings(os.environ)


def colours(stream: TextIO) -> bool:
    """Whether text on a stream may be coloured: it is a terminal, and NO_COLOR is not set."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def debugging() -> bool:
    """Whether a fault of Fairlead itself shows its traceback."""
    return os.environ.get("FAIRLEAD_DEBUG", "").lower() in {"1", "true", "yes"}
