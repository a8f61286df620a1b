"""Runs the `fairlead` command in a process of its own, as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left behind."""

    code: int
    out: str
    err: str


def fairlead(*arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Finished:
    """Run `fairlead` to its end, with no FAIRLEAD_ or QOVERY_ variable but those given."""
    done = subprocess.run(
        [sys.executable, "-m", "fairlead", *map(str, arguments)],
        capture_output=True,
        cwd=cwd,
        env=environment(env),
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would change Fairlead's behaviour, with `extra`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FAIRLEAD_", "QOVERY_"))}
    return kept | {"COLUMNS": "100"} | dict(extra or {})
