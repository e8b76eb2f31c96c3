"""Databases of programs: opened by several processes, migrated by one, read by all."""

from __future__ import annotations

import sqlite3
import stat
import threading
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
import sqlalchemy as sa

from connector_credentials import redact
from connector_program.database import Database, Migrations, insert, reading

if TYPE_CHECKING:
    from pathlib import Path

MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision, down_revision = "{number:04}", {before!r}


def upgrade() -> None:
    op.create_table("t{number}", sa.Column("id", sa.Integer, primary_key=True))
"""


class WrongError(Exception):
    """What the program raises for a setting."""


def add(folder: Path, number: int) -> None:
    before = f"{number - 1:04}" if number > 1 else None
    text = MIGRATION.format(number=number, before=before)
    (folder / f"m{number:04}_table.py").write_text(text)


@pytest.fixture
def migrations(tmp_path: Path) -> Migrations:
    folder = tmp_path / "100% of: them"  # what Alembic's own settings would take apart
    folder.mkdir()
    add(folder, 1)
    add(folder, 2)
    return Migrations(folder, "notes_version", 4711)


@pytest.fixture
def notes(migrations: Migrations) -> Database:
    return Database(
        what="notebook",
        setting="notes_url",
        file="notes.db",
        program="my-program",
        error=WrongError,
        prepare=migrations.apply,
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/notes.db"
    found: str = request.getfixturevalue("postgres_database")
    return found


def tables(engine: sa.Engine, schema: str | None = None) -> set[str]:
    return set(sa.inspect(engine).get_table_names(schema))


def test_it_is_made_and_brought_up_to_date(
    notes: Database, migrations: Migrations, url: str
) -> None:
    notes.open(url).dispose()
    add(migrations.folder, 3)
    engine = notes.open(url)
    assert tables(engine) == {"t1", "t2", "t3", "notes_version"}
    assert migrations.head() == "0003"
    engine.dispose()


def test_who_migrates_waits_for_another_who_does(
    notes: Database, migrations: Migrations, url: str
) -> None:
    engine = notes.open(url)
    add(migrations.folder, 3)
    late = threading.Thread(target=lambda: notes.open(url).dispose())
    with engine.begin() as connection:  # on SQLite this is the lock
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(migrations.lock)))
        late.start()
        late.join(1)
        assert late.is_alive()
    late.join(30)
    assert "t3" in tables(engine)
    engine.dispose()


def test_what_a_newer_version_wrote_is_left_alone(
    notes: Database, migrations: Migrations, url: str
) -> None:
    notes.open(url).dispose()
    (migrations.folder / "m0002_table.py").unlink()
    with pytest.raises(WrongError, match=r"notebook .* newer version .*notes_url.*my-program"):
        notes.open(url)


def test_a_row_that_is_there_can_be_left(notes: Database, url: str) -> None:
    engine = notes.open(url)
    table = sa.Table("t1", sa.MetaData(), autoload_with=engine)
    for _ in range(2):
        with engine.begin() as connection:
            connection.execute(insert(connection, table).values(id=1).on_conflict_do_nothing())
    with reading(engine) as connection:
        assert connection.scalars(sa.select(table.c.id)).all() == [1]
    engine.dispose()


def test_a_schema_is_made_once_and_keeps_to_itself(notes: Database, postgres_database: str) -> None:
    for _ in range(2):
        tea = notes.open(notes.in_schema(postgres_database, "tea"))
        assert tables(tea, "tea") == {"t1", "t2", "notes_version"}
        assert tables(tea, "public") == set()
        tea.dispose()


def test_a_file_is_its_owners_and_durable(notes: Database, tmp_path: Path) -> None:
    engine = notes.open(f"sqlite:///{tmp_path}/notes.db")
    assert stat.S_IMODE((tmp_path / "notes.db").stat().st_mode) == 0o600
    with reading(engine) as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1}
    engine.dispose()


def test_who_writes_says_so_at_once_and_who_reads_does_not_wait(
    notes: Database, tmp_path: Path
) -> None:
    engine = notes.open(f"sqlite:///{tmp_path}/notes.db")
    other = sqlite3.connect(tmp_path / "notes.db", timeout=0, isolation_level=None)
    with reading(engine):
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    with engine.begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()
    engine.dispose()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("", "not a database URL this program knows"),
        ("notes.db", "not a database URL this program knows"),
        ("mysql://me:very-secret@host/db", "not a database URL this program knows"),
        ("sqlite://", "notebook cannot live in memory"),
        ("sqlite:///:memory:", "notebook cannot live in memory"),
        ("sqlite:////no/such/folder/notes.db", "cannot be used: unable to open"),
        ("postgresql://me:very-secret@127.0.0.1:1/db", "cannot be used: .*refused"),
        ("postgresql://me@127.0.0.1:1/db?password=very-secret", "cannot be used: .*refused"),
    ],
)
def test_a_url_that_is_no_use_is_one_line_without_a_password(
    notes: Database, given: str, said: str
) -> None:
    with pytest.raises(WrongError, match=said) as caught:
        notes.open(given)
    assert "notes_url" in str(caught.value)
    assert "very-secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "secret"),
    [
        ("postgresql://me:stands-in-front@host/db", "stands-in-front"),
        ("postgresql://me@host/db?password=stands-behind", "stands-behind"),
    ],
)
def test_no_output_shows_a_password_from_then_on(notes: Database, given: str, secret: str) -> None:
    notes.parse(given)
    assert secret not in redact(f"the driver says {secret}")


def test_a_schema_is_for_postgresql(notes: Database) -> None:
    with pytest.raises(WrongError, match="notes_schema is for PostgreSQL, and notes_url"):
        notes.in_schema("sqlite:///notes.db", "tea")


def test_a_driver_that_is_missing_is_named(
    notes: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise ImportError

    monkeypatch.setattr(sa, "create_engine", none)
    with pytest.raises(WrongError, match=r"my-program\[postgres\]"):
        notes.open("postgresql://host/db")


def test_nothing_stays_open_after_a_failure(
    notes: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = Mock()
    monkeypatch.setattr(sa.Engine, "dispose", closed)
    (tmp_path / "notes.db").write_bytes(b"no database" * 500)
    with pytest.raises(WrongError, match="file is not a database"):
        notes.open(f"sqlite:///{tmp_path}/notes.db")
    closed.assert_called_once_with()
