"""A database of the limits, of its own or somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from exact_online.errors import ConfigError, NotNowError
from exact_online.limit_database import open_limits
from exact_online.limits import Budget

if TYPE_CHECKING:
    from pathlib import Path


def test_two_programs_count_in_one_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/limits.db"
    first, second = open_limits(url), open_limits(url)
    budget = Budget(first, "app", max_calls=100)
    budget.acquire("financial/Journals", division=1)
    budget.release()
    assert Budget(second, "app").left(division=1).day == (4_999, 5_000)
    first.dispose()
    second.dispose()


def test_only_so_many_calls_of_a_day_are_used(tmp_path: Path) -> None:
    engine = open_limits(f"sqlite:///{tmp_path}/limits.db")
    clock = [1_000_000.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    budget = Budget(engine, "app", max_calls=7, clock=lambda: clock[0], sleep=sleep)
    for _ in range(7):
        budget.acquire("financial/Journals", division=1)
    with pytest.raises(NotNowError, match="The 7 of the 5000 calls of today"):
        budget.acquire("financial/Journals", division=1)
    engine.dispose()


@pytest.mark.parametrize("url", ["", "limits.db", "mysql://a/b", "sqlite"])
def test_what_is_no_address_of_a_database_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match="limits_url"):
        open_limits(url)


def test_a_place_that_cannot_be_written_is_named_without_a_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be used: unable to open"):
        open_limits(f"sqlite:///{tmp_path}/missing/limits.db")
    with pytest.raises(ConfigError, match="cannot be used") as caught:
        open_limits("postgresql://me:very-secret@127.0.0.1:1/db")
    assert "very-secret" not in str(caught.value)


def test_a_schema_is_for_postgresql(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="schema"):
        open_limits(f"sqlite:///{tmp_path}/limits.db", "tea")


def test_the_schema_is_the_targets(postgres_url: str) -> None:
    server = sa.create_engine(postgres_url)
    with server.begin() as connection:
        connection.execute(sa.schema.CreateSchema("tea"))
    engine = open_limits(postgres_url.replace("+psycopg", ""), "tea")
    assert sa.inspect(server).has_table("call_windows", schema="tea")
    assert not sa.inspect(server).has_table("call_windows", schema="public")
    engine.dispose()
    server.dispose()
