"""Fixtures shared by the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import serving

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def gateway() -> Iterator[serving.Gateway]:
    """The shipped document on a sandbox of 10,000 events, served on free ports."""
    with serving.gateway() as running:
        yield running


@pytest.fixture(scope="session")
def seed() -> Path:
    """The shipped document."""
    return ROOT / "src/fairlead/capabilities/qovery-organization-event.yaml"


@pytest.fixture
def shared() -> Path:
    """The folder of published documents beside the checkout; absent on a machine that has only the project."""
    folder = ROOT.parent / "shared"
    if not (folder / "catalog").is_dir():
        pytest.skip("SKIPPED LOUDLY: ../shared/catalog is absent, so the published documents are not tested")
    return folder
