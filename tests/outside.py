"""Tools from outside Python that some tests need: found, or the test is skipped with the reason; under CI it fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

NODE_FOLDER = Path(__file__).parent / "node"


def require_tool(*names: str, variable: str = "") -> str:
    """The path of the first of these programs; the environment variable, where given and set, decides alone."""
    chosen = os.environ.get(variable, "") if variable else ""
    wanted = (chosen,) if chosen else names
    found = next(filter(None, map(shutil.which, wanted)), None)
    return found or _missing(f"no program {' or '.join(wanted)} is on PATH")


def require_node_package(name: str) -> Path:
    """The folder of an npm package that `npm ci` in tests/node installed."""
    folder = NODE_FOLDER / "node_modules" / name
    if not folder.is_dir():
        _missing(f"the npm package {name} is not installed: run `npm ci` in {NODE_FOLDER}")
    return folder


def require_chromium() -> str:
    """The path of the system's Chromium, or of the one that CHROMIUM names."""
    return require_tool("chromium", "chromium-browser", "google-chrome", variable="CHROMIUM")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI must run this test, but {reason}.")
    pytest.skip(f"NOT TESTED: {reason}.")
