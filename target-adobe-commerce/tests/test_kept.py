"""What the target keeps, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from adobe_commerce.errors import ConfigError
from connector_credentials import generate_key
from target_adobe_commerce.kept.database import KEPT, MIGRATIONS, one_at_a_time
from target_adobe_commerce.kept.keeping import ExactRecord, Keeping, Pair
from target_adobe_commerce.kept.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CONNECTOR_KEY", generate_key())
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/way-back.db"
    found: str = request.getfixturevalue("postgres_database")
    return found


@pytest.fixture
def keeping(url: str) -> Iterator[Keeping]:
    kept = Keeping.open(url, "shop")
    yield kept
    kept.close()


def record(exact_id: str, deleted: str = "", **values: str) -> ExactRecord:
    return ExactRecord("accounts", 1, exact_id, values, deleted)


def test_records_pairs_and_creations_are_kept(keeping: Keeping, url: str) -> None:
    keeping.take(record("a", Code="1"), 5)
    keeping.take(record("b", Code="2"), 6)
    keeping.flush()
    keeping.take(record("a", Code="old"), 4)
    keeping.take(record("b", "2026-11-01"), 7)
    keeping.flush()
    again = Keeping.open(url, "shop")
    first, second = again.records("accounts", 1)
    assert (first.values, first.deleted_at) == ({"Code": "1"}, "")
    assert (second.values, second.deleted_at) == ({"Code": "2"}, "2026-11-01")
    assert again.divisions() == [1]
    again.intend("customers", 1, "a")
    assert list(again.in_flight("customers", 1)) == ["a"]
    pair = Pair("17", "1", {"taxvat": ("x", "y")})
    again.settle("customers", 1, {"a": pair})
    assert again.in_flight("customers", 1) == {}
    assert keeping.pairs("customers", 1) == {"a": pair}
    with pytest.raises(ConfigError, match="paired with another record"):
        again.settle("customers", 1, {"b": Pair("17", "2")})
    assert again.forget("customers", 1, ["a"]) == 1
    assert again.pairs("customers", 1) == {}
    again.close()


def test_another_shop_s_pairs_are_its_own(keeping: Keeping, url: str) -> None:
    other = Keeping.open(url, "other")
    keeping.settle("customers", 1, {"a": Pair("17", "1")})
    other.settle("customers", 1, {"a": Pair("17", "1")})
    keeping.forget("customers", 1, ["a"])
    assert list(other.pairs("customers", 1)) == ["a"]
    other.close()


def test_one_run_at_a_time_writes(keeping: Keeping, url: str) -> None:
    other = KEPT.open(url)
    with (
        one_at_a_time(keeping.engine, "shop"),
        pytest.raises(ConfigError, match="Another run"),
        one_at_a_time(other, "shop"),
    ):
        pass
    with one_at_a_time(other, "shop"):
        pass
    other.dispose()


def test_another_key_opens_nothing_and_a_new_one_takes_over(
    keeping: Keeping, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping.take(record("a", Code="1"), 1)
    keeping.flush()
    old, new = os.environ["CONNECTOR_KEY"], generate_key()
    monkeypatch.setenv("CONNECTOR_KEY", new)
    with pytest.raises(ConfigError, match="does not open"):
        Keeping.open(url, "shop")
    monkeypatch.setenv("CONNECTOR_KEY", f"{new},{old}")
    Keeping.open(url, "shop").close()
    monkeypatch.setenv("CONNECTOR_KEY", new)
    opened = Keeping.open(url, "shop")
    assert opened.records("accounts", 1)[0].values == {"Code": "1"}
    opened.close()


def test_a_changed_row_is_damage_that_is_said(keeping: Keeping) -> None:
    keeping.take(record("a", Code="1"), 1)
    keeping.flush()
    with keeping.engine.begin() as connection:
        connection.execute(sa.text("UPDATE exact_records SET content = 'x'"))
    with pytest.raises(ConfigError, match="accounts a is damaged"):
        keeping.records("accounts", 1)


def test_the_migrations_make_the_tables_that_the_code_knows(keeping: Keeping) -> None:
    inspector = sa.inspect(keeping.engine)
    for table in metadata.sorted_tables:
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        assert columns == {column.name for column in table.columns}
    version = sa.table(MIGRATIONS.version_table, sa.column("version_num"))
    with keeping.engine.connect() as connection:
        assert connection.scalar(sa.select(version.c.version_num)) == MIGRATIONS.head()


def test_a_database_of_a_newer_version_is_left_alone(url: str) -> None:
    Keeping.open(url, "shop").close()
    engine = KEPT.open(url)
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {MIGRATIONS.version_table} SET version_num = '9999'"))  # noqa: S608
    engine.dispose()
    with pytest.raises(ConfigError, match="newer version"):
        KEPT.open(url)


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="database_url"):
        KEPT.open(f"sqlite:///{tmp_path}/no/folder.db")
