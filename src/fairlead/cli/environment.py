"""The one place where the process's environment is read."""

from __future__ import annotations

import os
import sys

from fairlead.settings import Settings, read_settings


def settings() -> Settings:
    """The settings of this process; raises ConfigurationError, naming the variable, for a bad one."""
    return read_settings(os.environ)


def on_terminal() -> bool:
    """Whether a person reads standard output: a terminal, and NO_COLOR not set."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")
