"""Databases of the service: SQLite, and a real PostgreSQL server where this machine has one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from facewarden.service.store.database import TABLES, open_database
from postgres_server import binary, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """URL of a database of a PostgreSQL server."""
    if binary("initdb") is None or binary("postgres") is None:
        pytest.skip("no PostgreSQL server on this machine: apt-get install postgresql")
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of each kind."""
    kind = request.param
    url = f"sqlite:///{tmp_path / 'service.db'}" if kind == "sqlite" else request.getfixturevalue("postgres")
    made = open_database(url)
    yield made
    TABLES.drop_all(made)
    made.dispose()
