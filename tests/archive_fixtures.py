"""Archives of every kind, empty and open: a plugin of the tests that name it in `pytest_plugins`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from archive_stores import lease, opened
from fairlead.archive.store import Archive
from postgres_server import Server, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server."""
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where nothing is yet: a file, or an empty database."""
    if request.param == "sqlite":
        return str(tmp_path / "archive.db")
    server: Server = request.getfixturevalue("postgres")
    return server.url(server.emptied("emptied"))


@pytest.fixture(params=["sqlite", "postgres"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archive]:
    """An archive of each kind, with nothing in it but leases on ORGANIZATION and OTHER."""
    if request.param == "sqlite":
        place = str(tmp_path / "archive.db")
    else:
        server: Server = request.getfixturevalue("postgres")
        place = server.url(server.cleared("cleared"))
    with closing(opened(place)) as found:
        lease(found)
        yield found


@pytest.fixture
def both(tmp_path: Path, postgres: Server) -> Iterator[tuple[Archive, Archive]]:
    """An archive of each kind at once."""
    places = (str(tmp_path / "archive.db"), postgres.url(postgres.cleared("cleared")))
    with closing(opened(places[0])) as sqlite, closing(opened(places[1])) as postgresql:
        lease(sqlite)
        lease(postgresql)
        yield sqlite, postgresql
