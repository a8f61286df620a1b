"""`make torture` in short: runs are killed at random moments, and the archive tells the truth after each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from command import environment

TORTURE = Path(__file__).with_name("torture.py")


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
def test_an_archive_whose_runs_are_killed_is_never_wrong_and_ends_complete() -> None:
    """What is covered is there, what is there is the upstream's, and the log fits; after ten kills as after none."""
    # A process of its own: one with threads must not fork.
    done = subprocess.run(
        [sys.executable, TORTURE, "--kills", "10"], capture_output=True, text=True, env=environment(), timeout=100,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("10 kills in ")
